"""Tables against the curves that they were made of, and the rate at which their error falls."""

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

from unbend.models import ChebyshevCurves
from unbend.models._curves_base import TabulatedCurves


def test_polynomials_are_numpys() -> None:
    curves = ChebyshevCurves(3, 7, 0.5, 2.5, dtype=torch.float64)
    x = torch.linspace(0.5, 2.5, 41, dtype=torch.float64)
    theirs = chebyshev.chebval(x.numpy() - 1.5, curves.weight.detach().numpy().T)
    np.testing.assert_allclose(curves(x).detach().numpy(), theirs.T, atol=1e-12)


@pytest.mark.parametrize(("kind", "order"), [("linear", 2), ("cubic", 4)])
def test_error_falls_with_its_power_of_the_step(kind, order: int) -> None:
    x = torch.linspace(0.013, 2.97, 1000, dtype=torch.float64)

    def f(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.sin(2 * x), torch.exp(-x)], -1)

    tables = [TabulatedCurves(f(torch.linspace(0, 3, n, dtype=torch.float64)), 0.0, 3.0, kind) for n in (161, 321, 641)]
    errors = [float((table(x) - f(x)).abs().max()) for table in tables]
    rates = np.log2(np.divide(errors[:-1], errors[1:]))
    assert rates == pytest.approx([order, order], abs=0.4)


def test_a_cubic_is_its_own_table_and_so_is_its_slope() -> None:
    table = TabulatedCurves((torch.linspace(-1, 2, 7, dtype=torch.float64) ** 3)[:, None], -1.0, 2.0)
    x = torch.linspace(-0.99, 1.99, 50, dtype=torch.float64, requires_grad=True)
    y = table(x)[:, 0]
    torch.testing.assert_close(y, x**3)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope, 3 * x**2)


def test_the_slope_of_a_cubic_table_does_not_jump() -> None:
    values = torch.randn(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    table = TabulatedCurves(values, 0.0, 8.0)
    knots = torch.arange(1.0, 8.0, dtype=torch.float64)
    before, after = (torch.autograd.functional.jacobian(lambda x: table(x).sum(0), knots + e) for e in (-1e-9, 1e-9))
    torch.testing.assert_close(before, after, atol=1e-6, rtol=0)
    torch.testing.assert_close(table(knots), values[1:8], atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_outside_the_value_stays_that_of_the_end(kind) -> None:
    table = TabulatedCurves(torch.tensor([[2.0], [0.0], [1.0], [5.0]]), -1.0, 1.0, kind)
    torch.testing.assert_close(table(torch.tensor([-9.0, -1.0, 1.0, 9.0])), torch.tensor([[2.0], [2.0], [5.0], [5.0]]))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: TabulatedCurves(torch.zeros(3, 1), 0.0, 1.0), "values"),
        (lambda: TabulatedCurves(torch.zeros(4, 1), 1.0, 0.0), "low, high"),
        (lambda: TabulatedCurves(torch.zeros(4, 1), 0.0, 1.0, "quintic"), "kind"),
        (lambda: ChebyshevCurves(0, 3), "curves"),
    ],
)
def test_bad_arguments_are_named(make, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
