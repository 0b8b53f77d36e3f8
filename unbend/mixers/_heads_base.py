"""What mixers of several heads share: how channels are divided, padded tokens left out, and steps refused."""

from typing import NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, UnbendError, at_least
from unbend.mixers._base import accumulate

Device = torch.device | str | None
Dtype = torch.dtype | None


def depth_of(dim: int, heads: int) -> int:
    """Channels of one head; raises where they are no whole number."""
    if at_least(1, dim=dim) % at_least(1, heads=heads):
        raise ArgumentError.of("dim", dim, f"a multiple of heads={heads}")
    return dim // heads


def real(x: Tensor, padding: Tensor | None) -> Tensor:
    """`x` with zeros in padded places: a weight of zero alone would not keep a nan out."""
    return x if padding is None else x.masked_fill(~padding[..., None], 0.0)


def split(x: Tensor, heads: int) -> Tensor:
    """`(b, t, h c)` as `(b, h, t, c)`, in the type of accumulation."""
    return accumulate(x).unflatten(-1, (heads, -1)).transpose(-2, -3)


def join(y: Tensor) -> Tensor:
    """`(b, h, t, c)` as `(b, t, h c)`."""
    return y.transpose(-2, -3).flatten(-2)


def normed(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """`norm(x)` in the type of `x`, whatever the type of the weights."""
    return F.layer_norm(x, norm.normalized_shape, eps=norm.eps) * norm.weight + norm.bias


def state_type(weight: Tensor, dtype: Dtype) -> torch.dtype:
    """The type of a state: float32, or wider where asked for."""
    return torch.promote_types(dtype or weight.dtype, torch.float32)


def no_steps(mixer: nn.Module) -> NoReturn:
    """Raise: what looks ahead cannot go token by token."""
    raise UnbendError(f"{type(mixer).__name__} has no states or steps unless it is built with causal=True")
