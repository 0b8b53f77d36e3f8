"""The compiled loops over the edges of a graph."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


# Indices are unsigned: numba would look at each whether it counts from the end, three times as slow.
# Threads share the columns: no two write to one place, so the edges need no order.
@numba.njit(nogil=True, error_model="numpy")
def sums(weight: Array, value: Array, source: Array, target: Array, out: Array, first: int, last: int) -> None:
    """`out[target] += weight * value[source]` for columns `first` to `last`; a head has equally many columns."""
    heads = weight.shape[1]
    size = value.shape[1] // heads
    for e in range(len(source)):
        s, t = np.uint64(source[e]), np.uint64(target[e])
        for h in range(first // size, (last - 1) // size + 1):
            w = weight[e, h]
            low, high = np.uint64(max(first, h * size)), np.uint64(min(last, (h + 1) * size))
            for c in range(low, high):
                out[t, c] += w * value[s, c]


@numba.njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def dots(left: Array, right: Array, source: Array, target: Array, out: Array, first: int, last: int) -> None:
    """`out[e, h]`, the product of `left[target]` and `right[source]` over the columns of head h, for some edges."""
    heads = out.shape[1]
    size = left.shape[1] // heads
    for e in range(first, last):
        s, t = np.uint64(source[e]), np.uint64(target[e])
        for h in range(heads):
            total = left[t, h * size] * right[s, h * size]
            for c in range(np.uint64(h * size + 1), np.uint64((h + 1) * size)):
                total += left[t, c] * right[s, c]
            out[e, h] = total


@numba.njit(nogil=True, error_model="numpy")
def largest(score: Array, target: Array, out: Array) -> None:
    """`out[target] = max(out[target], score)`, nan if there is one."""
    for e in range(len(target)):
        t = target[e]
        for h in range(score.shape[1]):
            if not score[e, h] <= out[t, h]:
                out[t, h] = score[e, h]
