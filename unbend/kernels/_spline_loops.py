"""The compiled loops of the splines: all of them, many numbers at once; or those that are not zero, one by one."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_TILE = 256


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
def pieces(knots: Array, order: int, derivative: int) -> Array:
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


@numba.njit(nogil=True, error_model="numpy")
def inverse_spans(knots: Array, order: int) -> Array:
    """`[i, k - 1, m]`: one over t_m+k - t_m; 0 where the knots coincide, for there the spline below is zero."""
    features, count = knots.shape
    inverse = np.zeros((features, order, count), knots.dtype)
    for i in range(features):
        for k in range(1, order + 1):
            for m in range(count - k):
                span = knots[i, m + k] - knots[i, m]
                if span > 0:
                    inverse[i, k - 1, m] = 1 / span
    return inverse


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"}, inline="always")
def _row(x: Array, knots: Array, inverse: Array, order: int, derivative: int, held: Array, splines: Array) -> None:
    """`splines[m, b]` at `x[b]`, for one feature: the recursion row by row, which vectorises."""
    count, one, zero = len(knots), x.dtype.type(1), x.dtype.type(0)
    for b in range(len(x)):
        # Far outside all are zero: held at the ends, no factor there overflows to make nan of it.
        held[b] = min(max(x[b], knots[0]), knots[count - 1])
    for j in range(count - 1):
        low, high, here = knots[j], knots[j + 1], splines[j]
        for b in range(len(x)):
            here[b] = one if x[b] >= low and x[b] < high else (zero if x[b] == x[b] else x[b])
    for k in range(1, order + 1):
        for m in range(count - 1 - k):
            first, second, here, after = inverse[k - 1, m], inverse[k - 1, m + 1], splines[m], splines[m + 1]
            if k <= order - derivative:
                low, high = knots[m], knots[m + k + 1]
                for b in range(len(x)):
                    here[b] = (held[b] - low) * first * here[b] + (high - held[b]) * second * after[b]
            else:
                first, second = x.dtype.type(k) * first, x.dtype.type(k) * second
                for b in range(len(x)):
                    here[b] = first * here[b] - second * after[b]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def dense_basis(
    x: Array, knots: Array, inverse: Array, order: int, derivative: int, out: Array, first: int, last: int
) -> None:
    """`out[i, m, b]`, in tiles that stay in the first cache."""
    splines, held = np.empty((knots.shape[1] - 1, _TILE), x.dtype), np.empty(_TILE, x.dtype)
    for i in range(len(x)):
        for start in range(first, last, _TILE):
            end = min(start + _TILE, last)
            _row(x[i, start:end], knots[i], inverse[i], order, derivative, held, splines)
            for m in range(out.shape[1]):
                for b in range(end - start):
                    out[i, m, start + b] = splines[m, b]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def dense_dot(
    x: Array,
    knots: Array,
    inverse: Array,
    order: int,
    derivative: int,
    weight: Array,
    out: Array,
    first: int,
    last: int,
) -> None:
    """`out[i, b]`: the sum over m of the spline and `weight[i, m, b]`."""
    splines, held = np.empty((knots.shape[1] - 1, _TILE), x.dtype), np.empty(_TILE, x.dtype)
    for i in range(len(x)):
        for start in range(first, last, _TILE):
            end = min(start + _TILE, last)
            _row(x[i, start:end], knots[i], inverse[i], order, derivative, held, splines)
            total = out[i, start:end]
            for b in range(end - start):
                total[b] = 0
            for m in range(weight.shape[1]):
                for b in range(end - start):
                    total[b] += splines[m, b] * weight[i, m, start + b]


@lru_cache
def local_loops(order: int) -> tuple[Callable[..., None], Callable[..., None]]:
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
