"""Lambda layer: the identities of its algebra, and its three paths against the definition."""

import itertools
from math import prod

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from unbend.mixers import LambdaLayer, RelPosEmbedding, lambda_fn
from unbend.mixers._lambda_position_base import Places, multiply_adds, position_lambdas, position_outputs

PATHS = ("fourier", "conv", "scores")
DOUBLE = torch.float64


def parts(h: int = 3, n: int = 5, m: int = 7, k: int = 4, v: int = 2, u: int = 1, b: int = 2) -> tuple[Tensor, ...]:
    """Random q, k, v, e in the axes of `lambda_fn`."""
    shapes = ((b, h, n, k), (b, m, k, u), (b, m, v, u), (n, m, k, u))
    return tuple(torch.randn(shape, dtype=DOUBLE) for shape in shapes)


def reference(layer: LambdaLayer, x: Tensor, context: Tensor) -> Tensor:
    """The layer by its formula: its own projections, then `lambda_fn` on the embeddings written out."""
    p = layer.project
    flat = [t if t.ndim == 3 else t.flatten(2).transpose(1, 2) for t in (x, context)]
    to_q, to_k, to_v = p.weights()
    k = (flat[1] @ to_k.T).unflatten(2, (p.intra_depth, p.key_dim)).transpose(2, 3)
    v = p.norm_v(flat[1] @ to_v.T).unflatten(2, (p.intra_depth, p.value_dim)).transpose(2, 3)
    q = p.norm_q(flat[0] @ to_q.T).unflatten(2, (p.heads, p.key_dim)).transpose(1, 2)
    e = None if layer.position is None else layer.position.matrix()
    y = lambda_fn(q, k, v, e, key_norm=p.key_norm, content=layer.content).transpose(1, 2).flatten(2)
    return y if x.ndim == 3 else y.transpose(1, 2).unflatten(2, x.shape[2:])


@pytest.mark.parametrize("key_norm", ["softmax", "l2", "none", "softmax_both"])
@pytest.mark.parametrize("options", [{}, {"content": False}, {"position": False}, {"intra_depth": 3}], ids=str)
@pytest.mark.parametrize("size", [(5, 7), (11,), (1, 1), (1,), (7, 1)], ids=str)
def test_layer_is_its_reference(key_norm, options, size) -> None:
    layer = LambdaLayer(6, size, 9, heads=3, key_dim=4, key_norm=key_norm, dtype=DOUBLE, **options)
    shape = (2, *size, 6) if len(size) == 1 else (2, 6, *size)
    x = torch.randn(shape, dtype=DOUBLE)
    torch.testing.assert_close(layer.eval()(x), reference(layer, x, x))


@pytest.mark.parametrize("sizes", [((5, 7), (3, 2)), ((2, 3), (7, 5)), ((11,), (5,)), ((3,), (13,))], ids=str)
def test_context_of_another_grid(sizes) -> None:
    size, context_size = sizes
    layer = LambdaLayer(6, size, heads=2, key_dim=3, norm="layer", context_size=context_size, dtype=DOUBLE)
    x, context = (torch.randn((2, *s, 6) if len(s) == 1 else (2, 6, *s), dtype=DOUBLE) for s in (size, context_size))
    y = layer(x, context=context)
    torch.testing.assert_close(y, reference(layer, x, context))
    content, position = layer.lambdas(x, context=context)
    read = torch.einsum("bhnk,bnkv->bhvn", layer.queries(x), content[:, None] + position).flatten(1, 2)
    torch.testing.assert_close(read, y.transpose(1, 2) if y.ndim == 3 else y.flatten(2))


def by_hand(table: Tensor, v: Tensor, places: Places) -> Tensor:
    """Position lambdas as a sum over pairs of positions."""
    found = v.new_zeros(len(v), prod(places.size), table.shape[-2], v.shape[-1])
    for n, here in enumerate(itertools.product(*map(range, places.size))):
        for m, there in enumerate(itertools.product(*map(range, places.context))):
            at = tuple(c + j - i for c, i, j in zip(places.centre, here, there))
            if all(0 <= index < length for index, length in zip(at, table.shape)):
                found[:, n] += torch.einsum("ku,buv->bkv", table[at], v[:, m])
    return found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("table", "places"),
    [
        ((5, 3), Places((5, 7), (5, 7), (2, 1))),
        ((11, 15), Places((5, 7), (5, 7), (5, 7))),
        ((7, 12), Places((5, 7), (3, 6), (4, 6))),
        ((4, 5), Places((5, 7), (3, 6), (1, 3))),
        ((3, 1), Places((2, 3), (7, 5), (0, 0))),
        ((7,), Places((11,), (11,), (3,))),
        ((15,), Places((11,), (5,), (10,))),
        ((13,), Places((5,), (9,), (4,))),
        ((5,), Places((29,), (29,), (4,))),
        ((3,), Places((1,), (1,), (1,))),
    ],
    ids=str,
)
def test_every_path_is_the_definition(path, table, places) -> None:
    embeddings = torch.randn(*table, 2, 3, dtype=DOUBLE)
    v, q = (
        torch.randn(2, prod(places.context), 3, 5, dtype=DOUBLE),
        torch.randn(2, prod(places.size), 3, 2, dtype=DOUBLE),
    )
    lambdas = by_hand(embeddings, v, places)
    expected = torch.einsum("bnhk,bnkv->bnhv", q, lambdas)
    torch.testing.assert_close(position_outputs(q, embeddings, v, places, path), expected)
    if path != "scores":
        torch.testing.assert_close(position_lambdas(embeddings, v, places, path), lambdas)


