"""The gated unit of Activator: what it mixes, and what it does not."""

import pytest
import torch
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.mixers import ActivatorGLU

DOUBLE = torch.float64


def test_it_is_its_formula() -> None:
    unit, x = ActivatorGLU(5, 6, dtype=DOUBLE), torch.randn(2, 7, 5, dtype=DOUBLE)
    torch.nn.init.normal_(unit.norm.weight)
    u, v = unit.norm(F.gelu(unit.bent(x))), unit.norm(unit.gate(x))
    torch.testing.assert_close(unit(x), unit.out(u * v))


def test_a_token_depends_on_itself_alone() -> None:
    unit, x = ActivatorGLU(4, dtype=DOUBLE), torch.randn(1, 5, 4, dtype=DOUBLE)
    jacobian = torch.autograd.functional.jacobian(lambda z: unit(z)[0], x)[:, :, 0].abs().sum((1, 3))
    assert torch.equal(jacobian > 0, torch.eye(5, dtype=torch.bool))


def test_over_the_tokens_it_mixes_them_and_keeps_channels_apart() -> None:
    unit, x = ActivatorGLU(4, tokens=5, dtype=DOUBLE), torch.randn(1, 5, 4, dtype=DOUBLE)
    jacobian = torch.autograd.functional.jacobian(lambda z: unit(z)[0], x)[:, :, 0].abs()
    assert bool((jacobian.sum((1, 3)) > 0).all())
    assert torch.equal(jacobian.sum((0, 2)) > 0, torch.eye(4, dtype=torch.bool))
    with pytest.raises(ArgumentError, match="x: got shape"):
        unit(x[:, :4])


def test_the_norm_takes_out_the_size_of_a_relu_but_not_of_a_gelu() -> None:
    norm, z = torch.nn.LayerNorm(6, eps=0, dtype=DOUBLE), torch.randn(3, 6, dtype=DOUBLE)
    torch.testing.assert_close(norm(F.relu(7 * z)), norm(F.relu(z)))
    assert not torch.allclose(norm(F.gelu(7 * z)), norm(F.gelu(z)))
