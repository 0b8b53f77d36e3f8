"""Linear attention: both forms against the table of all pairs, long streams, and steps in constant memory."""

import pytest
import torch
from torch.nn import functional as F

from unbend._errors import UnbendError
from unbend.mixers import LinearAttention

DOUBLE = torch.float64


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("t", [1, 7, 63, 100])
def test_it_is_the_table_of_all_pairs(causal, t) -> None:
    layer = LinearAttention(8, heads=2, causal=causal, dtype=DOUBLE)
    x = torch.randn(3, t, 8, dtype=DOUBLE)
    q, k, v = (
        F.linear(x, w).unflatten(2, (2, 4)).transpose(1, 2) for w in (*layer.to_qk.weight.chunk(2), layer.to_v.weight)
    )
    weights = (F.elu(q) + 1) @ (F.elu(k) + 1).transpose(2, 3)
    weights = weights.tril() if causal else weights
    y = weights / weights.sum(-1, keepdim=True) @ v
    torch.testing.assert_close(layer(x), layer.out(y.transpose(1, 2).flatten(2)), rtol=1e-5, atol=1e-6)


def test_weights_sum_to_one() -> None:
    layer = LinearAttention(8, heads=2, causal=True, dtype=DOUBLE)
    x = torch.randn(1, 1, 8, dtype=DOUBLE).expand(2, 50, 8)
    torch.testing.assert_close(layer(x), layer.out(layer.to_v(x)), rtol=1e-5, atol=1e-5)


def test_padding_on_either_side_is_a_shorter_sequence() -> None:
    for causal in (False, True):
        layer, x = LinearAttention(8, heads=2, causal=causal, dtype=DOUBLE), torch.randn(2, 43, 8, dtype=DOUBLE)
        real = torch.zeros(2, 43, dtype=torch.bool)
        real[0, 20:], real[1, :23] = True, True
        y = layer(torch.where(real[..., None], x, torch.nan), real)
        torch.testing.assert_close(y[0, 20:], layer(x[:1, 20:])[0])
        torch.testing.assert_close(y[1, :23], layer(x[1:, :23])[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_hundred_thousand_tokens_stay_finite(dtype) -> None:
    layer = LinearAttention(4, heads=1, causal=True).to(dtype)
    y = layer(torch.randn(1, 100_000, 4).to(dtype).requires_grad_())
    assert bool(y.isfinite().all())
    y.float().square().mean().backward()
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters())


def test_steps_go_on_where_the_whole_was_cut() -> None:
    layer, x = LinearAttention(8, heads=2, causal=True), torch.randn(2, 300, 8)
    y, state = layer(x), layer.init_state(2)
    for t, token in enumerate(x.unbind(1)):
        out, state = layer.step(token, state)
        torch.testing.assert_close(out, y[:, t], rtol=1e-3, atol=1e-5)


def test_what_looks_ahead_has_no_steps() -> None:
    layer = LinearAttention(8)
    with pytest.raises(UnbendError, match="causal=True"):
        layer.step(torch.zeros(1, 8), ())
