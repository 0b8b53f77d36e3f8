"""What the studies of transformers, forecasts and machines are built of."""

import pytest
import torch

from tests._shared import shared
from unbend.data import Dataset, load
from unbend.models import subleq
from unbend.studies import find
from unbend.studies.fope import by_length
from unbend.studies.linear_sa import best_step, plain_step, ridge
from unbend.studies.looped import Programs, program
from unbend.studies.ltsf import Repeat, shuffled
from unbend.studies.stories_swap import ToldStories, distil, loss_of, swapped


def test_tokens_that_are_shuffled_tell_no_places() -> None:
    study, data = find("transformers"), load("digits")
    torch.manual_seed(0)
    x = data.test[0][:9]
    for name, same in (("none", True), ("learned", False)):
        model = study.trial.network(study.arm(name), data, 16)
        torch.nn.init.normal_(model.embed.weight)
        if name == "learned":
            torch.nn.init.normal_(model.body.place)
        turned = x.unflatten(3, (4, 2)).flip(3).flatten(3)  # pairs of columns in another order: patches, moved
        assert torch.allclose(model(x), model(turned), atol=1e-5) is same


def test_longer_windows_end_where_the_text_does() -> None:
    data = load("stdlib-text")

    class Known(torch.nn.Module):
        """Tells the next token from the text itself: a loss of nearly zero at every length."""

        def forward(self, x):
            y = torch.roll(x, -1, 1)
            y[:, -1] = 0
            return 50.0 * torch.nn.functional.one_hot(y, data.outputs).float()

    found = by_length(Known(), data)
    assert set(found) == {"loss_x1", "loss_x2", "loss_x8"}
    assert all(0 < value < 1.2 for value in found.values())


def test_shuffling_hurts_what_reads_the_last_value_alone() -> None:
    x = torch.arange(40.0).repeat(50, 1)
    y = x[:, -1:] + torch.arange(1.0, 5.0)
    data = Dataset("line", "regression", (x, y), (x, y))
    made = Repeat(1).fit(*data.train)
    assert torch.equal(made.predict(x), torch.full((50, 4), 39.0))
    assert torch.equal(Repeat(2).fit(*data.train).predict(x), torch.tensor([38.0, 39, 38, 39]).expand(50, -1))
    assert shuffled(made.predict, data)["shuffle_rise"] > 10


def test_order_of_the_predictors_in_context() -> None:
    study = find("linear-sa")
    data = study.sources["anisotropic"].load()
    x, y = (part[:20_000] for part in data.test)
    errors = [float((f(x, data) - y).square().mean()) for f in (ridge, best_step, plain_step)]
    assert errors == sorted(errors)
    assert errors[1] == pytest.approx(5 * (1 - 10 / 16.25) + 0.25, rel=0.05)


def test_a_row_is_a_program() -> None:
    data = Programs(16).load()
    for row in data.test[0][:20]:
        made = program(row)
        assert len(made.commands) + len(made.memory) + 1 == 16
        assert subleq(made, 30)[-1].at >= made.start


@pytest.mark.slow
def test_distillation_brings_a_swapped_model_nearer(monkeypatch) -> None:
    monkeypatch.setenv("UNBEND_DATA", str(shared("stories260k/stories260k.npz").parents[1]))
    told = ToldStories().load()
    data = Dataset(
        "told", "next-token", *(tuple(part[:40] for part in split) for split in (told.train, told.test)), 512
    )
    torch.manual_seed(0)
    model = swapped(find("stories-swap").arm("linear"))
    before = loss_of(model, data)
    distil(model, data, 12, 0, lambda: None)
    assert loss_of(model, data) < before - 0.3
    assert 0.5 < loss_of(swapped(find("stories-swap").arm("softmax, anew")), data) < 20