@pytest.mark.parametrize("size", [(5, 7), (13,)], ids=str)
def test_paths_agree_in_output_and_gradient(size) -> None:
    x = torch.randn((2, *size, 6) if len(size) == 1 else (2, 6, *size), dtype=DOUBLE, requires_grad=True)
    results = []
    for path in PATHS:
        torch.manual_seed(0)
        layer = LambdaLayer(6, size, heads=2, key_dim=5, intra_depth=2, path=path, dtype=DOUBLE)
        y = layer(x)
        results.append((y, *torch.autograd.grad(y.sin().sum(), [x, *layer.parameters()])))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("path", PATHS)
def test_counted_multiply_adds_are_those_of_the_products(path) -> None:
    places, b, h, k, v, u = Places((11, 13), (11, 13), (3, 3)), 5, 3, 8, 4, 2
    table, values = torch.randn(7, 7, k, u), torch.randn(b, 143, u, v)
    with FlopCounterMode(display=False) as counter:
        position_outputs(torch.randn(b, 143, h, k), table, values, places, path)
    counted = multiply_adds((7, 7, k, u), places, h, k, v, backward=False)[path]
    # Left uncounted: the transforms of the values, and of the table, which the batch shares.
    assert counted <= counter.get_total_flops() / 2 / b <= 1.35 * counted


def test_few_heads_take_scores_first() -> None:
    assert LambdaLayer(64, (16, 16), heads=4).path == "fourier"
    assert LambdaLayer(64, (16, 16), heads=1, key_dim=32).path == "scores"


def test_intra_depth_is_a_sum_of_layers() -> None:
    q, k, v, e = parts(u=3)
    single = [lambda_fn(q, k[..., i : i + 1], v[..., i : i + 1], e[..., i : i + 1]) for i in range(3)]
    torch.testing.assert_close(lambda_fn(q, k, v, e), sum(single))


def test_content_with_normalised_queries_is_efficient_attention() -> None:
    q, k, v, _ = parts()
    context = k[..., 0].softmax(1).transpose(1, 2) @ v[..., 0]
    torch.testing.assert_close(lambda_fn(q, k, v, key_norm="softmax_both"), q.softmax(-1) @ context[:, None])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (DOUBLE, 1e-13)], ids=str)
def test_output_is_linear_in_the_query(dtype, tolerance) -> None:
    q, k, v, e = (t.to(dtype) for t in parts())
    other = torch.randn_like(q)
    together, apart = lambda_fn(q + 3 * other, k, v, e), lambda_fn(q, k, v, e) + 3 * lambda_fn(other, k, v, e)
    assert float((together - apart).abs().max()) <= tolerance * float(apart.abs().max())


def test_order_of_the_context_does_not_matter() -> None:
    q, k, v, e = parts()
    order = torch.randperm(7)
    torch.testing.assert_close(lambda_fn(q, k[:, order], v[:, order], e[:, order]), lambda_fn(q, k, v, e))


def test_without_positions_permuted_pixels_give_permuted_outputs() -> None:
    layer = LambdaLayer(6, (3, 5), heads=2, key_dim=4, position=False, dtype=DOUBLE)
    x, order = torch.randn(2, 6, 3, 5, dtype=DOUBLE), torch.randperm(15)
    shuffled = layer(x.flatten(2)[..., order].view_as(x)).flatten(2)
    torch.testing.assert_close(shuffled, layer(x).flatten(2)[..., order])


def test_equal_keys_give_the_mean_value() -> None:
    layer = LambdaLayer(6, (3, 5), heads=2, key_dim=4, dtype=DOUBLE)
    with torch.no_grad():
        layer.project.weights()[1].zero_()
    x = torch.randn(2, 6, 3, 5, dtype=DOUBLE)
    v = layer.project.norm_v(x.flatten(2).transpose(1, 2) @ layer.project.weights()[2].T)
    content, _ = layer.lambdas(x)
    torch.testing.assert_close(content, v.mean(1)[:, None].expand(-1, 4, -1))


def test_softmax_runs_over_positions() -> None:
    q, k, v, _ = parts()
    shift = torch.randn(2, 1, 4, 1, dtype=DOUBLE)
    torch.testing.assert_close(lambda_fn(q, k + shift, v), lambda_fn(q, k, v))
    assert not torch.allclose(lambda_fn(q, k + torch.randn(2, 7, 1, 1, dtype=DOUBLE), v), lambda_fn(q, k, v))


