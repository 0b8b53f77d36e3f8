"""A ratio of two polynomials and its gradients, elementwise, in one pass over memory each.

A block of numbers none of which can overflow is computed by Horner's form. Elsewhere a number beyond 1 is replaced by
its inverse, with the coefficients in reverse, so that no power of it overflows; both are written at once:
`a_j s^j t^(m - j)` with (s, t) = (x, 1) within 1, and (1, 1 / x) beyond. The degrees are lengths of tuples, known to
the compiler, which unrolls the sums and keeps sixteen numbers in flight.

The compiled loops are kept on disk; that is safe, since all that they use stands in this file.
"""

from math import prod
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from unbend.kernels._ratio import Form, plain
from unbend.kernels._threads import in_parts

Array = NDArray[Any]
Flags = tuple[bool, bool, float]

BLOCK = 512
_SHORT = 32  # rows shorter than this are not worth a loop of their own


# Sums may be reordered and products fused; nan and infinity stay what they are.
_jit = numba.njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"}, cache=True)


@_jit
def _tame(x: Array, a: Array, q: Array, degrees: Any) -> bool:
    """Whether no power and no product of these numbers can overflow, so that Horner's form will do."""
    m, n = len(degrees[0]), len(degrees[1])
    size = max(np.abs(a).sum(), np.abs(q).sum()) * max(m, n, 1)
    limit = (np.sqrt(np.finfo(x.dtype).max) / (1 + size)) ** (1 / max(m, n, 1))
    wild = 0
    for i in range(len(x)):
        wild += 0 if abs(x[i]) <= limit else 1
    return wild == 0


@_jit
def _values(x: Array, a: Array, q: Array, degrees: Any, flags: Flags, out: Array) -> None:
    fold, mirror, base = flags
    m, n, one, zero = len(degrees[0]), len(degrees[1]), x.dtype.type(1), x.dtype.type(0)
    if _tame(x, a, q, degrees):
        for i in range(len(x)):
            p, d, t = a[m], q[n], abs(x[i]) if mirror else x[i]
            for j in range(m):
                p = p * x[i] + a[m - 1 - j]
            for j in range(n):
                d = d * t + q[n - 1 - j]
            out[i] = p / (abs(d) + x.dtype.type(base) if fold else d)
        return
    flip = n % 2 == 1 and (fold or mirror)
    for i in range(len(x)):
        v = x[i]
        far = abs(v) > one
        u = one / (v if far else one)
        s, t = (one, u) if far else (v, one)
        p, power = a[m], t
        for j in range(m):
            p = p * s + a[m - 1 - j] * power
            power = power * t
        if mirror:
            s, t = abs(s), abs(t)
        d, power = q[n], t if n else one
        for j in range(n):
            d = d * s + q[n - 1 - j] * power
            power = power * t if j < n - 1 else power
        if fold:
            d = abs(d) + x.dtype.type(base) * abs(power)
        lift = (v if m > n else u) if far else one
        y = p / d
        for _ in range(len(degrees[2])):
            y = y * lift
        out[i] = -y if flip and far and v < zero else y


@_jit
def _slopes(
    x: Array, g: Array, a: Array, q: Array, degrees: Any, flags: Flags, out: Array, z: Array, w: Array, v: Array
) -> None:
    """`out` the gradient by x; of the others follow, with `_sums`, those by the coefficients."""
    fold, mirror, base = flags
    m, n, one, zero = len(degrees[0]), len(degrees[1]), x.dtype.type(1), x.dtype.type(0)
    flip = n % 2 == 1 and (fold or mirror)
    for i in range(len(x)):
        at = x[i]
        far = abs(at) > one
        u = one / (at if far else one)
        s, t = (one, u) if far else (at, one)
        z[i] = u if far else at
        p, dp, power = a[m], x.dtype.type(m) * a[m], t
        for j in range(m):
            c = a[m - 1 - j] * power
            p = p * s + c
            if j < m - 1:
                dp = dp * s + x.dtype.type(m - 1 - j) * c
            power = power * t
        if mirror:
            s, t = abs(s), abs(t)
        d, dd, power = q[n], x.dtype.type(n) * q[n], t if n else one
        for j in range(n):
            c = q[n - 1 - j] * power
            d = d * s + c
            if j < n - 1:
                dd = dd * s + x.dtype.type(n - 1 - j) * c
            power = power * t if j < n - 1 else power
        turn = one
        if fold:
            turn = one if d > zero else (-one if d < zero else zero)
            d = abs(d) + x.dtype.type(base) * abs(power)
        side = one
        if mirror and not far:
            side = one if at > zero else (-one if at < zero else zero)
        inverse, lift, up = one / d, one, (at if m > n else u) if far else one
        for _ in range(len(degrees[2])):
            lift = lift * up
        lift = -lift if flip and far and at < zero else lift
        slope = dp - p * inverse * turn * side * dd
        w[i] = g[i] * lift * inverse
        v[i] = -w[i] * p * inverse * turn
        out[i] = w[i] * slope * (u if far else one)


