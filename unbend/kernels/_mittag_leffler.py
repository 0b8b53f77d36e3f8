"""The Mittag-Leffler function and its derivatives: one contour for all arguments, the poles put right one by one.

E(z) is the integral of `exp(s) s^(a - b) / (s^a - z) ds / (2 pi i)` along `s = MU (1 + iu)^2`, taken by the trapezoidal
rule. Its nodes do not depend on z, so that they serve every number with the same a and b. What the rule makes of a pole
near the nodes is known: `residue / (exp(-2 pi i u / h) - 1)` too much or too little. Of two sets of nodes, half a step
apart, the one that is farther from the pole is used.

The compiled loops are kept on disk; that is safe, since all that they use stands in this file.
"""

import math
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from unbend.kernels._threads import in_parts

Array = NDArray[Any]
Slopes = tuple[Tensor, Tensor, Tensor]
Pole = tuple[float, complex, complex, complex]

NODES = 20
STEP, MU = 3 / NODES, math.pi * NODES / 12
# Where exp(-2 pi y / h) is below rounding a pole does not count; nearer to the origin it would blow rounding up.
AWAY = 0.9
ROWS = 2048
FAR, LOG_FAR = 1e300, 690.0
LEAST, MOST = -1.0, 4.0


def _nodes(shift: float) -> tuple[Array, Array]:
    """Logarithms of the nodes in the upper half plane, and their weights; the lower half is their conjugate."""
    u = (np.arange(NODES) + shift) * STEP
    s = MU * (1 + 1j * u) ** 2
    weight = np.exp(s) * MU * (1 + 1j * u) * STEP * 2 / math.pi
    return np.log(s), weight * np.where(u == 0, 0.5, 1.0)


