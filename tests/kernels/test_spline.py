"""The compiled splines against the formula of Cox and de Boor, scipy, and finite differences."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from unbend.kernels._spline import bspline, spline_basis, spline_dot
from unbend.testing import poisoned


def uneven(features: int, count: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    noise = torch.rand(features, count, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (torch.linspace(-1.5, 1.5, count, dtype=torch.float64) + noise / count).to(dtype)


def numbers(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return 1.2 * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("derivative", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(("order", "count"), [(1, 3), (2, 7), (3, 8), (3, 12), (4, 6), (5, 40), (3, 60)])
def test_equals_the_formula(order: int, count: int, derivative: int) -> None:
    x, knots = numbers(7, 3, 5), uneven(5, count)
    expected = bspline(x, knots, order, derivative)
    got = spline_basis(x, knots, order, derivative)
    scale = max(1.0, float(expected.abs().max()))
    assert got.shape == (7, 3, 5, count - 1 - order)
    assert float((got - expected).abs().max()) < 1e-10 * scale
    weight = numbers(*got.shape)
    dot = spline_dot(x, knots, weight, order, derivative)
    assert float((dot - (expected * weight).sum(-1)).abs().max()) < 1e-9 * scale


def test_equals_scipy() -> None:
    x, knots = numbers(31, 2), uneven(2, 12)
    got = spline_basis(x, knots, 3)
    for i in range(2):
        t = knots[i].numpy()
        for m in range(8):
            alone = BSpline.basis_element(t[m : m + 5], extrapolate=False)(x[:, i].numpy())
            assert np.allclose(got[:, i, m], np.nan_to_num(alone), atol=1e-12)


@pytest.mark.parametrize("count", [12, 60])
@pytest.mark.parametrize("rows", [0, 1, 63, 8191])
def test_threads_share_the_rows(rows: int, count: int) -> None:
    x, knots = numbers(rows, 3, dtype=torch.float32), uneven(3, count, torch.float32)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with poisoned():
            got = spline_basis(x, knots, 3)
    finally:
        torch.set_num_threads(before)
    assert torch.allclose(got, bspline(x, knots, 3), atol=1e-5)


@pytest.mark.parametrize("count", [6, 51])
def test_ends_and_what_is_outside(count: int) -> None:
    knots = torch.linspace(0, 5, count, dtype=torch.float64)[None]
    x = torch.tensor([-0.0, 5.0, -1.0, 6.0, torch.inf, -torch.inf, 1e30])[:, None].double()
    assert torch.equal(spline_basis(x, knots, 2), torch.zeros(7, 1, count - 3, dtype=torch.float64))
    assert torch.equal(spline_basis(x, knots, 0)[:, 0].sum(-1), (x[:, 0] == 0).double()), "half-open: 0 is in, 5 is out"
    assert bool(spline_basis(x * torch.nan, knots, 2).isnan().all())
    assert bool(spline_dot(x * torch.nan, knots, torch.ones(7, 1, count - 3), 2).isnan().all())


def test_knots_that_coincide_give_finite_numbers() -> None:
    knots = torch.tensor([[0.0, 1.0, 2.0, 2.0, 3.0, 4.0, 5.0]])
    x = torch.linspace(0, 4.9, 99)[:, None]
    got = spline_basis(x, knots, 2)
    alone = BSpline(knots[0].double().numpy(), np.eye(4), 2)(x[:, 0].double().numpy())
    inside = (x[:, 0] >= 2) & (x[:, 0] < 3)
    assert np.allclose(got[inside, 0], alone[inside.numpy()], atol=1e-6)
    assert bool(got.isfinite().all())


@pytest.mark.parametrize("count", [12, 45])
def test_all_derivatives(count: int) -> None:
    x, knots = numbers(4, 3).requires_grad_(), uneven(3, count)
    weight = numbers(4, 3, count - 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: spline_basis(x, knots, 3), x)
    assert torch.autograd.gradgradcheck(lambda x: spline_basis(x, knots, 3), x)
    assert torch.autograd.gradcheck(lambda x, w: spline_dot(x, knots, w, 3), (x, weight))
    assert torch.autograd.gradgradcheck(lambda x, w: spline_dot(x, knots, w, 3), (x, weight))


def test_vmap_over_any_argument() -> None:
    x, knots = numbers(2, 4, 3), torch.stack([uneven(3, 9), 1.1 * uneven(3, 9)])
    weight = numbers(2, 4, 3, 5)
    basis = torch.stack([bspline(a, t, 3) for a, t in zip(x, knots)])
    assert torch.allclose(torch.vmap(lambda a, t: spline_basis(a, t, 3))(x, knots), basis)
    only_knots = torch.stack([bspline(x[0], t, 3) for t in knots])
    assert torch.allclose(torch.vmap(lambda t: spline_basis(x[0], t, 3))(knots), only_knots)
    dots = torch.vmap(lambda a, w: spline_dot(a, knots[1], w, 3), in_dims=(1, 1))(x, weight)
    assert torch.allclose(dots, (bspline(x, knots[1], 3) * weight).sum(-1).movedim(1, 0))


def test_half_precision_is_computed_in_float32() -> None:
    x, knots = numbers(50, 3, dtype=torch.bfloat16), uneven(3, 12, torch.bfloat16)
    got = spline_basis(x, knots, 3)
    assert got.dtype == torch.bfloat16
    assert torch.equal(got, spline_basis(x.float(), knots.float(), 3).bfloat16())
