"""Waves as a bend: the start, its mean square, its bound, the lean backward."""

import math

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss

from unbend.activations import FourierActivation
from unbend.activations._lean_base import LARGE


def plain(made: FourierActivation, x: torch.Tensor) -> torch.Tensor:
    """The formula, all waves at once."""
    k = torch.tensor([math.factorial(k) for k in range(1, made.degree + 1)], dtype=x.dtype)
    angle = x[..., None] * made.frequencies.to(x.dtype) - made.phases.to(x.dtype)
    return made.fundamental.to(x.dtype) + (made.heights.to(x.dtype) / k * angle.cos()).sum(-1)


@pytest.mark.parametrize("degree", [1, 2, 6])
def test_it_is_the_formula(degree: int) -> None:
    made, x = FourierActivation(degree, dtype=torch.float64), torch.linspace(-9, 9, 301, dtype=torch.float64)
    assert torch.allclose(made(x), plain(made, x), rtol=1e-12)


def test_the_size_is_one_over_the_root_of_the_bessel_number() -> None:
    assert float(FourierActivation().heights[0].detach()) == pytest.approx(
        float(torch.special.i0(torch.tensor(2.0))) ** -0.5, rel=1e-6
    )


@pytest.mark.parametrize("degree", [2, 4, 6])
def test_mean_square_over_a_period_at_the_start(degree: int) -> None:
    # f^2 + sum c^2 / (2 (k!)^2): the mean over x even on a period.
    made = FourierActivation(degree, dtype=torch.float64)
    x = torch.arange(4096, dtype=torch.float64) / 4096 * 2 * math.pi
    size = float(made.heights[0].detach()) ** 2
    expected = size * (1 - 1 / math.factorial(degree) ** 2)
    expected += size * sum(1 / math.factorial(k) ** 2 for k in range(1, degree + 1)) / 2
    assert float(made(x).square().mean().detach()) == pytest.approx(expected, rel=1e-9)


def test_mean_square_of_gaussian_inputs_at_the_start() -> None:
    made = FourierActivation(dtype=torch.float64)
    nodes, weights = map(torch.from_numpy, hermegauss(120))
    found = float((weights * made(nodes).square()).sum().detach() / weights.sum())
    # E cos(j Z - p) cos(k Z - q) = (exp(-(j - k)^2 / 2) cos(p - q) + exp(-(j + k)^2 / 2) cos(p + q)) / 2.
    c, f = float(made.heights[0].detach()), float(made.fundamental.detach())
    sizes = [c / math.factorial(k) for k in range(1, 7)]
    expected = f * f + sum(
        2 * f * size * math.exp(-k * k / 2) * math.cos(math.pi / 4) for k, size in enumerate(sizes, 1)
    )
    expected += sum(a * b * math.exp(-((j - k) ** 2) / 2) / 2 for j, a in enumerate(sizes) for k, b in enumerate(sizes))
    assert found == pytest.approx(expected, rel=1e-9)


def test_it_is_bounded() -> None:
    made, x = FourierActivation(), torch.linspace(-100, 100, 10_001)
    most = float(made.fundamental.detach()) + sum(
        float(c.detach()) / math.factorial(k) for k, c in enumerate(made.heights, 1)
    )
    assert float(made(x).abs().max().detach()) <= most * (1 + 1e-6)


def test_gradients_in_pieces_are_those_of_the_formula() -> None:
    made = FourierActivation(3)
    x = torch.randn(LARGE + 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weight = torch.cos(torch.arange(len(x), dtype=x.dtype)) / len(x)
    wanted = (x, *made.parameters())
    got, expected = (torch.autograd.grad(y, wanted, weight) for y in (made(x), plain(made, x)))
    for one, other in zip(got, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-7)


def test_only_the_input_is_kept() -> None:
    made, x, kept = FourierActivation(), torch.randn(500, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        made(x)
    assert [t.numel() for t in kept if t.numel() >= 500] == [500]
