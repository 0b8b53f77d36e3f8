"""ReLU: homogeneous, idempotent, and its arc-cosine kernel."""

import math

import pytest
import torch

from unbend.activations import ReLU, relu


def test_homogeneous_and_idempotent() -> None:
    x = torch.linspace(-3, 3, 101, dtype=torch.float64)
    assert torch.equal(relu(relu(x)), relu(x))
    assert torch.equal(relu(4 * x), 4 * relu(x))
    assert torch.equal(relu(x) - relu(-x), x)


def test_gaussian_statistics() -> None:
    bend = ReLU()
    assert bend.gain() == pytest.approx(math.sqrt(2), rel=1e-13)
    assert bend.moments() == pytest.approx((1 / math.sqrt(2 * math.pi), 0.5), rel=1e-13)
    assert bend.weight_std(50) == pytest.approx(0.2)


@pytest.mark.parametrize("corr", [-1.0, -0.999999, -0.5, 0.0, 0.3, 0.999, 1 - 1e-9, 1.0])
def test_quadrature_finds_the_closed_kernel(corr: float) -> None:
    bend, plain = ReLU(), ReLU()
    plain.dual = None
    q = [torch.tensor(v, dtype=torch.float64) for v in (0.7, corr * math.sqrt(0.7 * 3), 3.0)]
    assert float(plain.dual_kernel(*q)) == pytest.approx(float(bend.dual_kernel(*q)), abs=1e-12)
    assert float(plain.derivative_kernel(*q)) == pytest.approx(float(bend.derivative_kernel(*q)), abs=1e-10)


def test_lines_on_a_crossing_interval() -> None:
    lower, upper = ReLU().relax(-1.0, 3.0)
    assert [float(upper.slope), float(upper.offset)] == pytest.approx([0.75, 0.75], abs=1e-6)
    assert [float(lower.slope), float(lower.offset)] == pytest.approx([1.0, 0.0], abs=1e-6)
    lower, _ = ReLU().relax(-3.0, 1.0)
    assert [float(lower.slope), float(lower.offset)] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_bounds_are_exact() -> None:
    low, high = ReLU().bounds(torch.tensor([-2.0, -2.0, 1.0]), torch.tensor([-1.0, 3.0, 2.0]))
    assert low.tolist() == pytest.approx([0, 0, 1], abs=1e-6)
    assert bool((low <= torch.tensor([0.0, 0.0, 1.0])).all())
    assert high.tolist() == pytest.approx([0, 3, 2], abs=1e-6)
    assert low[1] == 0, "the least value of a curve that never falls below zero is zero itself"
