"""Polynormer's layers: polynomials of the promised degree, dense forms, renumbering, and the limits of beta."""

from math import comb

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.mixers import PolyGlobalLayer, PolyLocalLayer, gat_conv, sigmoid_linear_attention

DOUBLE = torch.float64
BARE = {"relu": False, "norm": False, "attention": False, "dtype": DOUBLE}


def graph(n: int, m: int, seed: int = 0) -> Tensor:
    return torch.randint(0, n, (2, m), generator=torch.Generator().manual_seed(seed))


def differences(values: list[Tensor], order: int) -> Tensor:
    """The finite difference of this order, over the sum of what it is made of."""
    parts = [comb(order, i) * (-1) ** (order - i) * values[i] for i in range(order + 1)]
    return sum(parts).abs().max() / sum(part.abs() for part in parts).max()


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", [PolyLocalLayer, PolyGlobalLayer])
def test_layers_without_bends_are_a_polynomial_of_degree_two_to_the_layers(kind: type[nn.Module], layers: int) -> None:
    torch.manual_seed(layers)
    net = [kind(6, heads=2, **BARE) for _ in range(layers)]
    x, ray = torch.randn(2, 9, 6, dtype=DOUBLE)
    edges = graph(9, 30)

    def at(t: float) -> Tensor:
        y = x + t * ray
        for layer in net:
            y = layer(y, edges) if isinstance(layer, PolyLocalLayer) else layer(y)
        return y

    degree = 2**layers
    values = [at(t) for t in torch.linspace(-4, 4, degree + 2, dtype=DOUBLE).tolist()]
    assert differences(values, degree + 1) < 1e-12
    assert differences(values, degree) > 1e-6, "the degree is reached"


@pytest.mark.parametrize("part", ["relu", "norm", "attention"])
@pytest.mark.parametrize("kind", [PolyLocalLayer, PolyGlobalLayer])
def test_each_bend_ends_the_polynomial(kind: type[nn.Module], part: str) -> None:
    torch.manual_seed(0)
    layer, (x, ray) = kind(6, **{**BARE, part: True}), torch.randn(2, 9, 6, dtype=DOUBLE)
    assert differences([layer(x + t * ray) for t in (-4.0, -2.0, 0.0, 2.0, 4.0)], 4) > 1e-6


def test_linear_attention_equals_its_dense_form() -> None:
    k, v = torch.randn(2, 17, 5, 3, dtype=DOUBLE), torch.randn(2, 17, 4, 3, dtype=DOUBLE)
    s = k.sigmoid()
    weights = torch.einsum("bndh,bmdh->bhnm", s, s)
    weights = weights / weights.sum(-1, keepdim=True)
    torch.testing.assert_close(sigmoid_linear_attention(k, v), torch.einsum("bhnm,bmeh->bneh", weights, v))
    far = sigmoid_linear_attention(k - 400, v)
    weights = torch.einsum("bndh,bmdh->bhnm", k.exp(), k.exp())
    weights = weights / weights.sum(-1, keepdim=True)
    torch.testing.assert_close(far, torch.einsum("bhnm,bmeh->bneh", weights, v))
    torch.testing.assert_close(sigmoid_linear_attention(k - 1e6, v), far)


def test_gat_equals_its_dense_form() -> None:
    value, ends = torch.randn(2, 7, 3, 4, dtype=DOUBLE), torch.randn(2, 3, 4, dtype=DOUBLE)
    edges = torch.unique(graph(7, 25), dim=1)
    scores = F.leaky_relu((value * ends[0]).sum(-1)[:, None] + (value * ends[1]).sum(-1)[:, :, None], 0.2)
    there = torch.zeros(7, 7, dtype=torch.bool)
    there[edges[1], edges[0]] = True
    weights = scores.masked_fill(~there[..., None], float("-inf")).softmax(2).nan_to_num(0.0)
    expected = torch.einsum("btsh,bshd->bthd", weights, value)
    torch.testing.assert_close(gat_conv(value, *ends, edges), expected)


def test_all_pairs_as_edges_are_no_edges() -> None:
    value, ends = torch.randn(2, 3, 5, 2, 4, dtype=DOUBLE), torch.randn(2, 2, 4, dtype=DOUBLE)
    pairs = torch.cartesian_prod(torch.arange(5), torch.arange(5)).T
    torch.testing.assert_close(gat_conv(value, *ends, pairs), gat_conv(value, *ends))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), st.integers(0, 40), st.integers(0, 2**31))
