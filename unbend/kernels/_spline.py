"""B-splines by local evaluation: all bases at each number, and their weighted sum, with all derivatives."""

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from unbend.kernels._threads import in_parts

Array = NDArray[Any]


@numba.njit(nogil=True, error_model="numpy")
def _knot(knots: Array, j: int) -> float:
    """Knot `j`; beyond the ends the outermost spacing goes on."""
    last = len(knots) - 1
    if j < 0:
        return knots[0] + j * (knots[1] - knots[0])
    if j > last:
        return knots[last] + (j - last) * (knots[last] - knots[last - 1])
    return knots[j]


@numba.njit(nogil=True, error_model="numpy")
def _raise(p: Array, knots: Array, j: int, d: int) -> None:
    """From the pieces of order d - 1 on interval j to those of order d, in place, by the rule of Cox and de Boor."""
    at, width = knots[j], knots[j + 1] - knots[j]
    new = np.zeros(p.shape[1], np.float64)
    for r in range(d, -1, -1):
        m = j - d + r
        new[:] = 0.0
        if r > 0:
            start, span = _knot(knots, m), _knot(knots, m + d) - _knot(knots, m)
            for q in range(d):
                new[q] += p[r - 1, q] * (at - start) / span
                new[q + 1] += p[r - 1, q] * width / span
        if r < d:
            end, span = _knot(knots, m + d + 1), _knot(knots, m + d + 1) - _knot(knots, m + 1)
            for q in range(d):
                new[q] += p[r, q] * (end - at) / span
                new[q + 1] -= p[r, q] * width / span
        p[r] = new


@numba.njit(nogil=True, error_model="numpy")
def _pieces(knots: Array, order: int, derivative: int) -> Array:
    """`p[i, j, r]`: coefficients of basis `j - order + r` of feature i on interval j, in u = (x - t_j) / (t_j+1 - t_j).

    With this table a number costs one division, whatever the order.
    """
    features, count = knots.shape
    pieces = np.zeros((features, count - 1, order + 1, order + 1), np.float64)
    for i in range(features):
        for j in range(count - 1):
            p = pieces[i, j]
            p[0, 0] = 1.0
            for d in range(1, order + 1):
                _raise(p, knots[i], j, d)
            for _ in range(derivative):
                for r in range(order + 1):
                    for q in range(order):
                        p[r, q] = (q + 1) * p[r, q + 1] / (knots[i, j + 1] - knots[i, j])
                    p[r, order] = 0.0
    return pieces


@numba.njit(nogil=True, error_model="numpy")
def _bisect(knots: Array, x: float) -> int:
    """The j with t_j <= x < t_j+1, for x within the knots."""
    low, high = 0, len(knots) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if x < knots[middle]:
            high = middle
        else:
            low = middle
    return low


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _interval(knots: Array, x: float) -> int:
    """The j with t_j <= x < t_j+1, or -1: at once where the knots are evenly spaced."""
    last = len(knots) - 1
    if not (x >= knots[0] and x < knots[last]):
        return -1
    j = min(int((x - knots[0]) / (knots[last] - knots[0]) * last), last - 1)
    return j if x >= knots[j] and x < knots[j + 1] else _bisect(knots, x)


