"""Lines with a ripple: symmetry, variance, when they turn back."""

import math

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.activations import Snake, SnakeBeta, UnitSnake, XPlusSin, bend, unit_snake

X = torch.linspace(-9, 9, 1801, dtype=torch.float64)


def test_the_plain_sine_is_odd_and_rises():
    made = XPlusSin()
    assert (made.facts.symmetry, made.facts.monotone) == ("odd", "increasing")
    assert made.facts.slope == (pytest.approx(0), pytest.approx(2))
    assert isinstance(bend("x_plus_sin"), XPlusSin)


@pytest.mark.parametrize("a", [0.01, 0.3, 0.56, 1.0, 4.0, 30.0])
def test_unit_variance_at_every_frequency(a):
    mean, square = UnitSnake(a).moments()
    assert square - mean**2 == pytest.approx(1, abs=1e-9)
    plain = Snake(a)
    low, high = plain.moments()
    scale = math.sqrt(high - low**2)
    torch.testing.assert_close(UnitSnake(a).double()(X), plain.double()(X) / scale, rtol=1e-9, atol=1e-9)
    assert high - low**2 <= 1.2037


def test_the_correction_passes_through_zero_frequency():
    a = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    y = unit_snake(X, a)
    assert torch.equal(y.detach(), X)
    (slope,) = torch.autograd.grad(y.sum(), a)
    assert float(slope) == pytest.approx(float((X**2).sum()))


@pytest.mark.parametrize(("a", "b"), [(0.2, 7.0), (1.0, 1.5), (2.0, 1.9), (3.0, 0.4), (8.0, 8.0)])
def test_two_constants_are_snake_where_they_are_equal_and_turn_back_where_it_is_high(a, b):
    same = SnakeBeta(a, a).double()
    torch.testing.assert_close(same(X), Snake(a).double()(X))
    made = SnakeBeta(a, b).double()
    a, b = made.at("a"), made.at("b")
    facts = made.facts
    if a != b:
        assert facts.monotone == ("increasing" if a < b else None)
        assert len(facts.turns) == (0 if a < b else 2)
    assert facts.slope == (pytest.approx(1 - a / b), pytest.approx(1 + a / b))
    slopes = made.slope(torch.tensor(facts.turns, dtype=torch.float64))
    assert slopes.tolist() == pytest.approx([0.0] * len(facts.turns), abs=1e-7 * (1 + a / b))


@pytest.mark.parametrize("kind", [UnitSnake, SnakeBeta])
def test_frequency_must_be_positive(kind):
    with pytest.raises(ArgumentError, match="a: got 0"):
        kind(0)
