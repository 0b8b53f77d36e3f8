"""B-splines by local evaluation: all bases at each number, and their weighted sum, with all derivatives."""

from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from unbend.kernels._threads import in_parts

Array = NDArray[Any]

# Up to so many knots all splines are formed, many numbers at once; beyond, those that are not zero, one by one.
_MOST_DENSE = 40


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
    """In the order of `_room`, which is that in which it is computed."""
    from unbend.kernels import _spline_loops as loops  # numba is slow to import

    out = _room(x, knots, order)
    if x.device.type != "cpu":
        values = bspline(x, knots, order, derivative)
        return out.copy_(values.movedim((-2, -1), (0, 1)) if _dense(knots) else values)
    rows, grid = _rows(x), _numpy(knots, _inner(x))
    values = out if out.dtype == _inner(x) else out.to(_inner(x))
    if _dense(knots):
        columns, inverse = _turned(rows), loops.inverse_spans(grid, order)
        into = values.flatten(2) if values.ndim > 2 else values[..., None]
        run = partial(loops.dense_basis, columns, grid, inverse, order, min(derivative, order), into.numpy())
    else:
        pieces = loops.pieces(grid.astype(np.float64), order, derivative).astype(grid.dtype)
        into = values.view(*rows.shape, values.shape[-1])
        run = partial(loops.local_loops(order)[0], rows, grid, pieces, into.numpy())
    in_parts(run, len(rows), out.numel())
    if derivative > order:
        values *= 0
    return values.to(x.dtype)


@torch.library.custom_op("unbend::spline_dot", mutates_args=())
def _dot(x: Tensor, knots: Tensor, weight: Tensor, order: int, derivative: int) -> Tensor:
    from unbend.kernels import _spline_loops as loops  # numba is slow to import

    if x.device.type != "cpu":
        return (bspline(x, knots, order, derivative) * weight).sum(-1)
    rows, grid, weight = _rows(x), _numpy(knots, _inner(x)), weight.detach().to(_inner(x))
    if _dense(knots):
        columns, inverse = _turned(rows), loops.inverse_spans(grid, order)
        out = np.empty_like(columns)
        weights = _columns(weight).contiguous().numpy()
        run = partial(loops.dense_dot, columns, grid, inverse, order, min(derivative, order), weights, out)
        in_parts(run, len(rows), weights.size)
        out = _turned(out)
    else:
        out = np.empty_like(rows)
        pieces = loops.pieces(grid.astype(np.float64), order, derivative).astype(grid.dtype)
        weights = weight.reshape(*rows.shape, weight.shape[-1]).contiguous().numpy()
        in_parts(partial(loops.local_loops(order)[1], rows, grid, pieces, weights, out), len(rows), weights.size)
    y = torch.from_numpy(out).view(x.shape).to(x.dtype)
    return y * 0 if derivative > order else y


def _dense(knots: Tensor) -> bool:
    return knots.shape[-1] <= _MOST_DENSE


def _room(x: Tensor, knots: Tensor, order: int) -> Tensor:
    """Memory for the splines: `(features, size, ...)` where all are formed, else `(..., features, size)`."""
    features, size = x.shape[-1], knots.shape[1] - 1 - order
    return x.new_empty((features, size, *x.shape[:-1]) if _dense(knots) else (*x.shape, size))


def _columns(values: Tensor) -> Tensor:
    """`(..., features, size)` as `(features, size, n)`."""
    return values.movedim((-2, -1), (0, 1)).flatten(2) if values.ndim > 2 else values[..., None]


def _rows(x: Tensor) -> Array:
    """`(..., features)` as `(n, features)`."""
    return _numpy(x.detach().reshape(x.numel() // max(1, x.shape[-1]), x.shape[-1]), _inner(x))


def _turned(rows: Array) -> Array:
    return torch.from_numpy(rows).T.contiguous().numpy()  # torch turns a matrix several times faster


def _numpy(tensor: Tensor, dtype: torch.dtype) -> Array:
    return tensor.detach().to(dtype).contiguous().numpy()


def _inner(x: Tensor) -> torch.dtype:
    """The type that the loops compute in."""
    return x.dtype if x.dtype in (torch.float32, torch.float64) else torch.float32


@_basis.register_fake
def _(x: Tensor, knots: Tensor, order: int, derivative: int) -> Tensor:
    return _room(x, knots, order)


@_dot.register_fake
def _(x: Tensor, knots: Tensor, weight: Tensor, order: int, derivative: int) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@_basis.register_vmap
def _(info: Any, in_dims: Any, x: Tensor, knots: Tensor, order: int, derivative: int) -> tuple[Tensor, int]:
    x, knots = _leading(x, in_dims[0], info), _leading(knots, in_dims[1], info)
    out = _basis(_side_by_side(x), knots.flatten(0, 1), order, derivative)
    if _dense(knots):
        return out.unflatten(0, (info.batch_size, -1)), 0
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
        out = _basis(x, knots, order, derivative)
        return out.movedim((0, 1), (-2, -1)) if _dense(knots) else out

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
