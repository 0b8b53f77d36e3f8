"""KAN layers: what the grid may do without changing the function, the ends of the grid, and known special cases."""

import io
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from unbend._errors import ArgumentError
from unbend.activations import KANLayer

BASES = ("bspline", "rbf", "chebyshev", "fourier")


def layer(inputs: int = 3, outputs: int = 2, **more) -> KANLayer:
    torch.manual_seed(0)
    made = KANLayer(inputs, outputs, **{"noise": 5.0, "dtype": torch.float64, **more})
    with torch.no_grad():
        made.coef += 0.3 * torch.randn_like(made.coef)
    return made


def inside(rows: int, features: int = 3) -> torch.Tensor:
    return torch.rand(rows, features, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_splines_sum_to_one_on_the_domain_and_to_nothing_outside(order: int) -> None:
    m = KANLayer(1, 1, 4, order, domain=(-2.0, 3.0), dtype=torch.float64)
    x = torch.linspace(-2, 3, 501, dtype=torch.float64)[:, None]
    assert torch.allclose(m.bases(x).sum(-1), torch.ones(501, 1, dtype=torch.float64), atol=1e-12)
    far = torch.tensor([-2 - order * 1.25 - 1e-9, 3 + order * 1.25, 1e9], dtype=torch.float64)[:, None]
    assert float(m.bases(far).abs().max()) < 1e-6


def test_the_right_end_is_inside_and_only_the_base_is_left_far_outside() -> None:
    m = layer()
    with torch.no_grad():
        m.coef.fill_(1.0)
    m.scale.data.fill_(1.0)
    ends = torch.tensor([[-1.0] * 3, [1.0] * 3, [9.0] * 3, [-9.0] * 3], dtype=torch.float64)
    base = nn.functional.silu(ends) @ m.base_weight.T
    spline = torch.tensor([3.0, 3.0, 0.0, 0.0], dtype=torch.float64)[:, None]
    assert torch.allclose(m(ends), base + spline, atol=1e-12)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_reproduces_polynomials_up_to_its_order(degree: int) -> None:
    m = layer(1, 1, base=None, grid=4)
    x = inside(200, 1)
    values = m.bases(x)[:, 0]
    fitted = values @ torch.linalg.lstsq(values, x**degree).solution
    assert torch.allclose(fitted, x**degree, atol=1e-10)


def test_linear_edges_make_a_linear_layer() -> None:
    # sum_m xi_m B_m(x) = x, with xi_m the mean of the inner knots of B_m (Marsden's identity).
    linear = nn.Linear(3, 2, dtype=torch.float64)
    m = KANLayer(3, 2, base=None, dtype=torch.float64)
    means = m.knots.unfold(-1, m.order, 1)[:, 1:-1].mean(-1)
    with torch.no_grad():
        m.scale.fill_(1.0)
        m.coef.copy_(linear.weight[..., None] * means + (linear.bias / 3)[:, None, None])
    x = inside(50)
    assert torch.allclose(m(x), linear(x), atol=1e-12)
    jacobian = torch.func.vmap(torch.func.jacrev(m))(x)
    assert torch.allclose(jacobian, linear.weight.expand(50, 2, 3), atol=1e-11)


@pytest.mark.parametrize("path", ["kernel", "torch"])
def test_paths_agree(path: str) -> None:
    m, other = layer(), layer(path=path)
    x = 2 * inside(64)
    assert torch.allclose(m(x), other(x), atol=1e-12)


@pytest.mark.parametrize("grid", [10, 15, 50])
def test_refining_to_a_multiple_keeps_the_function(grid: int) -> None:
    m = layer()
    x = inside(300)
    m.update_grid(x**3, eps=0.1)  # refining an uneven grid halves each of its intervals
    within = torch.stack([inside(300)[:, i] * (x[:, i] ** 3).abs().min() for i in range(3)], 1)
    y = m(within)
    m.refine(grid)
    assert m.grid == grid
    assert m.coef.shape == (2, 3, grid + 3)
    assert torch.allclose(m(within), y, atol=1e-9)


@pytest.mark.parametrize("basis", ["chebyshev", "fourier"])
def test_refining_polynomials_and_waves_adds_none(basis: str) -> None:
    m = layer(basis=basis, grid=4)
    x = inside(100)
    y = m(x)
    assert torch.allclose(m.refine(7)(x), y, atol=1e-8)


@pytest.mark.parametrize("basis", BASES)
def test_update_grid_puts_as_many_samples_in_each_interval(basis: str) -> None:
    m = layer(basis=basis)
    x = inside(400) ** 3
    y = m(x)
    m.update_grid(x)
    points = m.basis.points(m.knots)
    assert torch.allclose(points[:, 0], x.amin(0))
    assert torch.allclose(points[:, -1], x.amax(0))
    if basis in ("bspline", "rbf"):
        for i in range(3):
            counts = np.histogram(x[:, i].numpy(), points[i].numpy())[0]
            assert counts.min() > 60, "of 80"
    # The curves are still near what they were.
    assert float((m(x) - y).square().mean()) < 0.05 * float(y.var())


def test_update_grid_takes_ties_and_constants() -> None:
    m = layer()
    x = torch.stack([torch.zeros(90), torch.arange(90) % 2, torch.linspace(0, 1, 90)], 1).double()
    before = m.knots.clone()
    y = m(x)
    m.update_grid(x)
    assert torch.equal(m.knots[0], before[0]), "a constant says nothing about the grid"
    assert bool((m.knots.diff(dim=1) > 0).all())
    assert torch.allclose(m(x)[:, 0], y[:, 0], atol=0.5)
    assert bool(m(x).isfinite().all())


@pytest.mark.parametrize("basis", BASES)
def test_edges_sum_to_the_output_and_are_its_edge_functions(basis: str) -> None:
    m = layer(basis=basis)
    m.mask[1, 2] = 0
    x = 1.5 * inside(20)
    edges = m.edges(x)
    assert edges.shape == (20, 2, 3)
    assert torch.allclose(edges.sum(-1), m(x), atol=1e-12)
    for i, j in itertools.product(range(3), range(2)):
        assert torch.allclose(m.edge_function(i, j)(x[:, i].view(4, 5)).flatten(), edges[:, j, i], atol=1e-12)
    assert torch.equal(edges[:, 1, 2], torch.zeros(20, dtype=torch.float64))


def test_penalty_is_the_papers() -> None:
    m, x = layer(), inside(64)
    v = m.edges(x).abs().mean(0)
    p = v / v.sum()
    assert float(m.penalty(x)) == pytest.approx(float(v.sum() - (p * p.log()).sum()))
    assert float(m.penalty(x, l1=0.0)) <= np.log(6) + 1e-12, "the entropy of six edges is log 6 at most"
    m.mask.zero_()
    m.mask[0, 0] = 1
    assert float(m.penalty(x, l1=0.0)) == pytest.approx(0.0)
    m.mask.zero_()
    assert float(m.penalty(x)) == 0.0, "no edge at all is no nan"


def test_a_refined_layer_loads_into_one_that_is_not() -> None:
    m, other, file = layer().update_grid(inside(99)).refine(11), layer(), io.BytesIO()
    torch.save(m.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert other.grid == 11
    x = inside(10)
    assert torch.equal(other(x), m(x))
    assert f"{other!r}" == f"{m!r}"
    with pytest.raises(RuntimeError, match="size mismatch"):
        layer(4).load_state_dict(m.state_dict())


@given(st.integers(1, 9), st.integers(1, 5), st.floats(-5, 5), st.floats(0.1, 9), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_moving_domain_and_input_together_changes_nothing(grid, order, low, width, seed) -> None:
    torch.manual_seed(seed)
    m = KANLayer(2, 2, grid, order, base=None, noise=5.0, dtype=torch.float64)
    other = KANLayer(2, 2, grid, order, base=None, domain=(low, low + width), dtype=torch.float64)
    with torch.no_grad():
        other.coef.copy_(m.coef)
    x = 1.3 * inside(40, 2)
    assert torch.allclose(other(low + width * (x + 1) / 2), m(x), atol=1e-8)


def test_starts_small_and_seeded_as_the_authors_code() -> None:
    torch.manual_seed(0)
    m = KANLayer(400, 1, dtype=torch.float64)
    assert float(m.base_weight.abs().max()) <= 0.05
    assert torch.equal(m.scale, torch.full((1, 400), 0.05, dtype=torch.float64))
    at = torch.linspace(-1, 1, 6, dtype=torch.float64)[:, None].expand(-1, 400)
    steps = torch.einsum("nim,jim->nji", m.bases(at), m.coef)
    assert float(steps.abs().max()) <= 0.5 * 0.3 / 5 + 1e-9
    assert float(steps.std()) == pytest.approx(0.3 / 5 / 12**0.5, rel=0.05)
    assert float(KANLayer(3, 2, noise=0.0).coef.abs().max()) == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"basis": "splines"}, "basis: got splines"),
        ({"grid": 0}, "grid: got 0"),
        ({"order": 0}, "order: got 0"),
        ({"base": "gelu"}, "base: got gelu"),
        ({"domain": (1.0, 1.0)}, "domain: got"),
        ({"basis": "rbf", "path": "kernel"}, "path: got kernel"),
        ({"path": "fast"}, "path: got fast"),
    ],
)
def test_bad_arguments_are_named(arguments, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        KANLayer(3, 2, **arguments)


def test_bad_input_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"x: got shape \(4, 5\); expected \(\*, 3\)"):
        layer()(torch.zeros(4, 5))
    with pytest.raises(ArgumentError, match="eps"):
        layer().update_grid(inside(9), eps=0.0)
    with pytest.raises(ArgumentError, match="two finite samples"):
        layer().update_grid(inside(1))
    with pytest.raises(ArgumentError, match="j: got 2; expected 0 to 1"):
        layer().edge_function(0, 2)