@lru_cache
def _loops(order: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """The loops of `spline_basis` and `spline_dot`; with the order as a constant they run twice as fast."""

    @numba.njit(nogil=True, error_model="numpy", inline="always")
    def horner(piece: Array, u: float) -> float:
        value = piece[order]
        for q in range(order):
            value = value * u + piece[order - 1 - q]
        return value

    @numba.njit(nogil=True, error_model="numpy")
    def basis(x: Array, knots: Array, pieces: Array, out: Array, first: int, last: int) -> None:
        size = out.shape[2]
        for b in range(first, last):
            for i in range(x.shape[1]):
                at, j = x[b, i], _interval(knots[i], x[b, i])
                for m in range(size):
                    out[b, i, m] = at * 0 if at != at else 0
                if j < 0:
                    continue
                u = (at - knots[i, j]) / (knots[i, j + 1] - knots[i, j])
                if order <= j < size:
                    for r in range(order + 1):
                        out[b, i, j - order + r] = horner(pieces[i, j, r], u)
                else:
                    for r in range(max(0, order - j), min(order + 1, size + order - j)):
                        out[b, i, j - order + r] = horner(pieces[i, j, r], u)

    @numba.njit(nogil=True, error_model="numpy")
    def dot(x: Array, knots: Array, pieces: Array, weight: Array, out: Array, first: int, last: int) -> None:
        size = weight.shape[2]
        for b in range(first, last):
            for i in range(x.shape[1]):
                at, j = x[b, i], _interval(knots[i], x[b, i])
                total = at * 0 if at != at else type(at)(0)
                if j >= 0:
                    u = (at - knots[i, j]) / (knots[i, j + 1] - knots[i, j])
                    if order <= j < size:
                        for r in range(order + 1):
                            total += horner(pieces[i, j, r], u) * weight[b, i, j - order + r]
                    else:
                        for r in range(max(0, order - j), min(order + 1, size + order - j)):
                            total += horner(pieces[i, j, r], u) * weight[b, i, j - order + r]
                out[b, i] = total

    return basis, dot


def bspline(x: Tensor, knots: Tensor, order: int, derivative: int = 0) -> Tensor:
    """All B-splines at each number, or their derivatives, in plain torch: the reference of `spline_basis`.

    Formula:
        B_m,0(x) = 1 where t_m <= x < t_m+1, else 0
        B_m,k(x) = (x - t_m) / (t_m+k - t_m) * B_m,k-1(x) + (t_m+k+1 - x) / (t_m+k+1 - t_m+1) * B_m+1,k-1(x)

    Args:
        x: (..., features).
        knots: (features, count), increasing along the last axis.
        order: of the splines, k.
        derivative: how often they are differentiated.

    Returns:
        (..., features, count - 1 - order).
    """
    x, t = x[..., None], knots
    value = ((x >= t[:, :-1]) & (x < t[:, 1:])).to(x.dtype)
    # Far outside all are zero: held at the ends, no factor there overflows to make nan of it.
    x = x.clamp(t[:, :1], t[:, -1:])
    value = value + 0 * x
    for k in range(1, order + 1):
        low, high = value[..., :-1] / (t[:, k:-1] - t[:, : -k - 1]), value[..., 1:] / (t[:, k + 1 :] - t[:, 1:-k])
        raised = (x - t[:, : -k - 1]) * low + (t[:, k + 1 :] - x) * high
        value = raised if k <= order - derivative else k * (low - high)
    return value if derivative <= order else 0 * value


@torch.library.custom_op("unbend::spline_basis", mutates_args=())
def _basis(x: Tensor, knots: Tensor, order: int, derivative: int) -> Tensor:
    if x.device.type != "cpu":
        return bspline(x, knots, order, derivative)
    rows, grid, pieces = _arrays(x, knots, order, derivative)
    out = torch.empty(*rows.shape, knots.shape[1] - 1 - order, dtype=_inner(x))
    run = _loops(order)[0]
    in_parts(lambda a, z: run(rows, grid, pieces, out.numpy(), a, z), len(rows), out.numel())
    return out.view(*x.shape, out.shape[-1]).to(x.dtype)


@torch.library.custom_op("unbend::spline_dot", mutates_args=())
def _dot(x: Tensor, knots: Tensor, weight: Tensor, order: int, derivative: int) -> Tensor:
    if x.device.type != "cpu":
        return (bspline(x, knots, order, derivative) * weight).sum(-1)
    rows, grid, pieces = _arrays(x, knots, order, derivative)
    weights = weight.detach().to(_inner(x)).reshape(*rows.shape, weight.shape[-1]).contiguous().numpy()
    out = torch.empty(rows.shape, dtype=_inner(x))
    run = _loops(order)[1]
    in_parts(lambda a, z: run(rows, grid, pieces, weights, out.numpy(), a, z), len(rows), weights.size)
    return out.view(x.shape).to(x.dtype)


def _inner(x: Tensor) -> torch.dtype:
    return x.dtype if x.dtype in (torch.float32, torch.float64) else torch.float32


def _arrays(x: Tensor, knots: Tensor, order: int, derivative: int) -> tuple[Array, Array, Array]:
    dtype = _inner(x)
    rows = x.detach().to(dtype).reshape(x.numel() // max(1, x.shape[-1]), x.shape[-1]).contiguous().numpy()
    grid = knots.detach().to(dtype).contiguous().numpy()
    return rows, grid, _pieces(grid.astype(np.float64), order, derivative).astype(grid.dtype)


@_basis.register_fake
def _(x: Tensor, knots: Tensor, order: int, derivative: int) -> Tensor:
    return x.new_empty((*x.shape, knots.shape[1] - 1 - order))


@_dot.register_fake
def _(x: Tensor, knots: Tensor, weight: Tensor, order: int, derivative: int) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@_basis.register_vmap
def _(info: Any, in_dims: Any, x: Tensor, knots: Tensor, order: int, derivative: int) -> tuple[Tensor, int]:
    x, knots = _leading(x, in_dims[0], info), _leading(knots, in_dims[1], info)
    out = _basis(_side_by_side(x), knots.flatten(0, 1), order, derivative)
    return out.unflatten(-2, (info.batch_size, -1)).movedim(-3, 0), 0


@_dot.register_vmap
def _(
    info: Any, in_dims: Any, x: Tensor, knots: Tensor, weight: Tensor, order: int, derivative: int
) -> tuple[Tensor, int]:
    x, knots, weight = (_leading(t, dim, info) for t, dim in zip((x, knots, weight), in_dims))
    weight = weight.movedim(0, -3).flatten(-3, -2)
    out = _dot(_side_by_side(x), knots.flatten(0, 1), weight, order, derivative)
    return out.unflatten(-1, (info.batch_size, -1)).movedim(-2, 0), 0


def _leading(t: Tensor, dim: int | None, info: Any) -> Tensor:
    """The mapped axis in front; made by repetition where the tensor has none."""
    return t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)


def _side_by_side(x: Tensor) -> Tensor:
    """What is mapped over become more features: each may have its own knots."""
    return x.movedim(0, -2).flatten(-2)


class _SplineBasis(torch.autograd.Function):
    """`_basis` with its gradient by x, which is `_dot` one derivative higher, and so on."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, knots: Tensor, order: int, derivative: int) -> Tensor:
        return _basis(x, knots, order, derivative)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:2])
        ctx.order, ctx.derivative = inputs[2:]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        x, knots = ctx.saved_tensors
        return spline_dot(x, knots, grad_outputs[0], ctx.order, ctx.derivative + 1), None, None, None


class _SplineDot(torch.autograd.Function):
    """`_dot` with its gradients by x and by the weight."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, knots: Tensor, weight: Tensor, order: int, derivative: int) -> Tensor:
        return _dot(x, knots, weight, order, derivative)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:3])
        ctx.order, ctx.derivative = inputs[3:]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (grad,) = grad_outputs
        x, knots, weight = ctx.saved_tensors
        by_x = grad * spline_dot(x, knots, weight, ctx.order, ctx.derivative + 1)
        return by_x, None, grad[..., None] * spline_basis(x, knots, ctx.order, ctx.derivative), None, None


