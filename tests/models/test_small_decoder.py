"""The small decoder: it sees what came before, and nothing else."""

import pytest
import torch
from torch import nn

from unbend._errors import ArgumentError
from unbend.activations import SwiGLU, matched_hidden
from unbend.data import Dataset
from unbend.mixers import SoftmaxAttention
from unbend.models import small_block_decoder, small_decoder, small_mixer_decoder


def windows(classes: int = 7, length: int = 11) -> Dataset:
    x = torch.randint(classes, (5, length), generator=torch.Generator().manual_seed(0))
    return Dataset("w", "next-token", (x, x), (x, x), classes=classes)


@pytest.mark.parametrize("width", [1, 3, 13, 16])
def test_a_later_token_never_changes_an_earlier_output(width: int) -> None:
    torch.manual_seed(0)
    data = windows()
    model = small_decoder(nn.GELU, data, width)
    x = data.train[0]
    changed = x.clone()
    changed[:, 6] = (changed[:, 6] + 1) % 7
    before, after = model(x), model(changed)
    assert torch.equal(before[:, :6], after[:, :6])
    assert before.shape == (5, 11, 7)
    if width > 1:  # a layer norm of width 1 says nothing
        assert not torch.allclose(before[:, 10], after[:, 10])


def test_earlier_tokens_and_their_places_matter() -> None:
    torch.manual_seed(0)
    model = small_decoder(nn.ReLU, windows(), 16)
    one, other = torch.tensor([[1, 2, 3]]), torch.tensor([[2, 1, 3]])
    assert not torch.allclose(model(one)[0, 2], model(other)[0, 2])
    assert not torch.allclose(model(torch.tensor([[1, 1]]))[0, 0], model(torch.tensor([[1, 1]]))[0, 1])


def test_the_bend_has_a_place_in_every_block() -> None:
    made = list[nn.Module]()

    def make() -> nn.Module:
        made.append(nn.PReLU())
        return made[-1]

    model = small_decoder(make, windows(), 8)
    assert len(made) == 2
    model(windows().train[0]).sum().backward()
    assert all(bend.weight.grad is not None and bend.weight.grad.abs() > 0 for bend in made)


def test_the_feed_forward_block_may_be_gated() -> None:
    def make(width: int, hidden: int) -> nn.Module:
        return SwiGLU(width, matched_hidden(hidden))

    data = windows()
    model = small_block_decoder(make, data, 12)
    gates = [part for part in model.modules() if isinstance(part, SwiGLU)]
    assert [gate.hidden for gate in gates] == [32, 32]
    model(data.train[0]).sum().backward()
    assert all(gate.out.weight.grad is not None for gate in gates)


@pytest.mark.parametrize("places", [True, False])
def test_the_mixer_is_an_argument(places: bool) -> None:
    made = list[tuple[int, int]]()

    def make(width: int, length: int) -> nn.Module:
        made.append((width, length))
        return SoftmaxAttention(width, causal=True)

    torch.manual_seed(0)
    data = windows()
    model = small_mixer_decoder(make, data, 18, places=places, blocks=3)
    assert made == [(16, 11)] * 3
    x = data.train[0]
    changed = x.clone()
    changed[:, 6] = (changed[:, 6] + 1) % 7
    before, after = model(x), model(changed)
    torch.testing.assert_close(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 10], after[:, 10])
    same = torch.full((1, 11), 3)
    assert torch.allclose(model(same)[0, 3], model(same)[0, 4], atol=1e-5) != places


def test_a_stream_of_its_own_width_lets_the_cost_move_in_small_steps() -> None:
    def count(width: int) -> int:
        model = small_mixer_decoder(lambda d, _: nn.Linear(d, d), windows(), width, stream=32)
        return sum(p.numel() for p in model.parameters())

    assert {count(w + 1) - count(w) for w in range(1, 9)} == {2 * 4 * (2 * 32 + 1)}


def test_parameters_grow_with_the_width() -> None:
    counts = [sum(p.numel() for p in small_decoder(nn.ReLU, windows(), w).parameters()) for w in range(1, 40)]
    assert counts == sorted(set(counts))


def test_a_width_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="width: got 0"):
        small_decoder(nn.ReLU, windows(), 0)
