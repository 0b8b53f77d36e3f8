"""The compiled loops of the scans; 32 channels at a time, which the compiler turns into vector instructions."""

import math
from math import factorial
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

Array = NDArray[Any]

LANES = 32
CHUNK = 32  # steps between two states that are kept for the way back

_f = np.float32
_LOG2E, _SHIFT = _f(1.4426950408889634), _f(1.5 * 2**23)
# ln 2 in two parts, of which the first has few digits: whole multiples of it are exact.
_LN2_HIGH, _LN2_LOW = _f(0.693359375), _f(math.log(2) - 0.693359375)
_LEAST, _MOST = _f(-87.3), _f(88.7)
_C2, _C3, _C4, _C5, _C6, _C7 = (_f(1 / factorial(k)) for k in range(2, 8))
_ONE, _MANTISSA, _BIAS = _f(1.0), np.int32(23), np.int32(127 << 23)

# Sums may be fused with products, and nothing else: nan and the order of sums are kept.
# Kept on disk: all that a loop calls is in this file, whose time stamp the cache goes by.
_jit: Any = numba.njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")


@intrinsic
def _float_code(_context: Any, bits: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return numba.float32(numba.int32), code


@intrinsic
def _bits_code(_context: Any, number: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return numba.int32(numba.float32), code


# numba hands over the first argument of both itself.
_as_float: Any = _float_code
_as_bits: Any = _bits_code


@_jit
def exp32(x: Any) -> Any:
    """`exp` in float32, to two units in the last place, without a call or a branch; below -87.3 it stays at 1e-38.

    x = k ln 2 + r with |r| <= ln 2 / 2: a polynomial of r, and k added to the exponent's bits.
    """
    x = _LEAST if x < _LEAST else x  # written so that nan stays nan
    x = _MOST if x > _MOST else x
    shifted = x * _LOG2E + _SHIFT  # the last bits of its mantissa are k
    k = shifted - _SHIFT
    r = x - k * _LN2_HIGH
    r = r - k * _LN2_LOW
    p = _C6 + r * _C7
    p = _C5 + r * p
    p = _C4 + r * p
    p = _C3 + r * p
    p = _C2 + r * p
    p = _ONE + r * p
    p = _ONE + r * p
    return p * _as_float((_as_bits(shifted) << _MANTISSA) + _BIAS)


def _exp(x: Any) -> Any:
    """`exp` in the type of x, within a compiled loop."""
    raise NotImplementedError


@overload(_exp, jit_options={"fastmath": {"contract"}})
def _(x: Any) -> Any:
    def single(x: Any) -> Any:
        return exp32(x)

    def double(x: Any) -> Any:
        return math.exp(x)

    return single if x == numba.float32 else double


@_jit
def selective(
    u: Array, delta: Array, a: Array, b: Array, c: Array, y: Array, last: Array, kept: Array, groups: int, start: int,
    stop: int,
) -> None:  # fmt: skip
    """Rows are a batch's entry and a group of its channels; `last` (b, n, c) holds the first state, then the last."""
    steps, n, blocks = u.shape[1], a.shape[0], u.shape[2] // LANES
    h, rate = np.empty((n, LANES), u.dtype), np.empty((n, LANES), u.dtype)
    d, w, out = np.empty(LANES, u.dtype), np.empty(LANES, u.dtype), np.empty(LANES, u.dtype)
    for row in range(start, stop):
        i, group = row // groups, row % groups
        for block in range(blocks * group // groups, blocks * (group + 1) // groups):
            at = block * LANES
            for s in range(n):
                for j in range(LANES):
                    h[s, j], rate[s, j] = last[i, s, at + j], a[s, at + j]
            for t in range(steps):
                if t % CHUNK == 0 and t // CHUNK < kept.shape[1]:
                    for s in range(n):
                        for j in range(LANES):
                            kept[i, t // CHUNK, s, at + j] = h[s, j]
                for j in range(LANES):
                    d[j] = delta[i, t, at + j]
                    w[j] = d[j] * u[i, t, at + j]
                    out[j] = 0
                for s in range(n):
                    into, read = b[i, t, s], c[i, t, s]
                    for j in range(LANES):
                        new = _exp(d[j] * rate[s, j]) * h[s, j] + w[j] * into
                        h[s, j] = new
                        out[j] += read * new
                for j in range(LANES):
                    y[i, t, at + j] = out[j]
            for s in range(n):
                for j in range(LANES):
                    last[i, s, at + j] = h[s, j]


@_jit
def _again(u: Array, delta: Array, rate: Array, b: Array, gains: Array, states: Array) -> None:
    """Gains and states of one chunk of one block, from the state that was kept, `states[0]`."""
    d, w = np.empty(LANES, u.dtype), np.empty(LANES, u.dtype)
    for t in range(len(u)):
        for j in range(LANES):
            d[j] = delta[t, j]
            w[j] = d[j] * u[t, j]
        for s in range(len(rate)):
            into = b[t, s]
            for j in range(LANES):
                gain = _exp(d[j] * rate[s, j])
                gains[t, s, j] = gain
                states[t + 1, s, j] = gain * states[t, s, j] + w[j] * into


@_jit
def _back_chunk(
    g: Array, u: Array, delta: Array, rate: Array, b: Array, c: Array, gains: Array, states: Array, gu: Array,
    gdelta: Array, by_rate: Array, by_b: Array, by_c: Array, carried: Array,
) -> None:  # fmt: skip
    """One chunk of one block on the way back; `carried` is the gradient by the state after it, then before it."""
    d, w, gy = np.empty(LANES, u.dtype), np.empty(LANES, u.dtype), np.empty(LANES, u.dtype)
    gw, gd = np.empty(LANES, u.dtype), np.empty(LANES, u.dtype)
    here, gained = np.empty(LANES, u.dtype), np.empty(LANES, u.dtype)
    for t in range(len(u) - 1, -1, -1):
        for j in range(LANES):
            d[j], gy[j] = delta[t, j], g[t, j]
            w[j] = d[j] * u[t, j]
            gw[j] = 0
            gd[j] = 0
        for s in range(len(rate)):
            into, read = b[t, s], c[t, s]
            # With more arrays in one loop the compiler cannot tell that they lie apart.
            for j in range(LANES):
                by_state = carried[s, j] + read * gy[j]
                here[j] = by_state
                gw[j] += by_state * into
            for j in range(LANES):
                by_b[t, s, j] += here[j] * w[j]
                by_c[t, s, j] += gy[j] * states[t + 1, s, j]
            for j in range(LANES):
                by_state = here[j] * gains[t, s, j]
                carried[s, j] = by_state
                gained[j] = by_state * states[t, s, j]
            for j in range(LANES):
                gd[j] += gained[j] * rate[s, j]
                by_rate[s, j] += gained[j] * d[j]
        for j in range(LANES):
            gu[t, j] = gw[j] * d[j]
        for j in range(LANES):
            gdelta[t, j] = gd[j] + gw[j] * u[t, j]


@_jit
def selective_back(
    g: Array, u: Array, delta: Array, a: Array, b: Array, c: Array, kept: Array, gu: Array, gdelta: Array, ga: Array,
    gb: Array, gc: Array, gh: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Gradients; `gh` (b, n, c) holds that by the last state, then that by the first; `gb`, `gc` one part a group."""
    steps, n, blocks, groups = u.shape[1], a.shape[0], u.shape[2] // LANES, gb.shape[1]
    gains, states = np.empty((CHUNK, n, LANES), u.dtype), np.empty((CHUNK + 1, n, LANES), u.dtype)
    by_b, by_c = np.empty((CHUNK, n, LANES), u.dtype), np.empty((CHUNK, n, LANES), u.dtype)
    rate, by_rate = np.empty((n, LANES), u.dtype), np.empty((n, LANES), u.dtype)
    carried = np.empty((n, LANES), u.dtype)
    for row in range(start, stop):
        i, group = row // groups, row % groups
        for first in range((steps - 1) // CHUNK * CHUNK, -1, -CHUNK):
            last = min(first + CHUNK, steps)
            by_b[:] = 0
            by_c[:] = 0
            for block in range(blocks * group // groups, blocks * (group + 1) // groups):
                at, to = block * LANES, (block + 1) * LANES
                rate[:], states[0] = a[:, at:to], kept[i, first // CHUNK, :, at:to]
                carried[:], by_rate[:] = gh[i, :, at:to], ga[i, :, at:to]
                x, d = u[i, first:last, at:to], delta[i, first:last, at:to]
                _again(x, d, rate, b[i, first:last], gains, states)
                _back_chunk(
                    g[i, first:last, at:to], x, d, rate, b[i, first:last], c[i, first:last], gains, states,
                    gu[i, first:last, at:to], gdelta[i, first:last, at:to], by_rate, by_b, by_c, carried,
                )  # fmt: skip
                gh[i, :, at:to], ga[i, :, at:to] = carried, by_rate
            for t in range(last - first):
                for s in range(n):
                    gb[i, group, first + t, s] = by_b[t, s].sum()
                    gc[i, group, first + t, s] = by_c[t, s].sum()


@_jit
def linear(a: Array, b: Array, h: Array, reverse: bool, groups: int, start: int, stop: int) -> None:
    """`h_t = a_t h_(t-1) + b_t` with the first state at the front of `h`; in reverse, from the one at its end."""
    steps, channels = a.shape[1], a.shape[2]
    for row in range(start, stop):
        i, group = row // groups, row % groups
        first, last = channels * group // groups, channels * (group + 1) // groups
        for step in range(steps):
            t = steps - 1 - step if reverse else step
            old, new = (t + 1, t) if reverse else (t, t + 1)
            for j in range(first, last):
                h[i, new, j] = a[i, t, j] * h[i, old, j] + b[i, t, j]
