"""Learned edges as bends: by name, by channel, and what they begin as."""

import pytest
import torch
from torch.nn import functional as F

import unbend
from unbend._errors import ArgumentError
from unbend.activations import BSplineEdge, ChebyshevEdge, FourierEdge, KANLayer, RBFEdge

EDGES = {"bspline_edge": BSplineEdge, "rbf_edge": RBFEdge, "chebyshev_edge": ChebyshevEdge, "fourier_edge": FourierEdge}


@pytest.mark.parametrize("name", EDGES)
def test_is_found_by_the_name_of_the_catalogue_and_begins_near_silu(name: str) -> None:
    edge = unbend.bend(name, dtype=torch.float64)
    assert type(edge) is EDGES[name]
    x = torch.linspace(*edge.domain, 200, dtype=torch.float64)
    # Bells cannot follow a line up to the end of their domain.
    assert float((edge(x) - F.silu(x)).square().mean().sqrt().detach()) < (0.05 if name == "rbf_edge" else 0.01)


def test_bspline_edge_is_a_layer_with_one_edge() -> None:
    edge, layer = BSplineEdge(dtype=torch.float64), KANLayer(1, 1, domain=(-2.0, 2.0), dtype=torch.float64)
    with torch.no_grad():
        layer.scale.fill_(1.0)
        edge.coef.copy_(layer.coef[0])
        edge.base_weight.copy_(layer.base_weight[0])
    x = torch.linspace(-4, 4, 101, dtype=torch.float64)
    assert torch.allclose(edge(x), layer(x[:, None])[:, 0], atol=1e-12)


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize(("dim", "shape"), [(1, (2, 3, 5, 7)), (-1, (2, 5, 3))])
def test_each_channel_has_its_curve(name: str, dim: int, shape: tuple[int, ...]) -> None:
    edge = EDGES[name](channels=3, dim=dim, dtype=torch.float64)
    alone = EDGES[name](dtype=torch.float64)
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        edge.coef.normal_()
    for channel in range(3):
        with torch.no_grad():
            alone.coef.copy_(edge.coef[channel])
        assert torch.allclose(edge(x).select(dim, channel), alone(x.select(dim, channel)), atol=1e-12)


def test_known_curves() -> None:
    x = torch.linspace(-3, 3, 61, dtype=torch.float64)
    chebyshev, fourier = ChebyshevEdge(dtype=torch.float64), FourierEdge(3, dtype=torch.float64)
    with torch.no_grad():
        chebyshev.coef.copy_(torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0]]))
        fourier.coef.copy_(torch.tensor([[0.0, 2.0, 0.0, 0.0, 0.0, -1.0]]))
    t = torch.tanh(x)
    assert torch.allclose(chebyshev(x), 4 * t**3 - 3 * t, atol=1e-12)
    assert torch.allclose(fourier(x), 2 * torch.cos(2 * x) - torch.sin(3 * x), atol=1e-12)


def test_chebyshev_has_a_slope_where_the_arc_cosine_has_none() -> None:
    x = torch.tensor([20.0, -20.0], requires_grad=True)
    through = torch.cos(3 * torch.acos(torch.tanh(x)))
    assert bool(torch.autograd.grad(through.sum(), x)[0].isnan().all()), "the trap is there"
    assert torch.equal(torch.autograd.grad(ChebyshevEdge()(x).sum(), x)[0], torch.zeros(2))


def test_wrong_channels_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"x: got shape \(2, 4\); expected 3 channels along axis 1"):
        RBFEdge(channels=3)(torch.zeros(2, 4))
    with pytest.raises(ArgumentError, match="dim: got 2"):
        RBFEdge(channels=3, dim=2)
