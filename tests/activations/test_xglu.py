"""Expanded gated blocks: what they equal at zero, orders, and what is expanded."""

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.activations import ATGLU, GEGLU, GLU, XATGLU, XGEGLU, SwiGLU, XSwiGLU

BLOCKS = [ATGLU, XATGLU, XGEGLU, XSwiGLU]
X = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def block(kind, **settings):
    torch.manual_seed(0)
    return kind(5, 7, dtype=torch.float64, **settings)


@pytest.mark.parametrize(
    ("expanded", "order", "plain"), [(XSwiGLU, 1, GLU), (XSwiGLU, 2, SwiGLU), (XGEGLU, 2, GEGLU), (XATGLU, 1, ATGLU)]
)
def test_without_expansion_they_are_the_plain_blocks(expanded, order, plain):
    torch.testing.assert_close(block(expanded, order=order)(X), block(plain)(X))


@pytest.mark.parametrize("kind", [XATGLU, XGEGLU, XSwiGLU])
def test_only_the_gate_is_expanded(kind):
    made = block(kind)
    with torch.no_grad():
        made.a.fill_(0.3)
    w, v = made.gate_and_value.weight.chunk(2)
    gate = made.gate(X @ w.T) * 1.6 - 0.3
    torch.testing.assert_close(made(X), (gate * (X @ v.T)) @ made.out.weight.T)
    made.order = 2
    torch.testing.assert_close(made(X), (X @ w.T * gate * (X @ v.T)) @ made.out.weight.T)


@pytest.mark.parametrize("kind", BLOCKS)
def test_an_idle_gate_passes_half(kind):
    made = block(kind)
    with torch.no_grad():
        made.gate_and_value.weight[:7] = 0
    torch.testing.assert_close(made(X), made.out(X @ made.gate_and_value.weight[7:].T) / 2)
    made.order = 2
    assert not made(X).any()


def test_one_expansion_for_a_block_and_none_without():
    assert block(XATGLU).a.shape == (1,)
    assert block(ATGLU).a is None


def test_there_is_no_third_order():
    with pytest.raises(ArgumentError, match="order: got 3"):
        XSwiGLU(4, order=3)