def test_renumbered_nodes_give_renumbered_outputs(n: int, m: int, seed: int) -> None:
    torch.manual_seed(seed)
    x, edges, order = torch.randn(n, 6, dtype=DOUBLE), graph(n, m, seed), torch.randperm(n)
    local, whole = PolyLocalLayer(6, 3, dtype=DOUBLE), PolyGlobalLayer(6, 3, dtype=DOUBLE)
    renumbered = order.argsort()[edges][:, torch.randperm(m)]
    torch.testing.assert_close(local(x[order], renumbered), local(x, edges)[order])
    torch.testing.assert_close(whole(x[order]), whole(x)[order])


def test_beta_of_one_leaves_attention_and_a_linear_map() -> None:
    layer, x, edges = PolyLocalLayer(6, 2, beta=1.0, dtype=DOUBLE), torch.randn(9, 6, dtype=DOUBLE), graph(9, 30)
    value = layer.value(x).unflatten(-1, (2, 3))
    expected = (gat_conv(value, *layer.ends, edges).flatten(1) + layer.skip(x)).relu()
    torch.testing.assert_close(layer(x, edges), expected)


def test_beta_of_zero_leaves_the_product() -> None:
    layer, x, edges = PolyLocalLayer(6, 2, beta=0.0, norm=False, dtype=DOUBLE), torch.randn(9, 6).double(), graph(9, 30)
    value = layer.value(x).unflatten(-1, (2, 3))
    z = (gat_conv(value, *layer.ends, edges).flatten(1) + layer.skip(x)).relu()
    torch.testing.assert_close(layer(x, edges), layer.gate(x).relu() * z)


def test_a_node_without_edges_hears_nothing() -> None:
    layer, x = PolyLocalLayer(6, 2, dtype=DOUBLE), torch.randn(5, 6, dtype=DOUBLE)
    edges = torch.tensor([[0, 1, 2], [1, 2, 3]])
    other = x.clone()
    other[0] += 1
    moved = (layer(other, edges) != layer(x, edges)).any(1)
    assert moved.tolist() == [True, True, False, False, False]
    alone = layer(x[4:], torch.zeros(2, 0, dtype=torch.int64))
    torch.testing.assert_close(alone, layer(x, edges)[4:])


def test_heads_of_local_layers_stand_first_and_of_global_layers_last() -> None:
    x = torch.randn(7, 6, dtype=DOUBLE)
    local = PolyLocalLayer(6, 2, beta=1.0, relu=False, dtype=DOUBLE)
    nn.init.zeros_(local.ends[1])
    nn.init.zeros_(local.skip.weight)
    with torch.no_grad():
        local.ends[0, 0] = 0.0
    mean = local.value(x).mean(0) + local.skip.bias
    uniform = torch.isclose(local(x), mean.expand(7, -1)).all(0)
    assert uniform.tolist() == [True] * 3 + [False] * 3
    k = torch.zeros(7, 3, 2, dtype=DOUBLE)
    k[..., 1] = 5 * torch.randn(7, 3, dtype=DOUBLE)
    v = torch.randn(7, 3, 2, dtype=DOUBLE)
    out = sigmoid_linear_attention(k, v)
    assert bool(torch.isclose(out[..., 0], v.mean(0)[..., 0]).all())
    assert not bool(torch.isclose(out[..., 1], v.mean(0)[..., 1]).any())


def test_the_start_of_beta() -> None:
    assert PolyLocalLayer(6, beta=0.25).beta.tolist() == [0.25] * 6
    learned = torch.cat([PolyGlobalLayer(401).beta.detach() for _ in range(5)])
    assert abs(float(learned.std()) / (2 / 402) ** 0.5 - 1) < 0.1


@pytest.mark.parametrize("shape", [(11, 6), (2, 11, 6)])
def test_gradients_through_edges(shape: tuple[int, ...]) -> None:
    layer, edges = PolyLocalLayer(6, 2, dtype=DOUBLE), graph(11, 31)
    x = torch.randn(shape, dtype=DOUBLE, requires_grad=True)
    inputs = x, layer.ends, layer.value.weight
    assert torch.autograd.gradcheck(lambda x, *_: layer(x, edges), inputs, fast_mode=True)


def test_batches_share_the_edges() -> None:
    layer, x, edges = PolyLocalLayer(6, 3), torch.randn(4, 11, 6), graph(11, 31)
    torch.testing.assert_close(layer(x, edges), torch.stack([layer(one, edges) for one in x]))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="heads: got 4; expected a divisor of dim = 6"):
        PolyLocalLayer(6, 4)
    with pytest.raises(ArgumentError, match="dropout: got 1"):
        PolyGlobalLayer(6, dropout=1)
    with pytest.raises(ArgumentError, match="edges: got numbers from 0 to 5"):
        PolyLocalLayer(6)(torch.zeros(5, 6), torch.tensor([[0], [5]]))