@_jit
def _tame_slopes(
    x: Array, g: Array, a: Array, q: Array, degrees: Any, flags: Flags, out: Array, z: Array, w: Array, v: Array
) -> None:
    """The same for numbers that are tame; z is what the lower sum counts in."""
    fold, mirror, base = flags
    m, n, one, zero = len(degrees[0]), len(degrees[1]), x.dtype.type(1), x.dtype.type(0)
    for i in range(len(x)):
        at = x[i]
        t = abs(at) if mirror else at
        p, dp, d, dd = a[m], zero, q[n], zero
        for j in range(m):
            dp = dp * at + p
            p = p * at + a[m - 1 - j]
        for j in range(n):
            dd = dd * t + d
            d = d * t + q[n - 1 - j]
        turn = one
        if fold:
            turn = one if d > zero else (-one if d < zero else zero)
            d = abs(d) + x.dtype.type(base)
        side = one
        if mirror:
            side = one if at > zero else (-one if at < zero else zero)
        inverse = one / d
        y = p * inverse
        z[i] = t
        w[i] = g[i] * inverse
        v[i] = -w[i] * y * turn
        out[i] = w[i] * (dp - y * turn * side * dd)


@_jit
def _moments(z: Array, w: Array, total: Array) -> None:
    """Add to `total[k]` the sum of `w * z^k`; two powers in one pass. Leaves the next power in w."""
    for k in range(0, len(total), 2):
        a = b = z.dtype.type(0)
        for i in range(len(z)):
            one = w[i]
            a = a + one
            two = one * z[i]
            b = b + two
            w[i] = two * z[i]
        total[k] += a
        if k + 1 < len(total):
            total[k + 1] += b


@_jit
def _split(x: Array, w: Array, near: Array, far: Array) -> None:
    """Weights of the numbers within 1 apart from those beyond."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    for i in range(len(w)):
        beyond = abs(x[i]) > one
        near[i] = zero if beyond else w[i]
        far[i] = w[i] if beyond else zero


@_jit
def _sums(z: Array, near: Array, far: Array, total: Array) -> None:
    """Add to `total[k]` the sums of `near * z^k` and of `far * z^(last - k)`; two powers in one pass."""
    last = len(total) - 1
    for k in range(0, last + 1, 2):
        a = b = c = d = z.dtype.type(0)
        for i in range(len(z)):
            at, one, two = z[i], near[i], far[i]
            a, b = a + one, b + two
            one, two = one * at, two * at
            c, d = c + one, d + two
            near[i], far[i] = one * at, two * at
        total[k] += a
        total[last - k] += b
        if k < last:
            total[k + 1] += c
            total[last - k - 1] += d


@_jit
def _run_values(x: Array, a: Array, q: Array, degrees: Any, flags: Flags, out: Array, first: int, last: int) -> None:
    """Blocks `first` to `last` of the rows of x, (rows, n); row r has the coefficients `a[r % channels]`."""
    blocks = (x.shape[1] + BLOCK - 1) // BLOCK
    for block in range(first, last):
        r, start = block // blocks, block % blocks * BLOCK
        c, stop = r % len(a), start + BLOCK
        _values(x[r, start:stop], a[c], q[c], degrees, flags, out[r, start:stop])


@_jit
def _run_slopes(
    x: Array,
    g: Array,
    a: Array,
    q: Array,
    degrees: Any,
    flags: Flags,
    learned: bool,
    out: Array,
    first: int,
    last: int,
) -> tuple[Array, Array]:
    """The same backward; where they are learned, also the gradients by the coefficients of each channel."""
    by_a, by_q, room = np.zeros(a.shape), np.zeros(q.shape), np.empty((5, BLOCK), x.dtype)
    z, w, v, near, far = room[0], room[1], room[2], room[3], room[4]
    blocks = (x.shape[1] + BLOCK - 1) // BLOCK
    for block in range(first, last):
        r, start = block // blocks, block % blocks * BLOCK
        c, stop = r % len(a), min(start + BLOCK, x.shape[1])
        at, count = x[r, start:stop], stop - start
        if _tame(at, a[c], q[c], degrees):
            rows = out[r, start:stop], z[:count], w[:count], v[:count]
            _tame_slopes(at, g[r, start:stop], a[c], q[c], degrees, flags, *rows)
            if learned:
                _moments(at, w[:count], by_a[c])
                _moments(z[:count], v[:count], by_q[c])
            continue
        _slopes(at, g[r, start:stop], a[c], q[c], degrees, flags, out[r, start:stop], z[:count], w[:count], v[:count])
        if learned:
            _split(at, w[:count], near, far)
            _sums(z[:count], near[:count], far[:count], by_a[c])
            _split(at, v[:count], near, far)
            if flags[1]:
                z[:] = np.abs(z)
            _sums(z[:count], near[:count], far[:count], by_q[c])
    return by_a, by_q


class Ratio(torch.autograd.Function):
    """`plain` by the loops: x in float32 or float64, coefficients in one tensor each, the leading one included."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, q: Tensor, form: Form) -> Tensor:
        ctx.save_for_backward(x, a, q)
        ctx.form = form
        return _forth(x, a, q, *form[:3])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        if torch.is_grad_enabled():  # to be differentiated again

            def of(x: Tensor, a: Tensor, q: Tensor) -> Tensor:
                return plain(x, a.unbind(), q.unbind(), ctx.form)

            pull: Any = torch.func.vjp(of, *ctx.saved_tensors)[1]
            return *pull(grads[0]), None
        return *_back(grads[0], *ctx.saved_tensors, *ctx.form[:3], any(ctx.needs_input_grad[1:3])), None


