"""The shared trials: they learn, pair their arms, keep to the budget, and say what went wrong."""

import math
from dataclasses import dataclass, field
from typing import Any

import cloudpickle
import pytest
import torch
from torch import Tensor, nn

from unbend._errors import ArgumentError
from unbend.data import Dataset, load
from unbend.models import small_cnn, small_mlp
from unbend.study import Arm, Budget, Diverged, Operations, Seconds, Steps, classify, next_token, regress
from unbend.study._train import Fit, _schedule

DIGITS = load("digits")


@dataclass
class Made:
    """A cell made by hand."""

    arm: Arm = field(default_factory=lambda: Arm(nn.ReLU))
    data: Dataset = DIGITS
    seed: int = 0
    budget: Budget = field(default_factory=lambda: Steps(3))
    name: str = "made"
    reference: Arm = field(default_factory=lambda: Arm(nn.ReLU))
    logged: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    checks: int = 0

    def log(self, step: int, **values: float) -> None:
        self.logged.append((step, values))

    def check_deadline(self) -> None:
        self.checks += 1


class Watched(nn.Module):
    """Remembers the batches that pass on the way forth in training, and has weights of its own to draw."""

    batches: list[Tensor]

    def __init__(self, weights: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(weights, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.batches.append(x)
        return x


def watch_inputs(make: Any, data: Dataset, width: int) -> nn.Module:
    return nn.Sequential(make(), nn.Flatten(), nn.Linear(64, 10))


def batches_of(weights: int, seed: int) -> list[Tensor]:
    kind = type("Kind", (Watched,), {"batches": []})
    classify(watch_inputs)(Made(Arm(kind, {"weights": weights}), seed=seed, budget=Steps(25)))
    return kind.batches


def test_arms_with_one_seed_see_the_same_batches() -> None:
    one, other, another_seed = batches_of(0, 7), batches_of(1000, 7), batches_of(0, 8)
    assert len(one) == 25
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], another_seed[0])
    epoch = torch.cat(one[:18]).flatten(1)
    assert len(epoch.unique(dim=0)) > 1100, "no example comes twice in an epoch"


def test_a_seed_gives_the_same_result_and_leaves_no_trace() -> None:
    before = torch.random.get_rng_state()
    first, second = (classify(small_mlp)(Made(budget=Steps(20))) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    other = classify(small_mlp)(Made(seed=1, budget=Steps(20)))
    del first["ms_per_step"], second["ms_per_step"]
    assert first == second
    assert first["loss"] != other["loss"]


@pytest.mark.parametrize(("network", "width", "least"), [(small_mlp, 64, 0.9), (small_cnn, 12, 0.9)])
def test_digits_are_learned(network, width: int, least: float) -> None:
    assert classify(network, width=width)(Made(budget=Steps(150)))["accuracy"] > least


def test_what_is_measured() -> None:
    cell = Made(budget=Steps(8))
    got = classify(small_mlp, width=16)(cell)
    model = small_mlp(nn.ReLU, DIGITS, 16)
    assert got["parameters"] == sum(p.numel() for p in model.parameters())
    assert got["torch_operations"] == 2 * (64 * 16 + 4 * 16 * 32 + 16 * 10)
    assert got["operations"] > got["torch_operations"]
    assert got["steps"] == cell.checks == 8
    assert got["width"] == 16
    # The input of every layer is kept for the way back, at least.
    assert got["peak_bytes"] > 64 * 4 * (3 * 16 + 2 * 32)
    assert [step for step, values in cell.logged if "train_loss" in values] == list(range(1, 9))
    assert [step for step, values in cell.logged if "accuracy" in values] == [2, 4, 6, 8]
    assert cell.logged[-1][1] == {name: got[name] for name in ("accuracy", "loss")}


def test_loss_and_accuracy_are_those_of_the_whole_test_set() -> None:
    class Always3(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.eye(10)[3])

        def forward(self, x: Tensor) -> Tensor:
            return self.weight + x.new_zeros(len(x), 10)

    got = classify(lambda make, data, width: Always3(), lr=1e-9)(Made(budget=Steps(1)))
    share = float((DIGITS.test[1] == 3).double().mean())
    assert got["accuracy"] == pytest.approx(share)
    assert got["loss"] == pytest.approx(math.log(9 + math.e) - share, abs=1e-5)


def test_steps_seconds_and_operations_end_the_training() -> None:
    trial = classify(small_mlp, width=16)
    forward = trial(Made(budget=Steps(1)))["operations"]
    assert trial(Made(budget=Operations(10 * 3 * 64 * forward)))["steps"] == 10
    assert trial(Made(budget=Operations(1)))["steps"] == 1, "one step is the least"
    few, many = (trial(Made(budget=Seconds(seconds)))["steps"] for seconds in (0.02, 0.4))
    assert few < many


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [_schedule(i / 100, 0.1) for i in range(100)]
    assert max(rates) == rates[10] == 1.0
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[0] < 0.1
    assert rates[-1] < 1e-3
    assert _schedule(0.0, 0.0) == 1.0


def test_an_arm_is_tuned_only_where_it_says_so() -> None:
    trial = classify(small_mlp, width=16)
    plain, declared, other = (
        trial(Made(Arm(nn.LeakyReLU, params), budget=Steps(20)))["loss"]
        for params in ({}, {"lr": 0.002, "weight_decay": 0.01}, {"negative_slope": 0.01, "lr": 0.02})
    )
    assert plain == declared
    assert plain != other


def test_matched_arms_say_how_well_they_match() -> None:
    arm = Arm(nn.PReLU, {"num_parameters": 300})

    def network(make: Any, data: Dataset, width: int) -> nn.Module:
        bend = make()
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 300), bend, nn.Linear(300, width), nn.Linear(width, 10))

    got = classify(network, width=16, match="params")(Made(arm, reference=Arm(nn.ReLU)))
    assert got["width"] == 15
    assert got["ratio"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("where", ["loss", "test"])
def test_a_network_that_diverges_names_the_step(where: str) -> None:
    class Bomb(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += self.training
            return x / (0 if (self.calls == 4 if where == "loss" else not self.training) else 1)

    message = "the loss is nan at step 4" if where == "loss" else "the loss on the test set is nan after step 2"
    with pytest.raises(Diverged, match=message):
        classify(small_mlp)(Made(Arm(Bomb), budget=Steps(8)))


def test_a_wrong_output_and_a_wrong_task_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"output of the network: got \(64, 5\); expected shape \(64, 10\)"):
        classify(lambda make, data, width: nn.Sequential(nn.Flatten(), nn.Linear(64, 5)))(Made())
    with pytest.raises(
        ArgumentError, match="data set digits: got data for classification; expected data for regression"
    ):
        regress(small_mlp)(Made())


def test_a_line_is_learned_by_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 3, generator=generator)
    y = x @ torch.tensor([[1.0, 0.5], [-2.0, 0.0], [0.5, 1.0]]) + 1
    data = Dataset("line", "regression", (x[:300], y[:300]), (x[300:], y[300:]))
    got = regress(small_mlp, width=16, lr=1e-2)(Made(data=data, budget=Steps(150)))
    assert got["r2"] > 0.95
    assert got["r2"] == pytest.approx(1 - got["loss"] / float(data.test[1].var(0, correction=0).mean()))


