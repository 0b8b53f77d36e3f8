"""Matched widths: found, within 5 %, or refused."""

import pytest
import torch
from torch import nn

from unbend._errors import ArgumentError
from unbend.data import Dataset, load
from unbend.mixers import EfficientAttention2d
from unbend.models import any_size, convolution, small_bottleneck, small_mlp
from unbend.study import Arm
from unbend.study._match import match_width, measure

DIGITS = load("digits")
CONVOLUTION, ATTENTION = (Arm(any_size, {"mixer": mixer}) for mixer in (convolution, EfficientAttention2d))


@pytest.mark.parametrize("match", ["params", "operations"])
def test_the_match_is_the_closest_width(match) -> None:
    found = match_width(small_bottleneck, ATTENTION, CONVOLUTION, DIGITS, 48, match)

    def ratio(width: int) -> float:
        return measure(small_bottleneck(ATTENTION, DIGITS, width), DIGITS, match) / wanted

    wanted = measure(small_bottleneck(CONVOLUTION, DIGITS, 48), DIGITS, match)
    assert found.ratio == ratio(found.width)
    assert abs(found.ratio - 1) < 0.05
    assert all(abs(found.ratio - 1) <= abs(ratio(found.width + d) - 1) for d in (-2, -1, 1, 2)), "none is closer"
    assert found.width > 48, "attention has fewer weights than a convolution, so it may be wider"


def test_the_reference_matches_itself() -> None:
    found = match_width(small_mlp, Arm(nn.ReLU), Arm(nn.Tanh), DIGITS, 37, "params")
    assert (found.width, found.ratio) == (37, 1.0)


def test_one_weight_more_in_each_bend_is_paid_for() -> None:
    found = match_width(small_mlp, Arm(nn.PReLU, {"num_parameters": 400}), Arm(nn.ReLU), DIGITS, 32, "params")
    assert found.width < 32


def test_a_match_that_cannot_be_is_refused() -> None:
    def coarse(make, data: Dataset, width: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 2**width), make(), nn.Linear(2**width, 10))

    heavier = Arm(nn.PReLU, {"num_parameters": 500})
    message = r"match='params': got 0.917 times the reference at best, at width 3; expected within 5 %"
    with pytest.raises(ArgumentError, match=message):
        match_width(coarse, heavier, Arm(nn.ReLU), DIGITS, 4, "params")


def test_operators_without_a_price_are_no_base_for_a_match() -> None:
    class Root(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.cholesky_ex(x[..., None, None])[0][..., 0, 0]

    with pytest.raises(ArgumentError, match=r"operators without a price: aten\.linalg_cholesky_ex"):
        match_width(small_mlp, Arm(Root), Arm(nn.ReLU), DIGITS, 8, "operations")
