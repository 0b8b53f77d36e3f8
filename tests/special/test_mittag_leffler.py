"""The Mittag-Leffler function: closed forms, forty-digit sums, identities, promises of accuracy, kinds of input."""

import math
import subprocess
import sys

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import special

from unbend._errors import ArgumentError
from unbend.special import mittag_leffler

X = torch.linspace(-6, 6, 241, dtype=torch.float64)


def exact(z: float, alpha: float, beta: float) -> float:
    """The series, with as many digits as its cancellation asks for."""
    with mpmath.workdps(30 + int(abs(z) ** (1 / alpha) / 2.3)):
        a, b, total, k, small = mpmath.mpf(alpha), mpmath.mpf(beta), mpmath.mpf(0), 0, 0
        while small < 3:
            term = mpmath.mpf(z) ** k * mpmath.rgamma(a * k + b)
            total += term
            small = small + 1 if abs(term) < mpmath.mpf(10) ** -30 and k * alpha > 2 else 0
            k += 1
        return float(total)


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (mittag_leffler(X, 1.0), X.exp()),
        (mittag_leffler(-(X**2), 2.0), X.cos()),
        (mittag_leffler(X**2, 2.0), X.cosh()),
        (X * mittag_leffler(X**2, 2.0, 2.0), X.sinh()),
        (X * mittag_leffler(-(X**2), 2.0, 2.0), X.sin()),
        (X * mittag_leffler(X, 1.0, 2.0), X.expm1()),
        (mittag_leffler(-X.abs(), 0.5), torch.from_numpy(special.erfcx(X.abs().numpy()))),
        (mittag_leffler(-X.exp(), 0.0), (-X).sigmoid()),
        (mittag_leffler(X - 7, 0.0, 3.0), 1 / (2 * (8 - X))),
        (mittag_leffler(X**3, 3.0), (X.exp() + 2 * (-X / 2).exp() * (X * 3**0.5 / 2).cos()) / 3),
        (mittag_leffler(X**4, 4.0), (X.cosh() + X.cos()) / 2),
    ],
)  # fmt: skip
def test_closed_forms(ours: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=2e-12, atol=1e-12)


@pytest.mark.parametrize("alpha", [0.1, 0.35, 0.8, 1.0, 1.0001, 1.5, 1.97, 2.0, 2.6, 3.2, 4.0])
def test_accuracy_is_as_promised(alpha: float) -> None:
    top = min(60.0, 45.0**alpha)
    for beta in (-2.0, -0.5, 0.0, alpha, 1.0, 1.7, 3.0, 5.0):
        for z in (sign * size for size in (1e-8, 1e-3, 0.09, 0.7, top / 9, top / 3, top) for sign in (1, -1)):
            if alpha < 0.5 and z > 2 * 3**alpha:
                continue
            value = exact(z, alpha, beta)
            error = abs(mittag_leffler(z, alpha, beta) - value)
            allowed = 1e-11 + 1e-15 * max(z, 0) ** (1 / alpha)
            assert error <= allowed * (abs(value) + 1 / (1 + abs(z))), f"E({z}; {alpha}, {beta}) = {value!r}"


@settings(deadline=None, max_examples=50)
@given(st.floats(0.2, 3.9), st.floats(-1, 3), st.floats(-1e3, 6))
def test_raising_beta_by_alpha(alpha: float, beta: float, z: float) -> None:
    left, right = mittag_leffler(z, alpha, beta), z * mittag_leffler(z, alpha, beta + alpha) + special.rgamma(beta)
    assert left == pytest.approx(right, rel=1e-8, abs=1e-10)


def test_derivatives_are_those_of_the_literature() -> None:
    z = torch.linspace(-8, 5, 28, dtype=torch.float64).requires_grad_()
    for alpha, beta in ((0.4, 1.0), (1.3, 2.0), (2.0, 0.5)):
        (slope,) = torch.autograd.grad(mittag_leffler(z, alpha, beta).sum(), z)
        lower, same = mittag_leffler(z, alpha, beta - 1), mittag_leffler(z, alpha, beta)
        torch.testing.assert_close(slope, ((lower - (beta - 1) * same) / (alpha * z)).detach(), rtol=1e-9, atol=1e-10)
    at_zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(mittag_leffler(at_zero, 0.7, 1.2), at_zero)
    assert float(slope) == pytest.approx(1 / math.gamma(1.9), rel=1e-12)