def slope(x: Tensor, a: Tensor, q: Tensor, form: Form) -> Tensor:
    """The derivative by x, as the gradient of a sum."""
    return _back(torch.ones_like(x), x, a, q, *form[:3], False)[0]


@torch.library.custom_op("unbend::rational", mutates_args=())
def _forth(x: Tensor, a: Tensor, q: Tensor, fold: bool, mirror: bool, base: float) -> Tensor:
    rows, coefficients, out = _rows(x, a), _arrays(a, q), torch.empty_like(x, memory_format=torch.contiguous_format)
    into = _rows(out, a)

    def run(first: int, last: int) -> None:
        _run_values(rows, *coefficients, (fold, mirror, base), into, first, last)

    in_parts(run, _blocks(rows), 8 * rows.size)
    return _filled(out, into, a)


@torch.library.custom_op("unbend::rational_slopes", mutates_args=())
def _back(
    g: Tensor, x: Tensor, a: Tensor, q: Tensor, fold: bool, mirror: bool, base: float, learned: bool
) -> tuple[Tensor, Tensor, Tensor]:
    rows, grads, coefficients = _rows(x, a), _rows(g, a), _arrays(a, q)
    out, sums = torch.empty_like(x, memory_format=torch.contiguous_format), dict[int, tuple[Array, Array]]()
    into = _rows(out, a)

    def run(first: int, last: int) -> None:
        sums[first] = _run_slopes(rows, grads, *coefficients, (fold, mirror, base), learned, into, first, last)

    in_parts(run, _blocks(rows), 32 * rows.size)
    # In the order of the parts, whichever came first, so that a repeated call gives the same.
    by = (np.sum([sums[first][i] for first in sorted(sums)], 0).T for i in (0, 1))
    by_a, by_q = (torch.from_numpy(t.copy()).to(c.dtype).view(c.shape) for t, c in zip(by, (a, q), strict=True))
    return _filled(out, into, a), by_a, by_q


@_forth.register_fake
def _(x: Tensor, a: Tensor, q: Tensor, fold: bool, mirror: bool, base: float) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@_back.register_fake
def _(
    g: Tensor, x: Tensor, a: Tensor, q: Tensor, fold: bool, mirror: bool, base: float, learned: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(x, memory_format=torch.contiguous_format), torch.empty_like(a), torch.empty_like(q)


def _rows(x: Tensor, a: Tensor) -> Array:
    """x as (rows, n), one channel to a row; a view where x is contiguous and its rows are long enough."""
    x, axis = x.detach(), _axis(x, a)
    if axis is None:
        return x.contiguous().view(1, -1).numpy()
    length = prod(x.shape[axis + 1 :])
    if length < _SHORT:
        return x.movedim(axis, 0).reshape(x.shape[axis], -1).contiguous().numpy()
    return x.contiguous().view(-1, length).numpy()


def _filled(out: Tensor, rows: Array, a: Tensor) -> Tensor:
    """`out`, of which the rows are a view or a turned copy."""
    axis = _axis(out, a)
    if axis is not None and prod(out.shape[axis + 1 :]) < _SHORT:
        turned = out.movedim(axis, 0)
        turned.copy_(torch.from_numpy(rows).view(turned.shape))
    return out


def _axis(x: Tensor, a: Tensor) -> int | None:
    """The axis of x along which the coefficients differ."""
    longer = [axis for axis, size in enumerate(a.shape[1:]) if size > 1]
    return longer[0] - (a.ndim - 1) + x.ndim if longer else None


def _arrays(a: Tensor, q: Tensor) -> tuple[Array, Array, Any]:
    """Coefficients as (channels, degree + 1), and tuples as long as the degrees and their difference."""
    m, n = len(a) - 1, len(q) - 1
    over, under = (c.detach().reshape(len(c), -1).T.contiguous().numpy() for c in (a, q))
    return over, under, ((0,) * m, (0,) * n, (0,) * abs(m - n))


def _blocks(rows: Array) -> int:
    return rows.shape[0] * -(-rows.shape[1] // BLOCK)


def _flops(x: Any, a: Any, q: Any) -> int:
    """Operations at each number: a product and a sum for each coefficient, and as many for the powers."""
    return 4 * (a[0] + q[0]) * prod(x)


@register_flop_formula(torch.ops.unbend.rational)
def _forth_flops(x: Any, a: Any, q: Any, *args: Any, **kwargs: Any) -> int:
    return _flops(x, a, q)


@register_flop_formula(torch.ops.unbend.rational_slopes)
def _back_flops(g: Any, x: Any, a: Any, q: Any, *args: Any, **kwargs: Any) -> int:
    return 3 * _flops(x, a, q)
