"""Fits of smooth functions: exact where they can be, and rates that are known."""

import math

import pytest
import torch
from torch import Tensor, nn

from unbend._errors import ArgumentError
from unbend.data import Dataset
from unbend.models import KAN
from unbend.study import Arm, Diverged, Seconds, Steps, approximate, rate


class Made:
    """A cell."""

    def __init__(self, arm: Arm, steps: int = 60, seed: int = 0) -> None:
        x = torch.linspace(-1, 1, 241)[:, None]
        y = torch.cat([x**2, torch.sin(3 * x)], 1)
        self.data = Dataset("curve", "regression", (x[::2], y[::2]), (x[1::2], y[1::2]))
        self.name, self.arm, self.reference, self.seed, self.budget = "arm", arm, arm, seed, Steps(steps)

    def log(self, step: int, **values: float) -> None:
        pass

    def check_deadline(self) -> None:
        pass


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    return make(data.shape[0], data.outputs, width)


def splines(features: int, outputs: int, width: int, **settings) -> nn.Module:
    return KAN((features, outputs), width, **settings)


def polynomial(features: int, outputs: int, width: int) -> nn.Module:
    class Powers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.map = nn.Linear(2, outputs)

        def forward(self, x: Tensor) -> Tensor:
            return self.map(torch.cat([x, x**2], 1))

    return Powers()


def test_what_can_be_exact_becomes_so() -> None:
    cell = Made(Arm(polynomial))
    x, _ = cell.data.train
    cell.data = Dataset("curve", "regression", (x, torch.cat([x**2, x], 1)), (x, torch.cat([x**2, x], 1)))
    got = approximate(network)(cell)
    assert got["log10_rmse"] < -6, "the targets are of float32"
    assert got["steps"] < 60, "nothing falls any more"
    assert got["parameters"] == 6


def test_grids_move_and_steps_are_counted() -> None:
    got = approximate(network, width=6)(Made(Arm(splines)))
    assert 55 <= got["steps"] <= 70
    assert got["log10_rmse"] < -2
    again = approximate(network, width=6)(Made(Arm(splines)))
    assert got == again
    inside = Made(Arm(lambda *sizes: nn.Sequential(splines(*sizes))))
    assert approximate(network, width=6)(inside)["log10_rmse"] != got["log10_rmse"], "there the grids stand still"


@pytest.mark.parametrize("order", [1, 3])
def test_the_rate_of_splines_is_their_order_and_one(order: int) -> None:
    # Numbers are 2 * (grid + order + 2): on coarse grids they grow slower than the grid, so the slope is steeper.
    got = rate(network, (4, 8, 16))(Made(Arm(splines, {"order": order}), steps=400))
    sizes = [grid + order + 2 for grid in (4, 8, 16)]
    steepness = math.log(4) / math.log(sizes[2] / sizes[0])
    assert got["rmse_exponent"] == pytest.approx(-(order + 1) * steepness, rel=0.25)
    assert got["parameters"] == 2 * sizes[2]


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="sizes"):
        rate(network, (5, 3))
    cell = Made(Arm(splines))
    cell.budget = Seconds(1.0)
    with pytest.raises(ArgumentError, match="budget"):
        approximate(network)(cell)
    cell = Made(Arm(splines))
    cell.data = Dataset("c", "classification", *[(torch.zeros(3, 1), torch.tensor([0, 1, 0]))] * 2, classes=2)
    with pytest.raises(ArgumentError, match="data for regression"):
        approximate(network)(cell)


def test_a_loss_that_is_not_finite_is_told() -> None:
    def broken(*sizes: int) -> nn.Module:
        net = polynomial(*sizes)
        nn.init.constant_(net.map.weight, math.inf)
        return net

    with pytest.raises(Diverged, match="evaluation 0"):
        approximate(network)(Made(Arm(broken)))