def test_derivatives_by_the_parameters_are_the_digamma_series() -> None:
    z, alpha, beta = -1.7, 1.2, 0.9
    a, b = (torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in (alpha, beta))
    by_a, by_b = torch.autograd.grad(mittag_leffler(torch.tensor(z, dtype=torch.float64), a, b), (a, b))
    k = np.arange(60)
    terms = -(z**k) * special.digamma(alpha * k + beta) * special.rgamma(alpha * k + beta)
    assert float(by_a) == pytest.approx(float((k * terms).sum()), rel=1e-10)
    assert float(by_b) == pytest.approx(float(terms.sum()), rel=1e-10)


def test_alpha_may_pass_through_zero() -> None:
    alpha = torch.tensor([-1e-3, 0.0, 1e-3], dtype=torch.float64, requires_grad=True)
    y = mittag_leffler(torch.tensor(-3.0, dtype=torch.float64), alpha, 1.0)
    (slope,) = torch.autograd.grad(y.sum(), alpha)
    assert float((y[2] - y[0]).detach() / 2e-3) == pytest.approx(float(slope[1]), rel=1e-5)
    reflected = 1 - mittag_leffler(-1 / 3.0, 0.4)
    assert mittag_leffler(-3.0, -0.4) == pytest.approx(reflected, rel=1e-11)


def test_completely_monotone_between_zero_and_one() -> None:
    y = mittag_leffler(-torch.logspace(-3, 6, 400, dtype=torch.float64), 0.6)
    assert bool((y > 0).all())
    assert bool((y.diff() < 0).all())


def test_scaled_values_do_not_overflow() -> None:
    z = torch.tensor([2.0, 1e3, 1e8, 1e300], dtype=torch.float64)
    y = mittag_leffler(z, 2.0, scaled=True)
    torch.testing.assert_close(y, (1 + (-2 * z.sqrt()).exp()) / 2, rtol=1e-12, atol=0)
    assert mittag_leffler(1e8, 2.0) == math.inf


@pytest.mark.parametrize("shape", [(5,), (5, 1), (1, 5, 1), (4, 5, 3), (4, 1, 3)])
def test_parameters_along_any_axis_are_those_of_single_calls(shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(0)
    alpha, beta = (0.2 + torch.rand(shape, generator=random, dtype=torch.float64) for _ in range(2))
    z = torch.randn(4, 5, 3, generator=random, dtype=torch.float64)
    if len(shape) == 1:
        z = z.movedim(1, -1)
    got = mittag_leffler(z, alpha, beta)
    whole = torch.broadcast_tensors(z, alpha, beta)
    expected = [mittag_leffler(*map(float, row)) for row in zip(*(t.flatten() for t in whole))]
    torch.testing.assert_close(got.flatten(), torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-13)


def test_kinds_of_input() -> None:
    assert isinstance(mittag_leffler(1.0, 1.0), float)
    assert mittag_leffler(np.float32([1, 2]), 1.0).dtype == np.float32
    assert mittag_leffler(np.array([1, 2]), 1.0).dtype == np.float64
    assert mittag_leffler(torch.ones(2, dtype=torch.bfloat16), 1.0).dtype == torch.bfloat16
    assert mittag_leffler(torch.ones(2, dtype=torch.int64), 1.0).dtype == torch.float32
    assert mittag_leffler(torch.ones(0, 3), 1.0).shape == (0, 3)


@pytest.mark.parametrize("alpha", [-1.0, 4.1, math.nan])
def test_alpha_out_of_range(alpha: float) -> None:
    with pytest.raises(ArgumentError, match="alpha: got"):
        mittag_leffler(1.0, alpha)
    assert bool(mittag_leffler(torch.ones(1), torch.tensor(alpha)).isnan().all())


def test_the_room_opens_without_numba() -> None:
    code = "import sys, unbend.special; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
