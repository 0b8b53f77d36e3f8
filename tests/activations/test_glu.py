"""Gated feed-forward blocks: identities of each gate, and equal budgets."""

import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn

from unbend.activations._glu import GEGLU, GLU, Bilinear, ReGLU, SwiGLU
from unbend.activations._glu_base import matched_hidden

BLOCKS = [GLU, Bilinear, ReGLU, GEGLU, SwiGLU]


def block(kind, dim=5, hidden=7):
    torch.manual_seed(0)
    return kind(dim, hidden, dtype=torch.float64)


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_activation_goes_on_the_first_half_only(kind):
    made, x = block(kind), torch.randn(3, 5, dtype=torch.float64)
    w, v = made.gate_and_value.weight.chunk(2)
    torch.testing.assert_close(made(x), (made.act(x @ w.T) * (x @ v.T)) @ made.out.weight.T)


@pytest.mark.parametrize("kind", BLOCKS)
def test_no_value_no_output(kind):
    made = block(kind)
    with torch.no_grad():
        made.gate_and_value.weight[7:] = 0
    assert not made(torch.randn(3, 5, dtype=torch.float64)).any()


def test_glu_with_an_idle_gate_is_half_the_linear_map():
    made, x = block(GLU), torch.randn(3, 5, dtype=torch.float64)
    with torch.no_grad():
        made.gate_and_value.weight[:7] = 0
    torch.testing.assert_close(made(x), made.out(x @ made.gate_and_value.weight[7:].T) / 2)


@pytest.mark.parametrize("kind", [Bilinear, ReGLU])
@given(c=st.floats(0.1, 9.0))
def test_homogeneous_of_degree_two(kind, c):
    made, x = block(kind), torch.linspace(-1, 1, 5, dtype=torch.float64)
    torch.testing.assert_close(made(c * x), c**2 * made(x))


def test_only_the_bilinear_block_is_even():
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    even = [kind for kind in BLOCKS if torch.allclose(block(kind)(x), block(kind)(-x))]
    assert even == [Bilinear]


@pytest.mark.parametrize(("dim", "d_ff"), [(768, 3072), (12, 48), (16, 100)])
def test_matched_hidden_matches_the_parameters_of_the_plain_block(dim, d_ff):
    plain = nn.Sequential(nn.Linear(dim, d_ff, bias=False), nn.ReLU(), nn.Linear(d_ff, dim, bias=False))
    gated = SwiGLU(dim, matched_hidden(d_ff))
    count = [sum(p.numel() for p in m.parameters()) for m in (plain, gated)]
    assert abs(count[0] - count[1]) <= 1.5 * dim


def test_bad_width_is_refused_by_name():
    with pytest.raises(ValueError, match="hidden: got 0"):
        GLU(4, 0)
