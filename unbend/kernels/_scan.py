"""Linear recurrences over time by compiled loops: gated, and selective as in Mamba; with all derivatives."""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from unbend.kernels._threads import in_parts

# As the loops have it; not imported from there, because numba is slow to import.
_LANES, _CHUNK = 32, 32


def linear_recurrence(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """The states `h_t = a_t h_(t-1) + b_t` in plain torch: the reference of `linear_scan`.

    Args:
        a: gains, (b, t, c).
        b: what comes in, (b, t, c).
        h: the state before the first step, (b, c).

    Returns:
        (b, t, c).
    """
    states: list[Tensor] = []
    for gain, new in zip(a.unbind(1), b.unbind(1)):
        h = gain * h + new
        states.append(h)
    return torch.stack(states, 1) if states else torch.empty_like(b)


def selective_recurrence(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The selective scan in plain torch: the reference of `selective_scan`, whose arguments it takes."""
    outputs: list[Tensor] = []
    for x, d, into, read in zip(*(value.unbind(1) for value in (u, delta, b, c))):
        h = (d[..., None] * a).exp() * h + (d * x)[..., None] * into[:, None]
        outputs.append((h * read[:, None]).sum(-1))
    return torch.stack(outputs, 1) if outputs else torch.empty_like(u), h


def linear_scan(a: Tensor, b: Tensor, h: Tensor | None = None) -> Tensor:
    """`linear_recurrence` by a compiled loop on the CPU; any number of times differentiable.

    Args:
        a: gains, (b, t, ...).
        b: what comes in, of the same shape.
        h: the state before the first step, (b, ...); zero when None.
    """
    shape = a.shape
    a, b = a.reshape(*shape[:2], prod(shape[2:])), b.reshape(*shape[:2], prod(shape[2:]))
    start = torch.zeros_like(b[:, 0] if shape[1] else b.sum(1)) if h is None else h.reshape(len(a), a.shape[2])
    states: Tensor = _Linear.apply(a, b, start, False)
    return states.view(shape)


def selective_scan(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The selective scan by a compiled loop on the CPU, forth and back.

    On the way back the states are computed again from every 32nd, which alone is kept. Gradients of gradients go
    through `linear_scan`, and keep all states.

    Formula:
        h_t = exp(delta_t a) h_(t-1) + delta_t u_t b_t
        y_t = sum_n c_tn h_tn

    Args:
        u: inputs, (b, t, c).
        delta: step sizes, (b, t, c).
        a: rates, (c, n).
        b: what the states take in, (b, t, n).
        c: what is read of them, (b, t, n).
        h: the state before the first step, (b, c, n); zero when None.

    Returns:
        The outputs (b, t, c), and the state after the last step (b, c, n).
    """
    if h is None:
        h = u.new_zeros(u.shape[0], *a.shape)
    y, last, _ = _Selective.apply(u, delta, a, b, c, h)
    return y, last


@torch.library.custom_op("unbend::linear_scan", mutates_args=())
def _linear(a: Tensor, b: Tensor, h: Tensor, reverse: bool) -> Tensor:
    """With `reverse`, `h_t = a_t h_(t+1) + b_t` from the end."""
    if a.device.type != "cpu" or a.dtype not in (torch.float32, torch.float64):
        if reverse:
            return linear_recurrence(a.flip(1), b.flip(1), h).flip(1).contiguous()
        return linear_recurrence(a, b, h)
    from unbend.kernels import _scan_loops as loops

    batch, steps, channels = a.shape
    states = a.new_empty(batch, steps + 1, channels)
    states[:, -1 if reverse else 0] = h
    groups = _groups(batch, channels)
    run = partial(loops.linear, _numpy(a), _numpy(b), states.numpy(), reverse, groups)
    in_parts(run, batch * groups, a.numel())
    return (states[:, :-1] if reverse else states[:, 1:]).clone(memory_format=torch.contiguous_format)


@torch.library.custom_op("unbend::selective_scan", mutates_args=())
def _forth(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor, keep: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, last state and every 32nd state, `(b, chunks, n, c)`."""
    kept = _kept(u, a, keep)
    if not _compiled(u):
        y, last = selective_recurrence(u, delta, a, b, c, h)
        return y, last.clone(), kept.zero_()
    from unbend.kernels import _scan_loops as loops

    channels, groups = u.shape[2], _groups(len(u), u.shape[2])
    x, d, rate, state = (_padded(value, dim) for value, dim in ((u, 2), (delta, 2), (a, 0), (h, 1)))
    y, last, wide = torch.empty_like(x), state.transpose(1, 2).contiguous(), kept
    if kept.shape[3] != x.shape[2]:
        wide = kept.new_empty(*kept.shape[:3], x.shape[2])
    if last.data_ptr() == h.data_ptr():
        last = last.clone()
    arrays = (_numpy(value) for value in (x, d, rate.T, b, c))
    run = partial(loops.selective, *arrays, y.numpy(), last.numpy(), wide.numpy())
    in_parts(partial(run, groups), len(u) * groups, x.numel() * a.shape[1])
    if wide is not kept:
        kept.copy_(wide[..., :channels])
    return y[..., :channels].contiguous(), last[..., :channels].transpose(1, 2).contiguous(), kept


@torch.library.custom_op("unbend::selective_scan_back", mutates_args=())
def _back(
    gy: Tensor, gh: Tensor, u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor, kept: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients by u, delta, a, b, c and h; that by a with an axis of the batch, over which it is to be summed."""
    if not _compiled(u):
        return _plain_back(gy, gh, u, delta, a, b, c, h)
    from unbend.kernels import _scan_loops as loops

    channels, groups = u.shape[2], _groups(len(u), u.shape[2])
    g, x, d = (_padded(value, 2) for value in (gy, u, delta))
    rate, carried, states = _padded(a, 0).T, _padded(gh, 1).transpose(1, 2).clone(), _padded(kept, 3)
    carried = carried.contiguous()
    gu, gd, ga = torch.empty_like(x), torch.empty_like(x), torch.zeros_like(carried)
    gb, gc = u.new_empty(2, len(u), groups, *b.shape[1:])
    arrays = (_numpy(value) for value in (g, x, d, rate, b, c, states, gu, gd, ga, gb, gc, carried))
    run = partial(loops.selective_back, *arrays)
    in_parts(run, len(u) * groups, x.numel() * a.shape[1])
    gu, gd = (value[..., :channels].contiguous() for value in (gu, gd))
    ga, carried = (value[..., :channels].transpose(1, 2).contiguous() for value in (ga, carried))
    return gu, gd, ga, gb.sum(1), gc.sum(1), carried


def _plain_back(gy: Tensor, gh: Tensor, *inputs: Tensor) -> Any:
    """As `_back`, where there is no compiled loop."""
    u, _, a, *_ = inputs
    values = [value.detach().requires_grad_() for value in inputs]
    values[2] = a.detach().expand(len(u), *a.shape).clone().requires_grad_()
    with torch.enable_grad():
        rates = values[2][:, None]
        found = _states(values[0], values[1], rates, *values[3:])
    return torch.autograd.grad(found, values, (gy, gh), materialize_grads=True)


def _states(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The selective scan through all its states, by `linear_scan`: differentiable without end."""
    gains = (delta[..., None] * a).exp()
    states = linear_scan(gains, (delta * u)[..., None] * b[:, :, None], h)
    last = states[:, -1] if u.shape[1] else h.clone()
    return (states * c[:, :, None]).sum(-1), last


def _compiled(u: Tensor) -> bool:
    return u.device.type == "cpu" and u.dtype in (torch.float32, torch.float64)


def _groups(batch: int, channels: int) -> int:
    """Parts of the channels, so that every thread has a row of its own."""
    return max(1, min(-(-torch.get_num_threads() // max(batch, 1)), channels // _LANES))


def _padded(value: Tensor, dim: int) -> Tensor:
    """Zeros behind axis `dim`, up to a whole number of lanes."""
    missing = -value.shape[dim] % _LANES
    if not missing:
        return value
    shape = [*value.shape]
    shape[dim] = missing
    return torch.cat((value, value.new_zeros(shape)), dim)


def _kept(u: Tensor, a: Tensor, keep: bool) -> Tensor:
    chunks = -(-u.shape[1] // _CHUNK) if keep else 0
    return u.new_empty(u.shape[0], chunks, a.shape[1], u.shape[2])


def _numpy(value: Tensor) -> Any:
    return value.detach().contiguous().numpy()


@_linear.register_fake
def _(a: Tensor, b: Tensor, h: Tensor, reverse: bool) -> Tensor:
    return torch.empty_like(a, memory_format=torch.contiguous_format)


@_forth.register_fake
def _(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor, keep: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return u.new_empty(u.shape), h.new_empty(h.shape), _kept(u, a, keep)


@_back.register_fake
def _(
    gy: Tensor, gh: Tensor, u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor, kept: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    by_a = a.new_empty(len(u), *a.shape)
    gu, gd, gb, gc, gh = (v.new_empty(v.shape) for v in (u, u, b, c, h))
    return gu, gd, by_a, gb, gc, gh


@_linear.register_vmap
def _(info: Any, in_dims: Any, a: Tensor, b: Tensor, h: Tensor, reverse: bool) -> tuple[Tensor, int]:
    folded = (_folded(value, dim, info.batch_size) for value, dim in zip((a, b, h), in_dims))
    return _linear(*folded, reverse).unflatten(0, (info.batch_size, -1)), 0


@_forth.register_vmap
def _(info: Any, in_dims: Any, *values: Any) -> Any:
    return _mapped(_forth, 2, info, in_dims, values)


@_back.register_vmap
def _(info: Any, in_dims: Any, *values: Any) -> Any:
    return _mapped(_back, 4, info, in_dims, values)


def _mapped(op: Callable[..., Any], rates: int, info: Any, in_dims: Any, values: Any) -> Any:
    """What is mapped over joins the batch; where the rates differ, one call after another."""
    size: int = info.batch_size
    if in_dims[rates] is not None:
        each = [
            op(*(v.select(dim, i) if dim is not None else v for v, dim in zip(values, in_dims))) for i in range(size)
        ]
        return tuple(torch.stack(part) for part in zip(*each)), (0,) * len(each[0])
    given = [
        v if i == rates or not isinstance(v, Tensor) else _folded(v, dim, size)
        for i, (v, dim) in enumerate(zip(values, in_dims))
    ]
    found = tuple(part.unflatten(0, (size, -1)) for part in op(*given))
    return found, (0,) * len(found)


def _folded(value: Tensor, dim: int | None, size: int) -> Tensor:
    value = value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)
    return value.flatten(0, 1)


class _Linear(torch.autograd.Function):
    """`_linear`, whose gradient is `_linear` the other way."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor, h: Tensor, reverse: bool) -> Tensor:
        return _linear(a, b, h, reverse)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0], inputs[2], output)
        ctx.reverse = inputs[3]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (g,) = grad_outputs
        a, h, states = ctx.saved_tensors
        if not a.shape[1]:
            return torch.zeros_like(a), torch.zeros_like(a), torch.zeros_like(h), None
        edge, ahead = (h[:, None], torch.zeros_like(a[:, :1]))
        if ctx.reverse:
            before, gains = torch.cat((states[:, 1:], edge), 1), torch.cat((ahead, a[:, :-1]), 1)
        else:
            before, gains = torch.cat((edge, states[:, :-1]), 1), torch.cat((a[:, 1:], ahead), 1)
        by_b = _Linear.apply(gains, g, torch.zeros_like(h), not ctx.reverse)
        at = -1 if ctx.reverse else 0
        return by_b * before, by_b, a[:, at] * by_b[:, at], None


class _Selective(torch.autograd.Function):
    """`_forth`, whose gradient is `_back`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor) -> Any:
        return _forth(u, delta, a, b, c, h, True)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(*inputs, output[2])

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        found: Any = _SelectiveBack.apply(*grad_outputs[:2], *ctx.saved_tensors)
        gu, gdelta, ga, gb, gc, gh = found
        return gu, gdelta, ga.sum(0), gb, gc, gh


class _SelectiveBack(torch.autograd.Function):
    """`_back`, whose own gradient goes through all states."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        gy: Tensor, gh: Tensor, u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor, kept: Tensor
    ) -> Any:
        return _back(gy, gh, u, delta, a, b, c, h, kept)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:8])

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        def first(gy: Tensor, gh: Tensor, *inputs: Tensor) -> Any:
            rates = inputs[2].expand(len(gy), *inputs[2].shape)[:, None]
            pull: Any = torch.func.vjp(_states, *inputs[:2], rates, *inputs[3:])[1]
            found = pull((gy, gh))
            return (*found[:2], found[2][:, 0], *found[3:])

        pull: Any = torch.func.vjp(first, *ctx.saved_tensors)[1]
        return (*pull(grad_outputs), None)


@register_flop_formula(torch.ops.unbend.linear_scan)
def _linear_flops(a: Any, *args: Any, **kwargs: Any) -> int:
    return 2 * prod(a)


@register_flop_formula(torch.ops.unbend.selective_scan)
def _forth_flops(u: Any, delta: Any, a: Any, *args: Any, **kwargs: Any) -> int:
    """An exponential as one operation, as elsewhere: product, exponential, two products and sums, and the reading."""
    return prod(u) * a[1] * 7


@register_flop_formula(torch.ops.unbend.selective_scan_back)
def _back_flops(gy: Any, gh: Any, u: Any, delta: Any, a: Any, *args: Any, **kwargs: Any) -> int:
    return prod(u) * a[1] * 22