class Absolute(nn.Linear):
    """Trained on the mean absolute error, which is the median's, and not the mean's."""

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        return (out - y).abs().mean()


def test_a_network_may_bring_its_loss_and_is_tested_like_any_other() -> None:
    x, y = torch.zeros(9, 1), torch.tensor([0.0] * 6 + [3.0] * 3)[:, None]
    data = Dataset("skewed", "regression", (x, y), (x, y))
    trial = regress(lambda make, data, width: make(), lr=3e-2, batch=9)
    absolute, square = (trial(Made(Arm(c, dict.fromkeys(["in_features", "out_features"], 1)), data, budget=Steps(400)))
                        for c in (Absolute, nn.Linear))  # fmt: skip
    assert absolute["loss"] == pytest.approx(3.0, abs=0.1), "the median is 0"
    assert square["loss"] == pytest.approx(2.0, abs=0.1), "the mean is 1"


def test_a_probe_measures_the_trained_network() -> None:
    def slope(model: nn.Module, data: Dataset) -> dict[str, float]:
        assert not model.training
        return {"slope": model.weight.item()}

    x = torch.linspace(-1, 1, 64)[:, None]
    data = Dataset("line", "regression", (x, x), (x, x))
    arm = Arm(nn.Linear, {"in_features": 1, "out_features": 1})
    got = regress(lambda make, data, width: make(), lr=5e-2, probe=slope)(Made(arm, data, budget=Steps(200)))
    assert got["slope"] == pytest.approx(1, abs=0.05)


def test_targets_that_do_not_vary_leave_nothing_to_explain() -> None:
    x = torch.randn(8, 3)
    data = Dataset("flat", "regression", (x, x[:, :1]), (x, torch.ones(8, 1)))
    assert regress(small_mlp, width=16)(Made(data=data))["r2"] == 0.0


@pytest.mark.parametrize("budget", [lambda: Steps(0), lambda: Seconds(float("inf")), lambda: Operations(-1)])
def test_budgets_are_positive(budget) -> None:
    with pytest.raises(ArgumentError):
        budget()


def test_a_cycle_is_learned_by_its_next_tokens() -> None:
    x = (torch.arange(40)[:, None] + torch.arange(9)) % 7
    data = Dataset("cycle", "next-token", (x[:, :-1], x[:, 1:]), (x[:10, :-1], x[:10, 1:]), classes=7)

    def network(make: Any, data: Dataset, width: int) -> nn.Module:
        return nn.Sequential(nn.Embedding(7, width), make(), nn.Linear(width, 7))

    got = next_token(network, width=16, lr=3e-2)(Made(data=data, budget=Steps(60)))
    assert got["accuracy"] == 1.0
    assert got["loss"] < 0.1


def test_trials_are_values() -> None:
    trial = classify(small_mlp, width=16, match="params")
    assert trial == Fit(small_mlp, "classification", width=16, match="params")
    assert cloudpickle.loads(cloudpickle.dumps(trial)) == trial
    with pytest.raises(ArgumentError, match="width"):
        classify(small_mlp, width=0)