LOGS, WEIGHTS = (np.stack(rows) for rows in zip(_nodes(0.5), _nodes(0.0)))


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _sum(z: Array, count: int, a: float, b: float, grid: int, kind: int, out: Array) -> None:
    """The trapezoidal rule for the first `count` numbers: kind 0 the value, 1 the derivative by z, 3 by a and b too."""
    first, second, third = out[0], out[1], out[2]
    out[:] = 0.0
    for k in range(NODES):
        log = LOGS[grid, k]
        p, w = np.exp(a * log), WEIGHTS[grid, k] * np.exp((a - b) * log)
        v = w * log
        p_re, p_im, w_re, w_im, v_re, v_im = p.real, p.imag, w.real, w.imag, v.real, v.imag
        if kind == 0:
            for i in range(count):
                d = p_re - z[i]
                first[i] += (w_re * d + w_im * p_im) / (d * d + p_im * p_im)
            continue
        for i in range(count):
            d = p_re - z[i]
            size = 1 / (d * d + p_im * p_im)
            q_re, q_im = d * size, -p_im * size
            s_re, s_im = q_re * q_re - q_im * q_im, 2 * q_re * q_im
            first[i] += w_re * s_re - w_im * s_im
            if kind == 3:
                second[i] -= z[i] * (v_re * s_re - v_im * s_im)
                third[i] -= v_re * q_re - v_im * q_im


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _pole(z: float, a: float, b: float, turn: float, grid: int, sigma: float) -> Pole:
    """What a pole at the angle `turn` adds, times exp(-sigma), as a size, which may be infinite, and a finite factor.

    Then its logarithmic derivative by log s, and log s.
    """
    log = complex(min(math.log(abs(z)) / a, LOG_FAR), turn)
    size = math.exp(log.real)
    r = _unit(turn / 2) * math.sqrt(size / MU)
    y = 1 - r.real
    if y > AWAY:
        return 0.0, 0j, 0j, log
    p, g, moved = 0j, 1 + 0j, 0j
    if y > -1.0:
        p = _unit(-2 * math.pi / STEP * r.imag) * math.exp(2 * math.pi / STEP * y) * (1 if grid else -1)
        g = 1 / (1 - p)
        moved = math.pi / STEP * r * p * g
    s = complex(size * math.cos(turn), size * math.sin(turn))
    rest = complex(0.0 if s.real == sigma else s.real - sigma, s.imag)
    unit = _unit(rest.imag + (1 - b) * turn) * g / a
    return math.exp(rest.real + (1 - b) * log.real), unit, rest + (1 - b) - moved, log


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _unit(angle: float) -> complex:
    """exp(i angle)."""
    return complex(math.cos(angle), math.sin(angle))


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _grid(z: float, a: float, first: float) -> int:
    """Which of the two sets of nodes is farther from the pole nearest to the contour."""
    root, best, grid, turn = math.sqrt(math.exp(math.log(abs(z)) / a) / MU), math.inf, 0, first
    while turn < math.pi:
        x, y = root * math.sin(turn / 2) / STEP, abs(1 - root * math.cos(turn / 2))
        if y < best:
            best, grid = y, 1 if abs(x - math.floor(x) - 0.5) < 0.25 else 0
        turn += 2 * first
    return grid


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _add_poles(z: float, a: float, b: float, grid: int, scaled: bool, kind: int, out: Array) -> None:
    """Put right what the rule made of the poles, and multiply by exp(-sigma)."""
    first = math.pi / abs(a) if a != 0.0 else math.inf
    turn = 0.0 if z > 0 else first
    if z == 0 or turn >= math.pi or a == 0.0:
        return
    sigma = math.exp(min(math.log(z) / a, LOG_FAR)) if scaled and z > 1 and a > 0 else 0.0
    by_z, by_a = sigma / (a * z), sigma * math.log(abs(z)) / (a * a)
    if sigma > 0:
        shrink = math.exp(-sigma)
        if kind:
            t = (out[0], out[1], out[2], out[3])
            out[0] = (t[0] - by_z * t[3]) * shrink if shrink > 0 else 0.0
            out[1] = (t[1] + by_a * t[3]) * shrink if shrink > 0 else 0.0
            out[2] *= shrink
        else:
            out[0] *= shrink
    while turn < math.pi:
        size, unit, slope, log = _pole(z, a, b, turn, grid, sigma)
        size *= 1 if turn == 0.0 else 2
        if size > 0 and kind == 0:
            out[0] += size * unit.real
        elif size > 0:
            out[0] += size * (unit * slope).real / (a * z)
            out[1] -= size * (unit * (1 + slope * log + complex(0.0, turn * sigma))).real / a
            out[2] -= size * (unit * log).real
        turn += 2 * first


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _run(z: Array, a: Array, b: Array, scaled: bool, kind: int, out: Array, first: int, last: int) -> None:
    """Blocks `first` to `last` of the rows of z, (channels, n); `out` is (1 or 3, channels, n)."""
    blocks = (z.shape[1] + ROWS - 1) // ROWS
    half, whole, value = np.empty((3, ROWS)), np.empty((3, ROWS)), np.zeros((3, ROWS))
    at, one = np.empty(ROWS), np.empty(4)
    for block in range(first, last):
        c, start = block // blocks, block % blocks * ROWS
        alpha, beta = float(a[c]), float(b[c])
        count = min(ROWS, z.shape[1] - start)
        low, high = 0.0, 0.0
        for i in range(count):
            at[i] = min(max(z[c, start + i], -FAR), FAR)
            low, high = min(low, at[i]), max(high, at[i])
        two = alpha > 1 and low < 0
        _sum(at, count, alpha, beta, 0, kind, half)
        if kind and scaled and high > 1:
            _sum(at, count, alpha, beta, 0, 0, value)
        if two:
            _sum(at, count, alpha, beta, 1, kind, whole)
        for i in range(count):
            grid = _grid(at[i], alpha, math.pi / alpha) if two and at[i] < 0 else 0
            for j in range(3):
                one[j] = whole[j, i] if grid else half[j, i]
            one[3] = value[0, i]
            _add_poles(at[i], alpha, beta, grid, scaled, kind, one)
            bad = not (LEAST < alpha <= MOST) or z[c, start + i] != z[c, start + i]
            for j in range(len(out)):
                out[j, c, start + i] = math.nan if bad else one[j]


