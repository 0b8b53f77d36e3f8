"""GELU: identities, the distance of its approximation, closed kernels."""

import math

import pytest
import torch

from unbend.activations import GELU, GELUTanh, gelu, gelu_tanh

X = torch.linspace(-12, 12, 240_001, dtype=torch.float64)


@pytest.mark.parametrize("f", [gelu, gelu_tanh])
def test_odd_part_is_half_the_identity(f) -> None:
    torch.testing.assert_close(f(X) - f(-X), X, rtol=1e-14, atol=1e-14)


def test_equal_to_torch() -> None:
    torch.testing.assert_close(gelu(X), torch.nn.functional.gelu(X), rtol=0, atol=0)
    torch.testing.assert_close(gelu_tanh(X), torch.nn.functional.gelu(X, approximate="tanh"), rtol=1e-13, atol=1e-14)


def test_torch_loses_the_slope_far_out_and_we_do_not() -> None:
    x = torch.tensor([1e20, -1e20], requires_grad=True)
    theirs = torch.autograd.grad(torch.nn.functional.gelu(x, approximate="tanh").sum(), x)[0]
    ours = torch.autograd.grad(gelu_tanh(x).sum(), x)[0]
    assert bool(theirs.isnan().any()), "if torch mends its kernel, use it again"
    assert torch.equal(ours, torch.tensor([1.0, 0.0]))


def test_distance_between_the_two() -> None:
    assert float((gelu(X) - gelu_tanh(X)).abs().max()) == pytest.approx(4.732e-4, rel=1e-3)


def test_landmarks() -> None:
    facts = GELU().facts
    assert facts.turns == (pytest.approx(-0.7517915246935646),)
    assert facts.value[0] == pytest.approx(-0.16997120747990369, abs=1e-15)
    assert facts.slope == pytest.approx((-0.12890414, 1.12890414), abs=1e-8)
    second = torch.func.grad(torch.func.grad(gelu))
    assert float(second(torch.tensor(0.0, dtype=torch.float64))) == pytest.approx(2 / math.sqrt(2 * math.pi))


@pytest.mark.parametrize(("mean", "var"), [(0.0, 1.0), (1.3, 0.4), (-2.0, 9.0)])
def test_gaussian_mean_in_closed_form(mean: float, var: float) -> None:
    t = math.sqrt(1 + var)
    cdf, density = 0.5 * math.erfc(-mean / t / math.sqrt(2)), math.exp(-((mean / t) ** 2) / 2) / math.sqrt(2 * math.pi)
    assert GELU().moments(mean, var)[0] == pytest.approx(mean * cdf + var / t * density, abs=1e-12)


@pytest.mark.parametrize("corr", [-1.0, -0.4, 0.0, 0.9, 1.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_quadrature_finds_the_closed_kernel(corr: float, scale: float) -> None:
    bend, plain = GELU(), GELU()
    plain.dual = None
    q = [torch.tensor(scale * v, dtype=torch.float64) for v in (1.0, corr * math.sqrt(2), 2.0)]
    assert float(plain.dual_kernel(*q)) == pytest.approx(float(bend.dual_kernel(*q)), rel=1e-8)
    assert float(plain.derivative_kernel(*q)) == pytest.approx(float(bend.derivative_kernel(*q)), rel=1e-7, abs=1e-9)


def test_approximation_has_nearly_the_same_kernel() -> None:
    q = [torch.tensor(v, dtype=torch.float64) for v in (1.0, 0.5, 1.0)]
    assert float(GELUTanh().dual_kernel(*q)) == pytest.approx(float(GELU().dual_kernel(*q)), abs=1e-3)
