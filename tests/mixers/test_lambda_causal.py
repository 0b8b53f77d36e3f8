"""Causal lambda: the prefix softmax as a recurrence, exact causality, padding, decoding."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from unbend.mixers import CausalLambda, causal_lambda_fn, lambda_fn

DOUBLE = torch.float64
OPTIONS = [
    {},
    {"normalize": "none"},
    {"normalize": "l2", "intra_depth": 2},
    {"intra_depth": 3},
    {"position": False},
    {"content": False},
    {"path": "conv"},
    {"path": "scores"},
    {"scope": 1},
    {"norm": "batch"},
]


def made(**options: object) -> CausalLambda:
    return CausalLambda(6, **{"scope": 5, "heads": 2, "key_dim": 4, "dtype": DOUBLE, **options})


def embeddings(layer: CausalLambda, t: int) -> Tensor:
    """The position embeddings written out, `(t, t, k, u)`."""
    e = torch.zeros(t, t, *layer.table.shape[1:], dtype=DOUBLE)
    for n in range(t):
        for lag in range(min(layer.scope, n + 1)):
            e[n, n - lag] = layer.table[layer.scope - 1 - lag]
    return e


@pytest.mark.parametrize("t", [1, 2, 15, 16, 17, 61])
@pytest.mark.parametrize("u", [1, 3])
def test_layer_is_its_reference(t, u) -> None:
    layer, x = made(intra_depth=u), 3 * torch.randn(2, t, 6, dtype=DOUBLE)
    p = layer.project
    _, to_k, to_v = p.weights()
    k = (x @ to_k.T).unflatten(2, (u, 4)).transpose(2, 3)
    v = p.norm_v(x @ to_v.T).unflatten(2, (u, 3)).transpose(2, 3)
    y = causal_lambda_fn(layer.queries(x), k, v, embeddings(layer, t))
    torch.testing.assert_close(layer(x), y.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("normalize", ["none", "l2"])
def test_without_a_softmax_it_is_the_masked_reference(normalize) -> None:
    layer, x = made(normalize=normalize), torch.randn(2, 37, 6, dtype=DOUBLE)
    p = layer.project
    _, to_k, to_v = p.weights()
    k, v = (x @ to_k.T)[..., None], p.norm_v(x @ to_v.T)[..., None]
    seen = torch.ones(37, 37, dtype=torch.bool).tril()
    y = lambda_fn(layer.queries(x), k, v, embeddings(layer, 37), mask=seen, key_norm=normalize)
    torch.testing.assert_close(layer(x), y.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_later_tokens_change_no_bit_of_an_earlier_output(options) -> None:
    layer = made(dtype=torch.float32, **options).eval()
    x = torch.randn(2, 61, 6)
    y = layer(x)
    for t in (0, 1, 15, 16, 40, 59):
        other = x.clone()
        other[:, t + 1 :] = 30 * torch.randn(2, 60 - t, 6)
        assert torch.equal(layer(other)[:, : t + 1], y[:, : t + 1])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_steps_equal_the_whole_and_keep_their_state_small(options) -> None:
    layer, x = made(**options).eval(), torch.randn(3, 37, 6, dtype=DOUBLE)
    state = layer.init_state(3)
    first = [s.shape for s in state]
    outputs = []
    for token in x.unbind(1):
        y, state = layer.step(token, state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, 1), layer(x))
    assert [s.shape for s in state] == first


@pytest.mark.parametrize("options", OPTIONS[:8], ids=str)
def test_lambdas_applied_to_the_queries_are_the_output(options) -> None:
    layer, x = made(**options), torch.randn(2, 19, 6, dtype=DOUBLE)
    lambdas = sum(part for part in layer.lambdas(x) if part is not None)
    y = torch.einsum("bhnk,bnkv->bnhv", layer.queries(x), lambdas).flatten(2)
    torch.testing.assert_close(y, layer(x))


@pytest.mark.parametrize("options", OPTIONS[:8], ids=str)
def test_padding_on_either_side_is_a_shorter_sequence(options) -> None:
    layer, x = made(**options), torch.randn(2, 43, 6, dtype=DOUBLE)
    real = torch.zeros(2, 43, dtype=torch.bool)
    real[0, 20:], real[1, :23] = True, True
    y = layer(torch.where(real[..., None], x, torch.nan), real)
    torch.testing.assert_close(y[0, 20:], layer(x[:1, 20:])[0])
    torch.testing.assert_close(y[1, :23], layer(x[1:, :23])[0])


def test_padding_alone_reads_nothing() -> None:
    layer, x = made(), torch.randn(2, 19, 6, dtype=DOUBLE, requires_grad=True)
    y = layer(x, torch.zeros(2, 19, dtype=torch.bool))
    assert bool((y == 0).all())
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert bool((gradient == 0).all())


def test_batch_norm_tells_of_the_future_while_training() -> None:
    layer, x = made(norm="batch"), torch.randn(2, 11, 6, dtype=DOUBLE)
    other = x.clone()
    other[:, -1] += 1
    assert not torch.equal(layer(other)[:, 0], layer(x)[:, 0])


def test_normalising_once_tells_of_the_future() -> None:
    q, k, v = (torch.randn(1, *shape, dtype=DOUBLE) for shape in ((2, 11, 4), (11, 4, 1), (11, 3, 1)))
    other = k.clone()
    other[:, -1] += 1
    seen = torch.ones(11, 11, dtype=torch.bool).tril()
    assert not torch.equal(lambda_fn(q, other, v, mask=seen)[:, :, 0], lambda_fn(q, k, v, mask=seen)[:, :, 0])
    assert torch.equal(causal_lambda_fn(q, other, v)[:, :, 0], causal_lambda_fn(q, k, v)[:, :, 0])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 70), st.floats(-1e4, 1e4), st.integers(0, 2**31))
def test_a_shift_of_all_keys_changes_nothing_and_growth_overflows_nothing(t, shift, seed) -> None:
    torch.manual_seed(seed)
    layer, x = made(dtype=torch.float32, position=False), torch.randn(1, t, 6)
    q, k, v = layer.project(x, x, None)
    y, shifted = (layer._content_outputs(q, keys, v, None) for keys in (k, k + shift))
    torch.testing.assert_close(shifted, y, atol=1e-2, rtol=1e-2)
    steep = k + 50 * torch.arange(t)[:, None, None]
    assert bool(layer._content_outputs(q, steep, v, None).isfinite().all())


@pytest.mark.parametrize("options", OPTIONS[:4], ids=str)
def test_gradients(options) -> None:
    layer = made(**options)
    x = torch.randn(1, 18, 6, dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,), fast_mode=True)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="path: got fourier; expected one of conv, scores, auto"):
        made(path="fourier")
    with pytest.raises(ValueError, match="normalize: got softmax"):
        made(normalize="softmax")
    with pytest.raises(ValueError, match="scope: got 0"):
        made(scope=0)
    with pytest.raises(ValueError, match="content, position"):
        made(content=False, position=False)
