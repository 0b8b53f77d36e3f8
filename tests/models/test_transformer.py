"""The reference transformer: what attention is, what it cannot see, and any mixer in its place."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from unbend.mixers import AlibiBias, CausalLambda, FourierPositionEmbedding, RotaryEmbedding
from unbend.models import MultiHeadAttention, Transformer, TransformerBlock, attention_matrix, multi_head_attention

DOUBLE = torch.float64
CAUSAL = partial(CausalLambda, heads=2, scope=3, dtype=DOUBLE)
PLACES = [None, "learned", "rotary", "fourier", "alibi"]


def weights(heads=3, dim=6, depth=4, value=5):
    shapes = ((heads, depth, dim), (heads, depth, dim), (heads, value, dim), (heads, dim, value))
    return [torch.randn(shape, dtype=DOUBLE) for shape in shapes]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.booleans(), st.sampled_from([1, 2, 4]), st.integers(0, 999))
def test_rows_of_the_matrix_sum_to_one_and_see_no_later_token(t, causal, shared, seed) -> None:
    torch.manual_seed(seed)
    q, k = torch.randn(2, 4, t, 5, dtype=DOUBLE), torch.randn(2, shared, t, 5, dtype=DOUBLE)
    a = attention_matrix(q, k, causal=causal)
    torch.testing.assert_close(a.sum(-1), torch.ones(2, 4, t, dtype=DOUBLE))
    assert not causal or bool((a.triu(1) == 0).all())
    torch.testing.assert_close(a, attention_matrix(q, k.repeat_interleave(4 // shared, 1), causal=causal))


def test_a_permutation_of_tokens_permutes_the_output() -> None:
    x, order = torch.randn(2, 7, 6, dtype=DOUBLE), torch.randperm(7)
    w = weights()
    torch.testing.assert_close(multi_head_attention(x[:, order], *w), multi_head_attention(x, *w)[:, order])
    encoder = Transformer(0, 6, 2, heads=2, position=None, causal=False, dtype=DOUBLE)
    torch.testing.assert_close(encoder(x[:, order]), encoder(x)[:, order])


def test_simple_cases() -> None:
    to_q, to_k, to_v, collect = weights()
    x = torch.randn(2, 7, 6, dtype=DOUBLE)
    value = sum(c @ v for c, v in zip(collect, to_v))
    # One token attends to itself; queries of zero take the mean of the values; tokens that are alike stay alike.
    torch.testing.assert_close(multi_head_attention(x[:, :1], to_q, to_k, to_v, collect), x[:, :1] @ value.T)
    mean = multi_head_attention(x, 0 * to_q, to_k, to_v, collect)
    torch.testing.assert_close(mean, (x.mean(1, keepdim=True) @ value.T).expand_as(x))
    alike = multi_head_attention(x[:, :1].expand(-1, 7, -1), to_q, to_k, to_v, collect)
    torch.testing.assert_close(alike, alike[:, :1].expand_as(alike))


def test_the_scale_is_taken_up_by_the_queries() -> None:
    to_q, to_k, to_v, collect = weights()
    x = torch.randn(2, 7, 6, dtype=DOUBLE)
    papers = multi_head_attention(x, to_q / 2, to_k, to_v, collect, scale=1.0)
    torch.testing.assert_close(multi_head_attention(x, to_q, to_k, to_v, collect), papers)


@pytest.mark.parametrize("path", ["map", "fused"])
@pytest.mark.parametrize("causal", [False, True])
def test_the_module_is_torchs_and_the_formula(path, causal) -> None:
    torch.manual_seed(0)
    ours = MultiHeadAttention(12, heads=3, causal=causal, bias=True, path=path, dtype=DOUBLE)
    torchs = nn.MultiheadAttention(12, 3, batch_first=True, dtype=DOUBLE)
    maps = (ours.to_q, ours.to_k, ours.to_v)
    with torch.no_grad():
        torchs.in_proj_weight.copy_(torch.cat([part.weight for part in maps]))
        torchs.in_proj_bias.copy_(torch.cat([part.bias for part in maps]))
        torchs.out_proj.weight.copy_(ours.out.weight)
        torchs.out_proj.bias.copy_(ours.out.bias)
    x = torch.randn(2, 7, 12, dtype=DOUBLE)
    real = torch.rand(2, 7) < 0.7
    real[:, 0] = True
    later = torch.ones(7, 7, dtype=torch.bool).triu(1) if causal else None
    theirs, matrix = torchs(x, x, x, ~real, attn_mask=later, average_attn_weights=False)
    torch.testing.assert_close(ours(x, real)[real], theirs[real])
    torch.testing.assert_close(ours.matrix(x, real)[:, :, real[0] & real[1]], matrix[:, :, real[0] & real[1]])
    plain = MultiHeadAttention(12, heads=3, causal=causal, path=path, dtype=DOUBLE)
    parts = [part.weight.unflatten(0, (3, 4)) for part in (plain.to_q, plain.to_k, plain.to_v)]
    collect = plain.out.weight.unflatten(1, (3, 4)).transpose(0, 1)
    torch.testing.assert_close(plain(x), multi_head_attention(x, *parts, collect, causal=causal))


POSITIONS = [
    None,
    RotaryEmbedding(4),
    AlibiBias(4),
    FourierPositionEmbedding(4, 4, dtype=DOUBLE),
]


@pytest.mark.parametrize("position", POSITIONS, ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("kv_heads", [2, 4])
def test_paths_steps_and_prefixes_agree(position, kv_heads) -> None:
    made = MultiHeadAttention(16, heads=4, kv_heads=kv_heads, causal=True, position=position, dtype=DOUBLE)
    other = MultiHeadAttention(16, heads=4, kv_heads=kv_heads, causal=True, position=position, path="map", dtype=DOUBLE)
    other.load_state_dict(made.state_dict())
    x = torch.randn(2, 9, 16, dtype=DOUBLE)
    y, state = made(x), made.init_state(2)
    torch.testing.assert_close(other(x), y)
    for t in range(9):
        one, state = made.step(x[:, t], state)
        torch.testing.assert_close(one, y[:, t])
        torch.testing.assert_close(made(x[:, : t + 1]), y[:, : t + 1])
    assert state[0].shape == (2, kv_heads, 9, 4)
    real = (torch.arange(9) >= torch.tensor([[0], [3]])) & (torch.arange(9) < torch.tensor([[7], [9]]))
    padded = torch.where(real[..., None], x, torch.nan)
    torch.testing.assert_close(other(padded, real)[real], made(padded, real)[real])
    torch.testing.assert_close(made(padded, real)[0, :7], y[0, :7])


def test_a_query_that_sees_nothing_takes_nothing() -> None:
    for path in ("map", "fused"):
        made = MultiHeadAttention(6, heads=2, causal=True, path=path)
        x = torch.randn(1, 5, 6, requires_grad=True)
        y = made(x, torch.tensor([[False, False, True, True, True]]))
        assert bool((y[:, :2] == 0).all())
        (gradient,) = torch.autograd.grad(y.sum(), x)
        assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("position", PLACES)
@pytest.mark.parametrize("mixer", [None, CAUSAL], ids=["attention", "lambda"])
def test_steps_equal_the_whole_and_text_is_continued(position, mixer) -> None:
    torch.manual_seed(0)
    model = Transformer(11, 8, 2, heads=2, position=position, max_length=16, mixer=mixer, tied=True, dtype=DOUBLE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    text = torch.randint(11, (3, 9))
    y, state = model(text), model.init_state(3)
    for t in range(9):
        one, state = model.step(text[:, t], state)
        torch.testing.assert_close(one, y[:, t])
    made = model.generate(text, 5)
    assert torch.equal(made[:, :9], text)
    assert torch.equal(made[:, 9:], model(made[:, :-1])[:, 8:].argmax(-1))


def test_a_later_token_changes_nothing_earlier() -> None:
    model = Transformer(11, 8, 2, position="alibi")
    text = torch.randint(11, (2, 12))
    other = text.clone()
    other[:, 7:] = (other[:, 7:] + 1) % 11
    torch.testing.assert_close(model(text)[:, :7], model(other)[:, :7])


def test_a_block_is_torchs_encoder_layer() -> None:
    ours = TransformerBlock(12, MultiHeadAttention(12, heads=3, bias=True, dtype=DOUBLE), 20, dtype=DOUBLE)
    torchs = nn.TransformerEncoderLayer(
        12, 3, 20, 0.0, "gelu", batch_first=True, norm_first=True, dtype=DOUBLE
    )  # fmt: skip
    mixer = ours.mixer
    pairs = {
        "self_attn.in_proj_weight": torch.cat([mixer.to_q.weight, mixer.to_k.weight, mixer.to_v.weight]),
        "self_attn.in_proj_bias": torch.cat([mixer.to_q.bias, mixer.to_k.bias, mixer.to_v.bias]),
    }
    names = {"self_attn.out_proj": mixer.out, "linear1": ours.ff.into, "linear2": ours.ff.out}
    names |= {"norm1": ours.norm_mixer, "norm2": ours.norm_ff}
    pairs |= {f"{name}.{kind}": getattr(part, kind) for name, part in names.items() for kind in ("weight", "bias")}
    torchs.load_state_dict(pairs)
    x = torch.randn(2, 7, 12, dtype=DOUBLE)
    torch.testing.assert_close(ours(x), torchs(x))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="dim: got 7; expected a multiple of heads=2"):
        MultiHeadAttention(7, heads=2)
    with pytest.raises(ValueError, match="kv_heads: got 3; expected a divisor of heads=4"):
        MultiHeadAttention(8, kv_heads=3)
    with pytest.raises(ValueError, match="position: got rotarry; expected one of learned"):
        Transformer(5, 8, 1, position="rotarry")
    with pytest.raises(ValueError, match="x: got 20 tokens; expected at most max_length=9"):
        Transformer(5, 8, 1, position="learned", max_length=9)(torch.zeros(1, 20, dtype=torch.int64))
    with pytest.raises(ValueError, match="x: got torch"):
        Transformer(0, 8, 1)(torch.zeros(1, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="tokens: got"):
        Transformer(5, 8, 1).generate(torch.zeros(1, 0, dtype=torch.int64), 3)
