"""Levels, leakage and gradients, and the paper's two orders of magnitude."""

import math

import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn

from unbend.layers import Analog, LeakyNoise, ReducePrecision, noise_std, reduce_precision


@given(st.lists(st.floats(-1, 1), min_size=1), st.sampled_from([1, 2, 3, 4, 8, 16]))
def test_rounding_is_to_the_nearest_level_and_only_once(values: list[float], precision: int) -> None:
    x = torch.tensor(values, dtype=torch.float64)
    y = reduce_precision(x, precision)
    torch.testing.assert_close((y * precision).round(), y * precision)
    assert (y - x).abs().max() <= 0.5 / precision + 1e-12
    assert torch.equal(reduce_precision(y, precision), y)
    assert torch.equal(reduce_precision(-x, precision), -y)


@pytest.mark.parametrize(("divide", "expected"), [(0.5, 0.25), (0.0, 0.5), (1.0, 0.25)])
def test_where_rounding_turns_upward(divide: float, expected: float) -> None:
    assert reduce_precision(torch.tensor(0.375), 4, divide).item() == expected


def test_whole_levels_stay_when_rounding_never_turns_upward() -> None:
    x = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert torch.equal(reduce_precision(x, 4, divide=1.0), x)


def test_stochastic_rounding_has_the_right_mean_and_neighbours() -> None:
    torch.manual_seed(0)
    x = torch.tensor([0.3, -0.55, 0.9]).expand(100_000, 3)
    y = ReducePrecision(4, stochastic=True)(x)
    assert ((y.mean(0) - x[0]).abs() < 3 * y.std(0) / 100_000**0.5).all()
    for values, allowed in zip(y.T, ({0.25, 0.5}, {-0.5, -0.75}, {0.75, 1.0})):
        assert set(values.unique().tolist()) == allowed


@pytest.mark.parametrize("leakage", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("precision", [1, 4])
def test_so_many_values_leave_their_level(leakage: float, precision: int) -> None:
    std = noise_std(leakage, precision)
    assert math.erfc(0.5 / precision / std / math.sqrt(2)) == pytest.approx(leakage)
    torch.manual_seed(0)
    moved = reduce_precision(LeakyNoise(leakage, precision).eval()(torch.zeros(100_000)), precision) != 0
    assert float(moved.double().mean()) == pytest.approx(leakage, abs=0.006)


def test_gradients_pass_straight_through() -> None:
    x = torch.randn(50, requires_grad=True)
    for layer in (ReducePrecision(2), ReducePrecision(2, stochastic=True), LeakyNoise(0.5, 2)):
        (slope,) = torch.autograd.grad((layer(x) * torch.arange(50)).sum(), x)
        assert torch.equal(slope, torch.arange(50.0))


def test_noise_in_use_unless_asked_otherwise() -> None:
    x = torch.zeros(10)
    assert LeakyNoise(0.5, 2).eval()(x).any()
    assert not LeakyNoise(0.5, 2, in_eval=False).eval()(x).any()
    assert LeakyNoise(0.5, 2, in_eval=False)(x).any()


def test_an_analog_layer_has_levels_in_its_range() -> None:
    torch.manual_seed(0)
    y = Analog(nn.Linear(5, 7), precision=2, leakage=0.5)(3 * torch.randn(200, 5))
    assert set(y.unique().tolist()) == {-1.0, -0.5, 0.0, 0.5, 1.0}


def test_without_noise_and_at_many_levels_it_is_the_layer() -> None:
    layer = nn.Linear(5, 7)
    x = torch.rand(9, 5) * 0.2
    torch.testing.assert_close(Analog(layer, 10_000, leakage=None)(x), layer(x).clamp(-1, 1), atol=3e-4, rtol=0)


@pytest.mark.parametrize("s", [0.01, 0.005])
def test_gradients_of_relu_err_a_hundred_times_more_near_zero(s: float) -> None:
    """Mean of |f'(e) - f'(0)|, e ~ N(0, s^2): every second sign flips for ReLU, GELU's slope moves by 2 phi(0) e."""
    e = s * torch.linspace(-8, 8, 100_001, dtype=torch.float64)
    weight = torch.exp(-((e / s) ** 2) / 2) / math.sqrt(2 * math.pi) / s

    def error(f) -> float:
        at = e.clone().requires_grad_()
        (slope,) = torch.autograd.grad(f(at).sum(), at)
        return float(torch.trapezoid((slope - slope[len(slope) // 2]).abs() * weight, e))

    relu, gelu = error(torch.relu), error(nn.functional.gelu)
    assert relu == pytest.approx(0.5, rel=1e-3)
    assert gelu == pytest.approx(2 / math.sqrt(2 * math.pi) * s * math.sqrt(2 / math.pi), rel=1e-2)
    assert relu / gelu == pytest.approx(0.785 / s, rel=0.01)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ReducePrecision(0), "precision"),
        (lambda: ReducePrecision(2, divide=2.0), "divide"),
        (lambda: LeakyNoise(1.0, 2), "leakage"),
    ],
)
def test_bad_arguments_are_named(make, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
