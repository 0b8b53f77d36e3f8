"""Attention without a softmax to what came before, in linear time: products of chunks, and sums between them."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK = 32
# Tokens of all heads that are worked on at once: what is formed of them stays in the cache.
_AT_ONCE = 4096


def causal_product(q: Tensor, k: Tensor, v: Tensor, *, reverse: bool = False, chunk: int = CHUNK) -> Tensor:
    """`y_i = sum_{j <= i} (q_i . k_j) v_j`, or over `j >= i` in reverse; any number of times differentiable.

    Time t (c (f + d) + 2 f d) for chunks of c tokens; beside the result only chunks and one sum `(f, d)` are formed, in
    the way back as well: its three products are of the same kind. In plain matrix products: a compiled loop over the
    same chunks took as long.

    Args:
        q: (..., t, f).
        k: (..., t, f).
        v: (..., t, d).
        reverse: look at what comes after instead.
        chunk: tokens of which all pairs are formed.

    Returns:
        (..., t, d).
    """
    return _CausalProduct.apply(q, k, v, reverse, chunk)  # type: ignore[no-any-return]  # apply is untyped


def causal_average(q: Tensor, k: Tensor, v: Tensor, eps: float, *, chunk: int = CHUNK) -> Tensor:
    """`sum_{j <= i} (q_i . k_j) v_j / (sum_{j <= i} q_i . k_j + eps)`."""
    y = causal_product(q, k, F.pad(v, (0, 1), value=1.0), chunk=chunk)
    return y[..., :-1] / (y[..., -1:] + eps)


def _forward(q: Tensor, k: Tensor, v: Tensor, reverse: bool, chunk: int) -> Tensor:
    t, rows = q.shape[-2], q.shape[:-2].numel()
    chunk = max(1, min(chunk, t))
    span = max(1, _AT_ONCE // (max(rows, 1) * chunk)) * chunk
    seen = torch.ones(chunk, chunk, dtype=q.dtype, device=q.device)
    seen = seen.triu() if reverse else seen.tril()
    parts: list[Tensor] = []
    carried: Tensor | None = None
    starts = range(0, t, span)
    for start in reversed(starts) if reverse else starts:
        size = min(span, t - start)
        here = slice(start, start + size)
        pieces = _chunks(q[..., here, :], chunk), _chunks(k[..., here, :], chunk), _chunks(v[..., here, :], chunk)
        y, carried = _span(*pieces, seen, carried, reverse)
        parts.append(y.flatten(-3, -2)[..., :size, :])
    return torch.cat(parts[::-1] if reverse else parts, -2)


def _span(
    q: Tensor, k: Tensor, v: Tensor, seen: Tensor, carried: Tensor | None, reverse: bool
) -> tuple[Tensor, Tensor]:
    """The outputs of some chunks `(..., n, c, f)`, and the sum `(..., 1, f, d)` of `k v^T` over them and all before."""
    sums = k.transpose(-1, -2) @ v
    first = torch.zeros_like(sums[..., :1, :, :]) if carried is None else carried
    if reverse:
        sums = torch.cat((sums, first), -3).flip(-3).cumsum(-3).flip(-3)
        before, after = sums[..., 1:, :, :], sums[..., :1, :, :]
    else:
        sums = torch.cat((first, sums), -3).cumsum(-3)
        before, after = sums[..., :-1, :, :], sums[..., -1:, :, :]
    return (q @ k.transpose(-1, -2) * seen) @ v + q @ before, after


def _chunks(x: Tensor, chunk: int) -> Tensor:
    """`(..., n, chunk, f)`, filled up with zeros."""
    missing = -x.shape[-2] % chunk
    return (F.pad(x, (0, 0, 0, missing)) if missing else x).unflatten(-2, (-1, chunk))


class _CausalProduct(torch.autograd.Function):
    """`_forward`, whose gradients are products of the same kind."""

    generate_vmap_rule = True

    @staticmethod
    def forward(q: Tensor, k: Tensor, v: Tensor, reverse: bool, chunk: int) -> Tensor:
        return _forward(q, k, v, reverse, chunk)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:3])
        ctx.reverse, ctx.chunk = inputs[3:]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (g,) = grad_outputs
        q, k, v = ctx.saved_tensors
        there, back = ({"reverse": way, "chunk": ctx.chunk} for way in (ctx.reverse, not ctx.reverse))
        by_q = causal_product(g, v, k, **there)
        return by_q, causal_product(v, g, q, **back), causal_product(k, q, g, **back), None, None
