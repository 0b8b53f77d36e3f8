"""Costs that grow as a known power of the pixels."""

import math

import pytest
import torch
from torch import Tensor, nn

from tests.study.test_train import Made
from unbend._errors import ArgumentError
from unbend.models import any_size
from unbend.study import Arm, scaling


class Pairs(nn.Module):
    """Every pixel with every other: quadratic in pixels, in work and in memory."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        return (flat @ (flat.transpose(1, 2) @ flat).tanh()).view_as(x)


POINTWISE = {"mixer": nn.Conv2d, "out_channels": 4, "kernel_size": 1, "bias": False}


@pytest.mark.parametrize(("arm", "power"), [(Arm(any_size, {"mixer": Pairs}), 2), (Arm(any_size, POINTWISE), 1)])
def test_exponents_are_those_of_the_algorithm(arm: Arm, power: int) -> None:
    got = scaling((8, 12, 20), channels=4, batch=2, repeats=1)(Made(arm))
    assert got["operations_exponent"] == pytest.approx(power, abs=0.01)
    assert got["peak_exponent"] == pytest.approx(power, abs=0.15)


def test_costs_are_counted_at_the_largest_map() -> None:
    trial = scaling((4, 8), channels=4, batch=3)
    got, again = (trial(Made(Arm(any_size, POINTWISE), seed=seed)) for seed in (0, 1))
    assert got["operations"] == 2 * 64 * 4 * 4
    # The output, its square and the gradients of both: at least two of them are alive at once.
    assert 2 * 3 * 4 * 64 * 4 <= 2 ** got["log2_peak_bytes"] <= 6 * 3 * 4 * 64 * 4
    assert all(got[name] == again[name] for name in got if not name.startswith("ms"))
    assert got["ms"] > 0
    assert math.isfinite(got["ms_exponent"])


def test_what_cannot_be_counted_is_refused() -> None:
    class Root(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()

        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.cholesky_ex(x[..., None, None])[0][..., 0, 0]

    with pytest.raises(ArgumentError, match=r"arm made: got aten\.linalg_cholesky_ex\.default"):
        scaling((4, 8), channels=4, batch=2)(Made(Arm(any_size, {"mixer": Root})))
    with pytest.raises(ArgumentError, match="sides: got"):
        scaling((8, 8))
