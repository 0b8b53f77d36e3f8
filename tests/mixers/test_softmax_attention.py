"""Softmax attention: the formula, its two paths, and steps."""

import pytest
import torch

from unbend._errors import ArgumentError, UnbendError
from unbend.mixers import SoftmaxAttention


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("path", ["fused", "map"])
def test_it_is_torchs_own_attention(causal, path) -> None:
    layer = SoftmaxAttention(12, heads=3, causal=causal, path=path, dtype=torch.float64)
    theirs = torch.nn.MultiheadAttention(12, 3, bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(layer.to_qkv.weight)
        theirs.out_proj.weight.copy_(layer.out.weight)
    x = torch.randn(2, 11, 12, dtype=torch.float64)
    real = torch.rand(2, 11) < 0.6
    real[:, 0] = True
    later = torch.ones(11, 11, dtype=torch.bool).triu(1) if causal else None
    for padding in (None, real):
        y, _ = theirs(x, x, x, key_padding_mask=None if padding is None else ~padding, attn_mask=later)
        seen = torch.ones(2, 11, dtype=torch.bool) if padding is None else padding
        torch.testing.assert_close(layer(x, padding)[seen], y[seen])


def test_the_cache_grows_and_steps_give_the_whole() -> None:
    layer, x = SoftmaxAttention(8, heads=2, causal=True), torch.randn(3, 9, 8)
    state = layer.init_state(3)
    for t in range(9):
        y, state = layer.step(x[:, t], state)
        torch.testing.assert_close(y, layer(x)[:, t], atol=1e-5, rtol=1e-4)
    assert [s.shape for s in state] == [(3, 2, 9, 4)] * 2


def test_wrong_uses_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"dim: got 6; expected a multiple of heads=4"):
        SoftmaxAttention(6)
    with pytest.raises(UnbendError, match="causal=True"):
        SoftmaxAttention(8).init_state(2)
