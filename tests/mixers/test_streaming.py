"""Streams: the causal mixers cut at random places, and a million tokens in memory that does not grow."""

import gc
import random
from itertools import pairwise

import pytest
import torch

from unbend.mixers import BasedAttention, CausalLambda, LinearAttention, Mamba, S4DReal, ShortConv

DOUBLE = torch.float64
CAUSAL = {
    "lambda": lambda: CausalLambda(12, 5, heads=3, key_dim=4, dtype=DOUBLE),
    "linear": lambda: LinearAttention(12, heads=3, causal=True, dtype=DOUBLE),
    "based": lambda: BasedAttention(12, heads=3, dtype=DOUBLE),
    "mamba": lambda: Mamba(12, 4, dtype=DOUBLE),
    "s4d": lambda: S4DReal(12, 4, dtype=DOUBLE),
    "short": lambda: ShortConv(12, dtype=DOUBLE),
}


@pytest.mark.parametrize("name", CAUSAL)
@torch.no_grad()
def test_steps_up_to_a_random_place_equal_the_whole(name) -> None:
    torch.manual_seed(0)
    layer, x = CAUSAL[name]().eval(), torch.randn(2, 150, 12, dtype=DOUBLE)
    whole, cuts = layer(x), random.Random(1).sample(range(1, 150), 4)
    for cut in cuts:
        state = layer.init_state(2, dtype=DOUBLE)
        for t in range(cut):
            y, state = layer.step(x[:, t], state)
        torch.testing.assert_close(y, whole[:, cut - 1])
        torch.testing.assert_close(layer(x[:, :cut]), whole[:, :cut])


@pytest.mark.parametrize("name", ["mamba", "s4d"])
@torch.no_grad()
def test_chunks_cut_at_random_equal_the_whole(name) -> None:
    torch.manual_seed(0)
    layer, x = CAUSAL[name](), torch.randn(2, 700, 12, dtype=DOUBLE)
    whole, draw = layer.advance(x, layer.init_state(2)), random.Random(2)
    for _ in range(4):
        places = [0, *sorted(draw.sample(range(1, 700), 5)), 700]
        state, outputs = layer.init_state(2), []
        for start, end in pairwise(places):
            y, state = layer.advance(x[:, start:end], state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), whole[0])
        torch.testing.assert_close(state, whole[1])


def held() -> int:
    """Bytes of all tensors that are alive."""
    gc.collect()
    return sum(t.nbytes for t in gc.get_objects() if isinstance(t, torch.Tensor))


@pytest.mark.slow
@torch.no_grad()
def test_a_million_steps_take_no_more_memory_than_a_thousand() -> None:
    torch.manual_seed(0)
    layer, sizes = Mamba(8, 4), []
    x, state = torch.randn(997, 1, 8), layer.init_state(1)
    for i in range(1_000_000):
        y, state = layer.step(x[i % 997], state)
        if i in (1_000, 500_000, 999_999):
            sizes.append(held())
    assert bool(y.isfinite().all())
    assert sizes[0] == sizes[1] == sizes[2]
    # The past is forgotten: the last 60,000 tokens alone end in the same state.
    places = torch.arange(940_000, 1_000_000) % 997
    _, last = layer.advance(x[places].transpose(0, 1), layer.init_state(1))
    torch.testing.assert_close(last, state, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@torch.no_grad()
def test_a_million_tokens_in_chunks_keep_one_chunk_in_memory() -> None:
    torch.manual_seed(0)
    layer, sizes = Mamba(8, 4), []
    state = layer.init_state(1)
    for i in range(125):
        x = torch.randn(1, 8_000, 8)
        y, state = layer.advance(x, state)
        if i in (1, 60, 124):
            sizes.append(held())
    assert bool(y.isfinite().all())
    assert sizes[0] == sizes[1] == sizes[2]
    _, last = layer.advance(x, layer.init_state(1))
    torch.testing.assert_close(last, state, rtol=1e-4, atol=1e-5)