def spline_basis(x: Tensor, knots: Tensor, order: int, derivative: int = 0) -> Tensor:
    """`bspline` by a compiled loop on the CPU that computes the `order + 1` splines that are not zero.

    Twice and more differentiable by x; the knots have no gradient. nan gives nan. In float32 at least, inside.
    """
    return _SplineBasis.apply(x, knots, order, derivative)  # type: ignore[no-any-return]  # apply is untyped


def spline_dot(x: Tensor, knots: Tensor, weight: Tensor, order: int, derivative: int = 0) -> Tensor:
    """`(bspline(x, knots, order, derivative) * weight).sum(-1)` without forming the splines."""
    return _SplineDot.apply(x, knots, weight, order, derivative)  # type: ignore[no-any-return]  # apply is untyped


def _flops(order: int) -> int:
    """Operations at one number: its place among the knots, then a polynomial for each spline that is not zero."""
    return 8 + 2 * order * (order + 1)


@register_flop_formula(torch.ops.unbend.spline_basis)
def _basis_flops(x: Any, knots: Any, order: int, derivative: int, *args: Any, **kwargs: Any) -> int:
    return prod(x) * _flops(order)


@register_flop_formula(torch.ops.unbend.spline_dot)
def _dot_flops(x: Any, knots: Any, weight: Any, order: int, derivative: int, *args: Any, **kwargs: Any) -> int:
    return prod(x) * (_flops(order) + 2 * (order + 1))
