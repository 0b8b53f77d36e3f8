"""Sums and products over the edges of a graph that never form a row for each edge, with all derivatives."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from unbend._errors import ArgumentError
from unbend.kernels._threads import in_parts


def edge_sum_reference(weight: Tensor, value: Tensor, edges: Tensor) -> Tensor:
    """`edge_sum` in plain torch.

    Formula:
        out[t] = sum over edges e from s to t of weight[e] * value[s]
    """
    rows = weight[..., None] * value[edges[0]]
    return torch.zeros_like(value).index_add(0, edges[1], rows)


def edge_dot_reference(left: Tensor, right: Tensor, edges: Tensor) -> Tensor:
    """`edge_dot` in plain torch.

    Formula:
        out[e] = sum over the last axis of left[t] * right[s], for edge e from s to t
    """
    return (left[edges[1]] * right[edges[0]]).sum(-1)


def checked(edges: Tensor, nodes: int) -> Tensor:
    """`edges` as `(2, m)` int64 whose numbers are those of nodes; what a compiled loop must know before it writes.

    Raises:
        ArgumentError: another shape or type, or a number that is not that of a node.
    """
    if edges.ndim != 2 or edges.shape[0] != 2 or edges.dtype != torch.int64:
        got = f"shape {tuple(edges.shape)} of {edges.dtype}"
        raise ArgumentError.of("edges", got, "int64 of shape (2, m): sources, then targets")
    if edges.numel() and not edges.is_meta and not torch.compiler.is_compiling():
        least, most = (int(bound) for bound in edges.aminmax())
        if least < 0 or most >= nodes:
            raise ArgumentError.of("edges", f"numbers from {least} to {most}", f"0 to {nodes - 1}, those of the nodes")
    return edges


@torch.library.custom_op("unbend::edge_sum", mutates_args=())
def _sum(weight: Tensor, value: Tensor, edges: Tensor) -> Tensor:
    if weight.shape != (edges.shape[1], value.shape[1]):
        expected = f"shape {(edges.shape[1], value.shape[1])}: a row for each edge, a column for each head"
        raise ArgumentError.of("weight", tuple(weight.shape), expected)
    if value.device.type != "cpu":
        return edge_sum_reference(weight, value, edges)
    from unbend.kernels import _edge_loops as loops  # numba is slow to import

    rows = _rows(value)
    out = torch.zeros_like(rows)
    if rows.shape[1] and edges.shape[1]:
        source, target = (ends.contiguous().numpy() for ends in edges)
        given = _inner(weight).numpy(), rows.numpy(), source, target, out.numpy()
        in_parts(partial(loops.sums, *given), rows.shape[1], edges.shape[1] * rows.shape[1])
    return out.view(value.shape).to(value.dtype)


@torch.library.custom_op("unbend::edge_dot", mutates_args=())
def _dot(left: Tensor, right: Tensor, edges: Tensor) -> Tensor:
    if left.shape != right.shape:
        raise ArgumentError.of("left, right", f"shapes {tuple(left.shape)} and {tuple(right.shape)}", "one shape")
    if left.device.type != "cpu":
        return edge_dot_reference(left, right, edges)
    from unbend.kernels import _edge_loops as loops  # numba is slow to import

    a, b = _rows(left), _rows(right)
    out = a.new_zeros(edges.shape[1], left.shape[1])
    if a.shape[1] and edges.shape[1]:
        source, target = (ends.contiguous().numpy() for ends in edges)
        given = a.numpy(), b.numpy(), source, target, out.numpy()
        in_parts(partial(loops.dots, *given), edges.shape[1], edges.shape[1] * a.shape[1])
    return out.to(left.dtype)


@torch.library.custom_op("unbend::edge_max", mutates_args=())
def _max(score: Tensor, edges: Tensor, nodes: int) -> Tensor:
    if score.device.type != "cpu":
        index = edges[1][:, None].expand_as(score)
        out = score.new_full((nodes, score.shape[1]), float("-inf"))
        return out.scatter_reduce(0, index, score, "amax")
    from unbend.kernels import _edge_loops as loops  # numba is slow to import

    inner = _inner(score)
    out = inner.new_full((nodes, score.shape[1]), float("-inf"))
    loops.largest(inner.numpy(), edges[1].contiguous().numpy(), out.numpy())
    return out.to(score.dtype)


def _inner(x: Tensor) -> Tensor:
    """In the type that the loops compute in."""
    return x.detach().to(x.dtype if x.dtype == torch.float64 else torch.float32).contiguous()


def _rows(value: Tensor) -> Tensor:
    """`(n, heads, size)` as `(n, heads * size)`."""
    return _inner(value).view(len(value), value.shape[1] * value.shape[2])


@_sum.register_fake
def _(weight: Tensor, value: Tensor, edges: Tensor) -> Tensor:
    return torch.empty_like(value, memory_format=torch.contiguous_format)


@_dot.register_fake
def _(left: Tensor, right: Tensor, edges: Tensor) -> Tensor:
    return left.new_empty(edges.shape[1], left.shape[1])


@_max.register_fake
def _(score: Tensor, edges: Tensor, nodes: int) -> Tensor:
    return score.new_empty(nodes, score.shape[1])


@_sum.register_vmap
def _(info: Any, in_dims: Any, weight: Tensor, value: Tensor, edges: Tensor) -> tuple[Tensor, int]:
    weight, value = (_as_heads(t, dim, info) for t, dim in zip((weight, value), in_dims))
    return _sum(weight, value, _common(edges, in_dims[2])).unflatten(1, (info.batch_size, -1)), 1


@_dot.register_vmap
def _(info: Any, in_dims: Any, left: Tensor, right: Tensor, edges: Tensor) -> tuple[Tensor, int]:
    left, right = (_as_heads(t, dim, info) for t, dim in zip((left, right), in_dims))
    return _dot(left, right, _common(edges, in_dims[2])).unflatten(1, (info.batch_size, -1)), 1


@_max.register_vmap
def _(info: Any, in_dims: Any, score: Tensor, edges: Tensor, nodes: int) -> tuple[Tensor, int]:
    score = _as_heads(score, in_dims[0], info)
    return _max(score, _common(edges, in_dims[1]), nodes).unflatten(1, (info.batch_size, -1)), 1


def _as_heads(t: Tensor, dim: int | None, info: Any) -> Tensor:
    """What is mapped over become more heads."""
    t = t[None].expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)
    return t.movedim(0, 1).flatten(1, 2)


def _common(edges: Tensor, dim: int | None) -> Tensor:
    if dim is not None:
        raise ArgumentError.of("edges", "edges that differ along a mapped axis", "the same edges for all")
    return edges


class _EdgeSum(torch.autograd.Function):
    """`_sum`, whose gradients are `_dot` and `_sum` with the edges turned round."""

    generate_vmap_rule = True

    @staticmethod
    def forward(weight: Tensor, value: Tensor, edges: Tensor) -> Tensor:
        return _sum(weight, value, edges)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        weight, value, edges = ctx.saved_tensors
        return edge_dot(grad_outputs[0], value, edges), edge_sum(weight, grad_outputs[0], edges.flip(0)), None


class _EdgeDot(torch.autograd.Function):
    """`_dot`, whose gradients are `_sum` along the edges, and against them."""

    generate_vmap_rule = True

    @staticmethod
    def forward(left: Tensor, right: Tensor, edges: Tensor) -> Tensor:
        return _dot(left, right, edges)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        left, right, edges = ctx.saved_tensors
        return edge_sum(grad_outputs[0], right, edges), edge_sum(grad_outputs[0], left, edges.flip(0)), None


def edge_sum(weight: Tensor, value: Tensor, edges: Tensor) -> Tensor:
    """What comes to each node along its edges: `edge_sum_reference` by a compiled loop.

    Args:
        weight: (m, heads), of each edge.
        value: (n, heads, size), of each node.
        edges: (2, m), numbers of nodes, which are not checked again: see `checked`.

    Returns:
        (n, heads, size).
    """
    return _EdgeSum.apply(weight, value, edges)  # type: ignore[no-any-return]  # apply is untyped


def edge_dot(left: Tensor, right: Tensor, edges: Tensor) -> Tensor:
    """The products (m, heads) of `left` at the target and `right` at the source of each edge, both (n, heads, size)."""
    return _EdgeDot.apply(left, right, edges)  # type: ignore[no-any-return]  # apply is untyped


def edge_softmax_sum(score: Tensor, value: Tensor, edges: Tensor) -> Tensor:
    """`edge_sum` with the softmax of `score` over the edges that come to a node; zero where none does.

    Args:
        score: (m, heads).
        value: (n, heads, size).
        edges: (2, m).
    """
    top = _max(score.detach(), edges, len(value))
    weight = (score - top[edges[1]]).exp()
    total = edge_sum(weight, torch.ones_like(value[..., :1]), edges)
    return edge_sum(weight, value, edges) / total.masked_fill(total == 0, 1.0)


@register_flop_formula(torch.ops.unbend.edge_sum)
def _sum_flops(weight: Any, value: Any, edges: Any, *args: Any, **kwargs: Any) -> int:
    return 2 * edges[1] * value[1] * value[2]


@register_flop_formula(torch.ops.unbend.edge_dot)
def _dot_flops(left: Any, right: Any, edges: Any, *args: Any, **kwargs: Any) -> int:
    return 2 * edges[1] * left[1] * left[2]


@register_flop_formula(torch.ops.unbend.edge_max)
def _max_flops(score: Any, edges: Any, nodes: int, *args: Any, **kwargs: Any) -> int:
    return score[0] * score[1]
