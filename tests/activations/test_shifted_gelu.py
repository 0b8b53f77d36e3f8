"""ShiftedGELU: what it equals, and where it turns."""

import pytest
import torch
from hypothesis import given, strategies as st

from unbend._errors import ArgumentError
from unbend.activations import GELU, ShiftedGELU, shifted_gelu

X = torch.linspace(-9, 9, 1801, dtype=torch.float64)


def test_gelu_is_the_default():
    torch.testing.assert_close(ShiftedGELU()(X), GELU()(X), rtol=1e-9, atol=1e-15)
    assert ShiftedGELU().facts.turns == (pytest.approx(GELU().facts.turns[0], abs=1e-12),)
    assert ShiftedGELU().facts.breaks == pytest.approx(GELU().facts.breaks)


@given(st.floats(0.05, 20))
def test_width_scales_input_and_output(sigma):
    torch.testing.assert_close(shifted_gelu(X, 0.0, sigma), sigma * GELU()(X / sigma), rtol=1e-9, atol=1e-13)


def test_a_narrow_gate_is_the_rectifier():
    assert float((shifted_gelu(X, 0.0, 1e-3) - X.relu()).abs().max()) < 1e-3


@given(st.floats(-5, 5), st.floats(0.1, 5))
def test_the_value_turns_once_and_below_zero(mu, sigma):
    made = ShiftedGELU(mu, sigma)
    (turn,) = made.outline.turns
    assert turn < 1e-12
    assert float(made.slope(torch.tensor(turn, dtype=torch.float64))) == pytest.approx(0, abs=1e-12)
    for point in made.outline.breaks:
        x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        (curvature,) = torch.autograd.grad(made.slope(x), x)
        assert abs(float(curvature)) * sigma < 1e-12


def test_width_must_be_positive():
    with pytest.raises(ArgumentError, match="sigma: got 0"):
        ShiftedGELU(sigma=0)


def test_it_keeps_its_digits_on_the_far_left():
    at = torch.tensor(-8.0, dtype=torch.float64)
    assert float(shifted_gelu(at)) == pytest.approx(-4.97677e-15, rel=1e-5, abs=0)
    assert float(GELU()(at)) != pytest.approx(-4.97677e-15, rel=1e-3, abs=0)
