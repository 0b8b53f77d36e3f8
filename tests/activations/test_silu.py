"""SiLU: identities and landmarks."""

import math

import pytest
import torch
from scipy.special import lambertw

from unbend.activations import SiLU, silu

X = torch.linspace(-40, 40, 8001, dtype=torch.float64)


def test_odd_part_is_half_the_identity() -> None:
    torch.testing.assert_close(silu(X) - silu(-X), X, rtol=1e-14, atol=1e-14)


def test_even_part_is_the_identity_times_half_a_tanh() -> None:
    torch.testing.assert_close(silu(X) + silu(-X), X * torch.tanh(X / 2), rtol=1e-14, atol=1e-14)


def test_least_value_is_minus_lambert_of_one_over_e() -> None:
    least = -float(lambertw(1 / math.e).real)
    facts = SiLU().facts
    assert facts.value == (pytest.approx(least, abs=1e-16), math.inf)
    assert facts.turns == (pytest.approx(least - 1, abs=1e-15),)
    assert facts.fixed == ((0.0, 0.0),)


def test_slope_turns_where_told() -> None:
    for x in SiLU().facts.breaks:
        assert x * math.tanh(x / 2) == pytest.approx(2, abs=1e-14)
