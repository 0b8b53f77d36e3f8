"""Fractional derivatives: whole orders, a closed form, and how orders add."""

import math

import pytest
import torch
from torch.nn import functional as F

from unbend.activations import FALU, FracSoftplus, FracTanh, bend, falu, fractional

LINE = torch.linspace(-6, 6, 121, dtype=torch.float64)


@pytest.mark.parametrize(("kind", "base"), [(FracSoftplus, F.softplus), (FracTanh, torch.tanh)])
def test_orders_none_and_one(kind, base) -> None:
    layer = kind(0.0, 0.1, dtype=torch.float64)
    torch.testing.assert_close(layer(LINE), base(LINE))
    layer = kind(1.0, 0.1, dtype=torch.float64)
    torch.testing.assert_close(layer(LINE), (base(LINE) - base(LINE - 0.1)) / 0.1)


@pytest.mark.parametrize("order", [0.3, 0.5, 0.9, 1.4])
def test_an_exponential_is_its_own_derivative(order: float) -> None:
    errors = []
    for step in (0.02, 0.01):
        values = torch.exp(-step * torch.arange(4000, dtype=torch.float64))
        errors.append(abs(float(fractional(values, torch.tensor(order).double(), step)) - 1))
    assert errors[0] < 0.02
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.05), "the error falls with the step"


def test_weights_are_signed_binomials() -> None:
    order = 0.37
    for n in range(6):
        values = F.one_hot(torch.tensor(n), 6).double()
        expected = (-1) ** n * math.gamma(order + 1) / (math.factorial(n) * math.gamma(order - n + 1))
        assert float(fractional(values, torch.tensor(order).double(), 1.0)) == pytest.approx(expected)


def test_half_twice_is_whole() -> None:
    # With all terms kept, the sums of order a and b make that of order a + b.
    values = torch.randn(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    half = torch.tensor(0.5).double()
    once = torch.stack([fractional(values[n:], half, 0.1) for n in range(39)])
    twice = fractional(once, half, 0.1)
    assert float(twice) == pytest.approx(float(values[0] - values[1]) / 0.1, rel=1e-9, abs=5e-2)


def test_falu_at_whole_orders() -> None:
    one = torch.tensor(1.0).double()
    x = LINE.clone().requires_grad_()
    swish = falu(x, 0 * one, one)
    torch.testing.assert_close(swish, F.silu(x))
    (slope,) = torch.autograd.grad(swish.sum(), x)
    torch.testing.assert_close(falu(LINE, one, one), slope)
    second = falu(torch.tensor([-60.0, 0.0, 60.0]).double(), 2 * one, one)
    torch.testing.assert_close(second, torch.tensor([0.0, 0.5, 0.0]).double(), atol=1e-12, rtol=0)


def test_falu_is_linear_between_whole_orders_and_held_outside() -> None:
    def at(alpha: float) -> torch.Tensor:
        return falu(LINE, torch.tensor(alpha).double(), torch.tensor(1.3).double())

    torch.testing.assert_close(at(0.25), 0.75 * at(0.0) + 0.25 * at(1.0))
    torch.testing.assert_close(at(1.75), 0.25 * at(1.0) + 0.75 * at(2.0))
    assert torch.equal(at(-1.0), at(0.0))
    assert torch.equal(at(3.0), at(2.0))


def test_names_of_the_catalogue() -> None:
    for name, kind in {"falu": FALU, "frac_softplus": FracSoftplus, "frac_tanh": FracTanh}.items():
        assert type(bend(name)) is kind