def plain(z: Tensor, a: Tensor, b: Tensor, scaled: bool) -> Tensor:
    """The same in plain torch, differentiable as often as is liked: the reference of the loops, and slow.

    Args:
        z: (n, channels), float64.
        a: (channels,), float64.
        b: (channels,), float64.
        scaled: multiply by exp(-sigma), sigma = z^(1/a) where z > 1 and a > 0.
    """
    bad, (a, b) = ~((a > LEAST) & (a <= MOST)) | z.isnan(), (t.expand_as(z) for t in (a, b))
    a, z = a.where(~bad, 1.0), z.where(~bad, 0.0).clamp(-FAR, FAR)
    used = a.where(a != 0, 1.0)
    log = (z.abs().where(z != 0, 1.0).log() / used).clamp(max=LOG_FAR)
    turns = [torch.where(z > 0, 2.0 * k, 2.0 * k + 1).to(z) * math.pi / used.abs() for k in (0, 1)]
    there = [(turn < math.pi) & (z != 0) & (a != 0) for turn in turns]
    turns = [turn.where(ok, 0.0) for turn, ok in zip(turns, there)]
    roots = [torch.exp(log / 2) / math.sqrt(MU) for _ in turns]
    near = [torch.where(ok, (1 - r * (t / 2).cos()).abs(), math.inf) for r, t, ok in zip(roots, turns, there)]
    pick = torch.stack(near).argmin(0)
    x = (torch.stack(roots) * (torch.stack(turns) / 2).sin() / STEP).gather(0, pick[None])[0]
    grid = ((x - x.floor() - 0.5).abs() < 0.25) & (z < 0) & there[0]
    logs, weights = (torch.as_tensor(t, device=z.device)[grid.long()] for t in (LOGS, WEIGHTS))
    sigma = log.exp().where((z > 1) & (a > 0) & torch.tensor(scaled), 0.0)
    e = a[..., None]
    value = (weights * ((e - b[..., None]) * logs).exp() / ((e * logs).exp() - z[..., None])).real.sum(-1)
    value = (value * (-sigma).exp()).where(sigma < math.inf, 0.0)
    for turn, ok, root in zip(turns, there, roots):
        value = value + _plain_pole(log, turn, ok, root, used, b, grid, sigma)
    return value.masked_fill(bad, math.nan)


def _plain_pole(
    log: Tensor, turn: Tensor, ok: Tensor, root: Tensor, a: Tensor, b: Tensor, grid: Tensor, sigma: Tensor
) -> Tensor:
    """What one pole and its conjugate add."""
    y = 1 - root * (turn / 2).cos()
    ok, close = ok & (y <= AWAY), (y > -1) & (y <= AWAY) & ok
    log, root, turn = log.where(ok, 0.0), root.where(close, 0.0), turn.where(ok, 0.0)
    p = 2 * math.pi / STEP * torch.complex(1 - root * (turn / 2).cos(), -root * (turn / 2).sin())
    p = torch.where(close, (p - 2 * math.pi / STEP * ~close).exp() * torch.where(grid, 1, -1), 0)
    rest, imag = log.exp() * turn.cos() - sigma, log.exp() * turn.sin()
    real = torch.where((turn == 0) & (sigma > 0), 0.0, rest) + (1 - b) * log
    unit = torch.polar(torch.ones_like(real), imag + (1 - b) * turn) / a / (1 - p)
    return torch.where(ok, torch.where(turn == 0, 1, 2) * real.exp() * unit.real, 0.0)


