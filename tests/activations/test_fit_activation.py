"""Fits of learned bends to given ones: the least squares where it is linear, quality where it is not."""

import pytest
import torch
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.activations import (
    PAU,
    FourierActivation,
    HermiteActivation,
    TropicalActivation,
    TropicalRationalActivation,
    fit_activation,
)


def rms(made: torch.nn.Module, fn, low: float, high: float) -> float:
    x = torch.linspace(low, high, 1001)
    return float((made(x) - fn(x)).square().mean().sqrt().detach())


def test_hermite_gets_the_least_squares_of_value_and_slope() -> None:
    basis = HermiteActivation(4, dtype=torch.float64)
    made = fit_activation(basis, F.silu)
    x = torch.linspace(-2, 2, 129, dtype=torch.float64)
    z = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.silu(z).sum(), z)
    powers = torch.stack([x**j for j in range(5)], 1)
    slopes = torch.stack([j * x ** max(j - 1, 0) for j in range(5)], 1)
    target = torch.cat([F.silu(x), slope])
    best = torch.cat([powers, slopes]) @ torch.linalg.lstsq(torch.cat([powers, slopes]), target[:, None]).solution
    assert torch.allclose(made(x), best[:129, 0], atol=1e-9)


def test_a_polynomial_is_found_again() -> None:
    made = fit_activation(HermiteActivation(3, dtype=torch.float64), lambda x: x**3 - 2 * x + 1)
    x = torch.linspace(-3, 3, 50, dtype=torch.float64)
    assert torch.allclose(made(x), x**3 - 2 * x + 1, atol=1e-9)


def test_higher_degrees_come_nearer() -> None:
    off = [rms(fit_activation(HermiteActivation(d), F.gelu, starts=1), F.gelu, -1.7, 1.7) for d in (2, 4, 8)]
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.003


@pytest.mark.slow
def test_waves_come_near_to_gelu() -> None:
    made = fit_activation(FourierActivation(6), F.gelu, interval=(-4.0, 4.0))
    assert rms(made, F.gelu, -4, 4) < 0.01


def test_straight_pieces_come_near_to_gelu() -> None:
    torch.manual_seed(0)
    made = fit_activation(TropicalRationalActivation(3), F.gelu, derivative=False, starts=4)
    assert rms(made, F.gelu, -3, 3) < 0.05
    # A tropical polynomial is convex: it cannot follow the dip.
    assert rms(fit_activation(TropicalActivation(6), F.gelu, derivative=False), F.gelu, -6, 6) < 0.15


def test_rational_bends_are_fitted_as_well() -> None:
    made = fit_activation(PAU(), torch.sigmoid, starts=1)
    assert rms(made, torch.sigmoid, -3, 3) < 1e-3


def test_the_basis_is_left_alone_and_the_call_repeats_itself() -> None:
    basis = HermiteActivation(3)
    before = [p.clone() for p in basis.parameters()]
    one, two = (fit_activation(basis, F.gelu) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(before, basis.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"basis: .*a module with parameters"):
        fit_activation(torch.nn.ReLU(), F.gelu)
    with pytest.raises(ArgumentError, match=r"fn: .*not finite"):
        fit_activation(HermiteActivation(3), torch.log)
    with pytest.raises(ArgumentError, match="interval"):
        fit_activation(HermiteActivation(3), F.gelu, interval=(1.0, 1.0))
