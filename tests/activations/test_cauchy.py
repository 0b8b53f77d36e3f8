"""Cauchy: its extremes, its integral, its landmarks, and the integral formula that it comes from."""

import cmath
import math
from itertools import pairwise

import pytest
import torch
from scipy import integrate

from unbend._errors import ArgumentError
from unbend.activations import Cauchy, cauchy
from unbend.activations._cauchy import cauchy_partials, cauchy_slope

X = torch.linspace(-9, 9, 1801, dtype=torch.float64)


def test_the_odd_part_is_greatest_at_d() -> None:
    bend = Cauchy(1.0, 0.0, 1.0).double()
    assert bend.facts.value == (pytest.approx(-0.5, abs=1e-15), pytest.approx(0.5, abs=1e-15))
    assert sorted(bend.facts.turns) == pytest.approx([-1, 1])
    assert bend.facts.symmetry == "odd"
    assert Cauchy(0.0, 1.0, 0.5).double().facts.value[1] == pytest.approx(4)


@pytest.mark.parametrize("d", [0.3, 1.0, 4.0])
def test_the_integral_of_the_even_part(d: float) -> None:
    def even(x: float) -> float:
        return float(cauchy(torch.tensor(x, dtype=torch.float64), 0.0, 0.7, d))

    assert integrate.quad(even, -math.inf, math.inf)[0] == pytest.approx(math.pi * 0.7 / d, rel=1e-8)


@pytest.mark.parametrize(
    ("odd", "even", "d"), [(1, 0, 1), (0, 1, 1), (0, -2, 3), (1, -0.5, 0.8), (-1, 1e-3, 2), (1e-6, 1, 1), (-3, -4, 0.1)]
)
def test_landmarks_are_the_zeros_of_the_derivatives(odd: float, even: float, d: float) -> None:
    outline = Cauchy(odd, even, d).double().outline
    odd, even, d = (float(Cauchy(odd, even, d).double().at(n)) for n in ("lambda1", "lambda2", "d"))
    for points, order, zero in (
        (outline.turns, 2, lambda x: odd * (d**2 - x**2) - 2 * even * x),
        (outline.breaks, 3, lambda x: odd * x**3 + 3 * even * x**2 - 3 * odd * d**2 * x - even * d**2),
    ):
        # Where the odd part is zero the last one is at infinity, and 0 stands in its place.
        found = {round(x, 9) + 0.0 for x in points if odd or abs(zero(x)) < 1e-9}
        assert len(found) == order - (odd == 0)
        for x in found:
            around = 1e-8 * (abs(x) + d)
            assert zero(x - around) * zero(x + around) < 0, f"no zero at {x!r}"


def test_gradients_by_the_parameters() -> None:
    values = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.4, -0.3, 0.9)]
    for i in range(3):
        x = X[::300]
        grads = torch.autograd.grad(cauchy(x, *values).sum(), values)
        odd, even, d = (float(v.detach()) for v in values)
        square = x**2 + d**2
        expected = [(x / square).sum(), (1 / square).sum(), (-2 * d * (odd * x + even) / square**2).sum()]
        assert float(grads[i]) == pytest.approx(float(expected[i]), rel=1e-12)


def test_far_out_nothing_overflows() -> None:
    x = torch.tensor([1e30, -1e30, 1e-30])
    torch.testing.assert_close(cauchy(x, 1.0, 1.0, 1.0), torch.tensor([1e-30, -1e-30, 1.0]), rtol=1e-6, atol=0)
    assert bool(cauchy_slope(x, 1.0, 1.0, 1.0).isfinite().all())


def test_a_sum_over_poles_is_the_function_inside() -> None:
    """The Cauchy integral over a circle, discretised in m points, gives exp on [-1, 1]; its error falls as 2^-m."""
    x = torch.linspace(-1, 1, 201, dtype=torch.float64)
    errors: list[float] = []
    for m in (8, 16, 24, 32):
        total = torch.zeros_like(x)
        for k in range(m // 2):  # the poles above the line; those below are their conjugates
            pole = 2 * cmath.exp(1j * math.pi * (2 * k + 1) / m)
            strength = -2 * pole * cmath.exp(pole) / m
            # strength / ((x - Re pole) - i Im pole), so the kernel's d is -Im pole
            total = total + cauchy(x - pole.real, strength.real, -strength.imag * pole.imag, pole.imag)
        errors.append(float((total - x.exp()).abs().max()))
    assert errors[-1] < 1e-8
    assert all(later < earlier / 100 for earlier, later in pairwise(errors))


@pytest.mark.parametrize("d", [0.0, -1.0, math.inf])
def test_the_pole_must_lie_off_the_line(d: float) -> None:
    with pytest.raises(ArgumentError, match="d: got"):
        Cauchy(d=d)


@pytest.mark.parametrize("size", [1.0, 1e100])
def test_partial_derivatives_are_those_of_the_function(size: float) -> None:
    values, x = tuple(torch.tensor(v, dtype=torch.float64) for v in (0.4, -0.3, 0.9)), size * X[::300]
    by_values = torch.func.jacfwd(lambda *v: cauchy(x, *v), argnums=(0, 1, 2))(*values)
    for got, expected in zip(cauchy_partials(x, *values), by_values):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-300)
