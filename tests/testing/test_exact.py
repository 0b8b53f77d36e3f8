"""Formulas in forty digits."""

import math

import pytest

from unbend._errors import ArgumentError
from unbend.activations._formula_base import Cost, Formula
from unbend.testing._exact import exact


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [
        ("y = Phi(x)", 0.0, 0.5),
        ("y = softplus(x)", 1e30, 1e30),
        ("y = softplus(x)", -1e30, 0.0),
        ("y = exp(-exp(-x))", -1e30, 0.0),
        ("y = where(x > 0, sqrt(x), clip(x, -1, 1))", 4.0, 2.0),
        ("y = where(x > 0, sqrt(x), clip(x, -1, 1))", -4.0, -1.0),
        ("t = a * x\ny = sin(t) + pi", 0.0, math.pi),
        ("y = expm1(x)", 1e-20, 1e-20),
        ("y = tanh(x)", 1e30, 1.0),
        ("y = maximum(x, 0) + isru(x) + logcosh(x)", 0.0, 0.0),
    ],
)
def test_values(text: str, x: float, value: float) -> None:
    assert exact(Formula(text), x, {"a": 2.0}) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("y = __import__('os')", "formula: got __import__"),
        ("y = x.real", "expected arithmetic"),
        ("y = (lambda: x)()", "formula: got"),
        ("z = x", "expected a last line `y = ...`"),
    ],
)
def test_refuses_what_is_no_formula(text: str, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        exact(Formula(text), 1.0, {})


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("y = x * exp(-exp(-gamma * x))", Cost(3, 2)),
        ("y = x", Cost(0, 0)),
        ("y = sqrt(2 / pi) * x", Cost(1, 0)),
        ("t = x**3\ny = t + t**2", Cost(4, 0)),
        ("y = x**0.5", Cost(0, 1)),
        ("y = where(x > 0, x, a * x)", Cost(3, 0)),
    ],
)
def test_cost_counts_the_operations_of_an_element(text: str, cost: Cost) -> None:
    assert Formula(text).cost() == cost
