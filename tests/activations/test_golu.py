"""GoLU: closed forms, the trap of the textbook form, limits."""

import math

import pytest
import torch
from hypothesis import given, strategies as st
from scipy.special import lambertw

from unbend._errors import ArgumentError
from unbend.activations import GoLU, golu

OMEGA = float(lambertw(1).real)  # 0.567143..., the solution of w = exp(-w)


def test_least_value_is_at_minus_omega() -> None:
    x = torch.tensor(-OMEGA, dtype=torch.float64, requires_grad=True)
    y = golu(x)
    (slope,) = torch.autograd.grad(y, x)
    assert abs(float(slope)) < 1e-15
    assert float(y.detach()) == pytest.approx(-OMEGA * math.exp(-1 / OMEGA), abs=1e-16)
    assert GoLU().facts.value == (pytest.approx(-0.09726013122763942), math.inf)


def test_slope_at_zero_is_one_over_e() -> None:
    assert float(GoLU().slope(torch.tensor(0.0, dtype=torch.float64))) == pytest.approx(math.exp(-1), abs=1e-16)


def test_slope_turns_where_the_second_derivative_is_zero() -> None:
    # y'' = exp(-t) t (2 + x t - x), t = exp(-x)
    for x in GoLU().facts.breaks:
        assert 2 + x * math.exp(-x) - x == pytest.approx(0, abs=1e-14)


def test_gaussian_mean_and_variance() -> None:
    mean, second = GoLU().moments()
    assert mean == pytest.approx(0.2588561, abs=1e-7)
    assert second - mean**2 == pytest.approx(0.2526, abs=1e-4)


def test_textbook_form_is_nan_where_ours_is_zero() -> None:
    x = torch.tensor([-90.0, -1e4, -3e38], requires_grad=True)
    textbook = x * torch.exp(-torch.exp(-x))
    assert bool(torch.autograd.grad(textbook.sum(), x)[0].isnan().all()), "the trap is there"
    y = golu(x)
    assert torch.equal(y, torch.zeros(3))
    assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.zeros(3))


def test_steep_gate_tends_to_the_rectifier() -> None:
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)
    gap = [float((golu(x, gamma) - x.relu()).abs().max()) for gamma in (10.0, 100.0, 1000.0)]
    assert gap[0] > 5 * gap[1] > 25 * gap[2]
    assert gap[2] < 1e-3


@given(st.floats(-50, 50), st.floats(0.01, 100))
def test_steepness_scales_input_and_output(x: float, gamma: float) -> None:
    point = torch.tensor(x, dtype=torch.float64)
    assert float(golu(point, gamma)) == pytest.approx(float(golu(gamma * point)) / gamma, rel=1e-12, abs=1e-14)
    assert GoLU(gamma).facts.value[0] == pytest.approx(GoLU().facts.value[0] / gamma)


@pytest.mark.parametrize("gamma", [0.0, -1.0, math.nan, "2"])
def test_steepness_must_be_positive(gamma) -> None:
    with pytest.raises(ArgumentError, match=r"gamma: got .*expected a finite number > 0"):
        GoLU(gamma)
