"""Snake: symmetry, limits, statistics, kernels, bounds over many periods."""

import math

import pytest
import torch
from hypothesis import given, strategies as st

from unbend._errors import ArgumentError
from unbend.activations import Snake, bend, snake

X = torch.linspace(-9, 9, 1801, dtype=torch.float64)


@pytest.mark.parametrize("a", [0.3, 1.0, -2.0, 20.0])
def test_identity_plus_an_even_ripple(a: float) -> None:
    y = snake(X, a)
    torch.testing.assert_close(y - snake(-X, a), 2 * X, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(y, X + torch.sin(a * X) ** 2 / a, rtol=1e-13, atol=1e-13)


def test_passes_through_zero_frequency() -> None:
    a = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    y = snake(X, a)
    assert torch.equal(y.detach(), X)
    (slope,) = torch.autograd.grad(y.sum(), a)
    assert float(slope) == pytest.approx(float((X**2).sum()))


@pytest.mark.parametrize("a", [0.2, 1.0, 5.0])
def test_gaussian_statistics_in_closed_form(a: float) -> None:
    mean, second = Snake(a).moments()
    a = Snake(a).at("a")  # as float32 holds it
    assert mean == pytest.approx((1 - math.exp(-2 * a**2)) / (2 * a), abs=1e-10)
    variance = 1 + (1 + math.exp(-8 * a**2) - 2 * math.exp(-4 * a**2)) / (8 * a**2)
    assert second - mean**2 == pytest.approx(variance, abs=1e-10)


@pytest.mark.parametrize("corr", [-1.0, -0.3, 0.0, 0.8, 1.0])
def test_quadrature_finds_the_closed_kernel(corr: float) -> None:
    bend, plain = Snake(3.0), Snake(3.0)
    plain.dual = None
    q = [torch.tensor(v, dtype=torch.float64) for v in (1.0, corr * math.sqrt(2), 2.0)]
    assert float(plain.dual_kernel(*q)) == pytest.approx(float(bend.dual_kernel(*q)), abs=1e-9)
    assert float(plain.derivative_kernel(*q)) == pytest.approx(float(bend.derivative_kernel(*q)), abs=1e-9)


@given(st.floats(-100, 100), st.floats(0, 200), st.floats(0.1, 30))
def test_lines_hold_over_many_periods(start: float, width: float, a: float) -> None:
    low, high = (torch.tensor(v, dtype=torch.float64) for v in (start, start + width))
    bend = Snake(a).double()
    lower, upper = bend.relax(low, high)
    x = low + (high - low) * torch.linspace(0, 1, 2001, dtype=torch.float64)
    with torch.no_grad():
        assert bool((bend(x) >= lower(x)).all())
        assert bool((bend(x) <= upper(x)).all())
    # x below, x + 1 / a above: no more than the ripple and a slope that is off by it is lost.
    assert float(upper(x).max() - lower(x).max()) <= 2 / bend.at("a") + 1e-9


def test_every_channel_has_its_frequency() -> None:
    bend = Snake(channels=2, trainable=False).double()
    with torch.no_grad():
        bend.a.copy_(torch.tensor([0.5, 4.0]))
    x = X[:, None].expand(-1, 2)
    y = torch.stack([snake(X, 0.5), snake(X, 4.0)], 1)
    torch.testing.assert_close(bend(x), y)
    assert not [p for p in bend.parameters() if p.requires_grad]
    assert bend.facts.period is not None
    assert math.isnan(bend.facts.period)


def test_frequency_must_be_positive() -> None:
    with pytest.raises(ArgumentError, match="a: got 0"):
        Snake(0)


@pytest.mark.parametrize(("name", "points"), [("snake", (-math.pi, 0.0, math.pi)), ("sine", (0.0,)), ("tanh", (0.0,))])
def test_a_fixed_point_that_the_curve_only_touches_is_named_once(name: str, points: tuple[float, ...]) -> None:
    found = bend(name).facts.fixed
    assert [low for low, _ in found] == pytest.approx(list(points), abs=1e-9)
    assert all(low == high for low, high in found)