def _loop(z: Tensor, a: Tensor, b: Tensor, scaled: bool, kind: int) -> Tensor:
    """(1 or 3, n, channels) by the loops; kind 0 the value, 1 the derivative by z, 3 by a and b too."""
    rows, first_of, second_of = (t.detach().contiguous().numpy() for t in (z.t(), a, b))
    out = torch.empty(max(kind, 1), *rows.shape, dtype=torch.float64)
    blocks = len(rows) * -(-rows.shape[1] // ROWS)

    def run(first: int, last: int) -> None:
        _run(rows, first_of, second_of, scaled, kind, out.numpy(), first, last)

    in_parts(run, blocks, 64 * rows.size)
    return out.transpose(1, 2)


@torch.library.custom_op("unbend::mittag_leffler", mutates_args=())
def _value(z: Tensor, a: Tensor, b: Tensor, scaled: bool) -> Tensor:
    if z.device.type != "cpu":
        return plain(z, a, b, scaled)
    return _loop(z, a, b, scaled, 0)[0].contiguous()


@torch.library.custom_op("unbend::mittag_leffler_slopes", mutates_args=())
def _slopes(z: Tensor, a: Tensor, b: Tensor, scaled: bool, count: int) -> Tensor:
    if z.device.type != "cpu":
        return torch.stack(_plain_slopes(z, a.expand_as(z), b.expand_as(z), scaled)[:count])
    return _loop(z, a, b, scaled, count).contiguous()


@_value.register_fake
def _(z: Tensor, a: Tensor, b: Tensor, scaled: bool) -> Tensor:
    return torch.empty_like(z, memory_format=torch.contiguous_format)


@_slopes.register_fake
def _(z: Tensor, a: Tensor, b: Tensor, scaled: bool, count: int) -> Tensor:
    return z.new_empty((count, *z.shape))


def _side_by_side(info: Any, in_dims: Any, z: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is mapped over becomes more channels: each may have its own parameters."""
    z, a, b = (
        t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0) for t, dim in zip((z, a, b), in_dims)
    )
    return z.movedim(0, 1).flatten(1), a.flatten(), b.flatten()


@_value.register_vmap
def _(info: Any, in_dims: Any, z: Tensor, a: Tensor, b: Tensor, scaled: bool) -> tuple[Tensor, int]:
    out = _value(*_side_by_side(info, in_dims, z, a, b), scaled)
    return out.unflatten(1, (info.batch_size, -1)), 1


@_slopes.register_vmap
def _(info: Any, in_dims: Any, z: Tensor, a: Tensor, b: Tensor, scaled: bool, count: int) -> tuple[Tensor, int]:
    out = _slopes(*_side_by_side(info, in_dims, z, a, b), scaled, count)
    return out.unflatten(2, (info.batch_size, -1)), 2


class _MittagLeffler(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, a: Tensor, b: Tensor, scaled: bool) -> Tensor:
        return _value(z, a, b, scaled)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:3])
        ctx.scaled = inputs[3]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        learned = ctx.needs_input_grad[1] or ctx.needs_input_grad[2]
        slopes: Tensor = _Slopes.apply(*ctx.saved_tensors, ctx.scaled, 3 if learned else 1)  # type: ignore[assignment]  # apply is untyped
        by_z = grads[0] * slopes[0]
        by_a, by_b = (grads[0] * slopes[1:]).sum(1) if learned else (None, None)
        return by_z, by_a, by_b, None


class _Slopes(torch.autograd.Function):
    """The derivative by z, or all three; their own are those of the plain form."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, a: Tensor, b: Tensor, scaled: bool, count: int) -> Tensor:
        return _slopes(z, a, b, scaled, count)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[:3])
        ctx.scaled, ctx.count = inputs[3:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        z, a, b = ctx.saved_tensors

        def of(z: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
            return _plain_slopes(z, a.expand_as(z), b.expand_as(z), ctx.scaled)[: ctx.count]

        pull: Any = torch.func.vjp(of, z, a, b)[1]
        return *pull(tuple(grads[0])), None, None


def _plain_slopes(z: Tensor, a: Tensor, b: Tensor, scaled: bool) -> Slopes:
    def of(z: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return plain(z, a, b, scaled)

    pull: Any = torch.func.vjp(of, z, a, b)[1]
    return pull(torch.ones_like(z))


def mittag_leffler(z: Tensor, a: Tensor, b: Tensor, scaled: bool = False) -> Tensor:
    """`plain` by compiled loops on the CPU: float64, z (n, channels), a and b (channels,). Twice differentiable."""
    return _MittagLeffler.apply(z, a, b, scaled)  # type: ignore[no-any-return]  # apply is untyped


@register_flop_formula([torch.ops.unbend.mittag_leffler, torch.ops.unbend.mittag_leffler_slopes])
def _flops(z: Any, *args: Any, **kwargs: Any) -> int:
    return z[0] * z[1] * NODES * 8