def test_masked_context_counts_for_nothing() -> None:
    q, k, v, e = parts()
    mask = torch.rand(5, 7) < 0.5
    seen = torch.stack([k.softmax(1) * mask[n, :, None, None] for n in range(5)], 1)
    lambdas = torch.einsum("bnmku,bmvu->bnkv", seen + e * mask[..., None, None], v)
    torch.testing.assert_close(lambda_fn(q, k, v, e, mask=mask), torch.einsum("bhnk,bnkv->bhnv", q, lambdas))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
def test_parameters_are_those_of_the_formula(h, k, v, u, height, width) -> None:
    d = 7
    layer = LambdaLayer(d, (height, width), h * v, heads=h, key_dim=k, intra_depth=u, device="meta")
    table = k * u * (2 * height - 1) * (2 * width - 1)
    expected = d * (h * k + k * u + v * u) + 2 * h * k + 2 * v * u + table
    assert sum(p.numel() for p in layer.parameters()) == expected


def test_start_of_the_weights() -> None:
    torch.manual_seed(0)
    layer = LambdaLayer(256, (16, 16), heads=4, key_dim=16)
    stds = [w.std().item() for w in (*layer.project.weights(), layer.position.table)]
    assert stds == pytest.approx([(16 * 256) ** -0.5, 256**-0.5, 256**-0.5, 1.0], rel=0.03)


def test_a_shared_table_is_one_parameter() -> None:
    table = RelPosEmbedding((3, 5), key_dim=4)
    model = torch.nn.Sequential(*(LambdaLayer(6, (3, 5), heads=2, key_dim=4, position=table) for _ in range(2)))
    assert len(list(model.parameters())) == 2 * 5 + 1
    model(torch.randn(2, 6, 3, 5)).sum().backward()
    assert table.table.grad is not None
    copied = torch.nn.Sequential(*(LambdaLayer(6, (3, 5), heads=2, key_dim=4, position=table) for _ in range(2)))
    copied.load_state_dict(model.state_dict())
    assert copied[0].position is copied[1].position
    with pytest.raises(ValueError, match=r"position: got RelPosEmbedding\(\(3, 5\), 4, 1, .*key_dim=3"):
        LambdaLayer(6, (3, 5), heads=2, key_dim=3, position=table)


def test_table_maps_values_to_their_position_lambdas() -> None:
    table = RelPosEmbedding((3, 5), 4, 2, context_size=(2, 7), dtype=DOUBLE)
    v = torch.randn(3, 14, 6, 2, dtype=DOUBLE)
    torch.testing.assert_close(table(v), torch.einsum("nmku,bmvu->bnkv", table.matrix(), v))


def test_an_example_of_padding_alone_reads_nothing() -> None:
    layer = LambdaLayer(6, (3, 5), heads=2, key_dim=4, norm="none")
    padding = torch.ones(2, 3, 5, dtype=torch.bool)
    padding[1] = False
    y = layer(torch.randn(2, 6, 3, 5), padding)
    assert bool((y[1] == 0).all())
    assert bool((y[0] != 0).any())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_large_keys_do_not_overflow_in_half_precision(dtype) -> None:
    layer = LambdaLayer(6, (3, 5), heads=2, key_dim=4, norm="none", dtype=dtype)
    with torch.no_grad():
        layer.project.weights()[1].mul_(1e3)
    y = layer(torch.randn(2, 6, 3, 5, dtype=dtype))
    assert y.dtype == dtype
    assert bool(y.isfinite().all())


@pytest.mark.parametrize("u", [1, 3])
def test_equals_the_port_of_lambda_networks(u) -> None:
    peer_layer = pytest.importorskip("lambda_networks").LambdaLayer
    peer = peer_layer(12, dim_k=5, n=6, heads=3, dim_u=u).double()
    layer = LambdaLayer(12, (6, 6), heads=3, key_dim=5, intra_depth=u, dtype=DOUBLE)
    p = layer.project
    with torch.no_grad():
        for ours, theirs in zip(p.weights(), (peer.to_q, peer.to_k, peer.to_v)):
            ours.copy_(theirs.weight[:, :, 0, 0])
        layer.position.table.copy_(peer.rel_pos_emb)
    x = torch.randn(2, 12, 6, 6, dtype=DOUBLE)
    torch.testing.assert_close(layer(x), peer(x))


def test_wrong_input_is_named() -> None:
    layer = LambdaLayer(6, (3, 5), heads=2, key_dim=4)
    for x, message in (
        (torch.randn(2, 6, 5, 3), r"x: got a grid of \(5, 3\); expected \(3, 5\). LambdaConv takes any size"),
        (torch.randn(2, 7, 3, 5), r"x: got shape \(2, 7, 3, 5\); expected \(b, 6, H, W\)"),
        (torch.randn(6, 3, 5), r"x: got shape"),
    ):
        with pytest.raises(ValueError, match=message):
            layer(x)
    with pytest.raises(ValueError, match="dim_out: got 7; expected a multiple of heads=2"):
        LambdaLayer(6, 5, 7, heads=2)
    with pytest.raises(ValueError, match=r"key_norm: got softmx; .* Did you mean 'softmax'"):
        LambdaLayer(6, 5, heads=2, key_norm="softmx")
    with pytest.raises(ValueError, match="content, position"):
        LambdaLayer(6, 5, heads=2, content=False, position=False)
