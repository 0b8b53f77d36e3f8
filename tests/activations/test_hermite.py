"""Hermite polynomials as bends: the start, the rule of the slope, depth, and the clamp."""

import math

import pytest
import torch
from numpy.polynomial import hermite_e

from unbend._errors import ArgumentError
from unbend.activations import HermiteActivation

X = torch.linspace(-4, 4, 201, dtype=torch.float64)


@pytest.mark.parametrize("degree", [1, 2, 3, 6, 10])
def test_it_is_the_sum_of_he_n_over_n_factorial(degree: int) -> None:
    made = HermiteActivation(degree, dtype=torch.float64)
    c = [float(p.detach()) / math.factorial(n) for n, p in enumerate(made.parameters())]
    expected = torch.from_numpy(hermite_e.hermeval(X.numpy(), c))
    assert torch.allclose(made(X), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("degree", [1, 2, 3, 6, 10])
def test_second_moments_at_the_start_tend_to_one(degree: int) -> None:
    made = HermiteActivation(degree, dtype=torch.float64)
    tail = sum(1 / math.factorial(n) for n in range(1, degree + 1))
    assert made.moments()[1] == pytest.approx((1 - 1 / math.factorial(degree) + tail) / math.e, rel=1e-12)
    one = torch.ones((), dtype=torch.float64)
    # The slope is the same sum with one term less: E f'(Z)^2 = sum_n<d 1/n! / e.
    assert float(made.derivative_kernel(one, one, one)) == pytest.approx(
        sum(1 / math.factorial(n) for n in range(degree)) / math.e, rel=1e-9
    )


def test_the_slope_drops_one_degree() -> None:
    made, lower = HermiteActivation(5, dtype=torch.float64), HermiteActivation(4, dtype=torch.float64)
    with torch.no_grad():
        for p, value in zip(made.parameters(), (0.3, -1.0, 0.7, 2.0, -0.4, 1.1), strict=True):
            p.fill_(value)
        for p, value in zip(lower.parameters(), (-1.0, 0.7, 2.0, -0.4, 1.1), strict=True):
            p.fill_(value)
    assert torch.allclose(made.slope(X), lower(X), rtol=1e-12, atol=1e-12)


def test_two_layers_are_a_polynomial_of_the_product_of_degrees() -> None:
    inner, outer = HermiteActivation(2, dtype=torch.float64), HermiteActivation(3, dtype=torch.float64)
    x = torch.arange(8, dtype=torch.float64) / 4
    with torch.no_grad():
        y = outer(1.5 * inner(0.7 * x - 0.2) + 0.1)
    # The seventh differences of a polynomial of degree six are zero, the sixth ones are not.
    assert abs(float(y.diff(n=6)[0])) > 1e-4
    assert abs(float(y.diff(n=7)[0])) < 1e-10


def test_the_clamp_keeps_it_finite() -> None:
    made = HermiteActivation(3, clamp=True)
    y = made(torch.tensor([-1e30, 1e30])).detach()
    s = math.sqrt(3)
    poly = [sum(math.exp(-0.5) * h for h in (math.sqrt(5 / 6), u, (u * u - 1) / 2, 0.0)) for u in (-s, s)]
    assert y.tolist() == pytest.approx(poly, rel=1e-5)
    assert made.facts.left is not None
    assert made.facts.left.offset == pytest.approx(poly[0], rel=1e-6)


def test_the_normaliser_is_n_factorial_and_not_its_root() -> None:
    made = HermiteActivation(3, dtype=torch.float64)
    third = made(X).diff(n=3) / float(X[1] - X[0]) ** 3
    assert float(third.mean()) == pytest.approx(math.exp(-0.5), rel=1e-6)


def test_degrees_beyond_reason_are_refused() -> None:
    with pytest.raises(ArgumentError, match="degree: got 40"):
        HermiteActivation(40)
    with pytest.raises(ArgumentError, match="degree"):
        HermiteActivation(0)
