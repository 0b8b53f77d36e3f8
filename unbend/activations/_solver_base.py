"""The outline of a formula, found by interval arithmetic: certain, and not sampled.

The line of numbers up to `REACH` is cut into intervals, and each is halved until its enclosure (see `_jet_base`) proves
that slope and curvature keep their sign there, or until it is so short that nothing can happen within it.
"""

import ast
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unbend._errors import UnbendError
from unbend.activations._jet_base import Enclosure, Interval, constant, depends, threshold

REACH = 64.0
"""How far from 0 a formula is outlined; beyond, its bounds are plain interval arithmetic."""

_MOST = 600_000  # intervals looked at before giving up
_SHORT = 2.0**-44  # an interval so short, relative to its place, is a point
_STEP = 2.0**-30  # a change of the value over such an interval that no slope explains
_FLAT = 2.0**-58  # a curvature that moves the curve by less over an interval has no sign worth knowing


class Shape(NamedTuple):
    """Where the value turns, where the slope turns or jumps, and how many derivatives are continuous."""

    turns: tuple[float, ...]
    breaks: tuple[float, ...]
    smooth: float


class _Pieces(NamedTuple):
    """Intervals side by side, the signs of slope and curvature there, and the branches taken; 0 is flat or unknown."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    slope: NDArray[np.int8]
    curve: NDArray[np.int8]
    branch: NDArray[np.int64]
    short: NDArray[np.bool_]


@lru_cache(maxsize=4096)
def shape_of(formula: str, parameters: tuple[tuple[str, float], ...] = ()) -> Shape:
    """The shape of the expression `formula` in x, for these parameter values, within `REACH` of zero.

    Args:
        formula: an expression such as `x * sigmoid(b * x)`.
        parameters: names and values.

    Raises:
        UnbendError: interval arithmetic cannot tell the sign of the slope or the curvature, since the formula cancels.
    """
    expression, values = ast.parse(formula, mode="eval").body, dict(parameters)
    pieces = _pieces(expression, values)
    seams = pieces.low[1:][(pieces.branch[1:] != pieces.branch[:-1]) & ~pieces.short[1:] & ~pieces.short[:-1]]
    points = np.concatenate([pieces.low[pieces.short], pieces.high[pieces.short], seams])
    split = pieces.short & (pieces.branch < 0)
    smooth = min((_smoothness(expression, values, float(seam)) for seam in seams), default=math.inf)
    if split.any():
        smooth = min(smooth, _jumps(expression, values, pieces.low[split], pieces.high[split]))
    return Shape(
        turns=_sorted(_changes(pieces.low, pieces.slope), points),
        breaks=_sorted(_changes(pieces.low, pieces.curve), points),
        smooth=smooth,
    )


def _pieces(expression: ast.expr, values: Mapping[str, float]) -> _Pieces:
    low, high = _start(expression, values)
    done: list[_Pieces] = []
    count = 0
    while len(low):
        count += len(low)
        if count > _MOST:
            place = f"between {low[0]:.9g} and {high[0]:.9g}"
            raise UnbendError(f"formula {ast.unparse(expression)}: its shape {place} is beyond interval arithmetic")
        piece, decided = _look(expression, values, low, high)
        done.append(_Pieces._make(part[decided] for part in piece))
        low, high = low[~decided], high[~decided]
        middle = (low + high) / 2
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    joined = [np.concatenate(parts) for parts in zip(*done, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return _Pieces._make(part[order] for part in joined)


def _look(
    expression: ast.expr, values: Mapping[str, float], low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[_Pieces, NDArray[np.bool_]]:
    """What is known of the intervals, and which of them need no further halving."""
    found = Enclosure(expression, values, np.array([low, high]))
    value, slope, curve = found.jet
    width, away = high - low, np.maximum(np.abs(low), np.abs(high))
    least = np.where(value[0] * value[1] > 0, np.abs(value).min(0), 0.0)
    level = np.where(np.isfinite(value).all(0), _FLAT * (1 + least), -1.0)
    signs = [_sign(slope, np.abs(slope).max(0) * width <= level)]
    signs += [_sign(curve, np.abs(curve).max(0) * width * away <= level)]
    finite = np.isfinite(value).all(0)
    known = (signs[0] < 2) & (signs[1] < 2) & ~found.split & finite
    short = (width <= _SHORT * np.maximum(away, 1e-3)) & ~known
    if (short & ~finite).any():
        pole = low[short & ~finite][0]
        raise UnbendError(f"formula {ast.unparse(expression)} has a pole at {pole:.9g}, or no value there")
    branch = np.where(found.split, -1, _code(found.branches, len(low)))
    slope_sign, curve_sign = (np.where(sign == 2, 0, sign).astype(np.int8) for sign in signs)
    return _Pieces(low, high, slope_sign, curve_sign, branch, short), known | short


def _sign(enclosed: Interval, flat: NDArray[np.bool_]) -> NDArray[np.int8]:
    """1, -1, or 0 for flat; 2 where the sign is not known."""
    sign = np.where(enclosed[0] >= 0, 1, np.where(enclosed[1] <= 0, -1, 2))
    return np.where(flat, 0, sign).astype(np.int8)


def _code(branches: list[NDArray[np.int8]], count: int) -> NDArray[np.int64]:
    """One number for the branches that were taken."""
    code = np.zeros(count, np.int64)
    for number, taken in enumerate(branches):
        code += taken.astype(np.int64) << (number % 62)
    return code


def _start(expression: ast.expr, values: Mapping[str, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intervals between powers of two and the numbers that x is compared with."""
    edges = {0.0, *(sign * 2.0**k for sign in (-1, 1) for k in range(-10, int(math.log2(REACH)) + 1))}
    for node in ast.walk(expression):
        if isinstance(node, ast.Compare):
            at = threshold(node, values)
            if at is None and ast.unparse(node.left) == "abs(x)" and not depends(node.comparators[0]):
                at = constant(node.comparators[0], values)
                edges.add(-at)
            if at is not None:
                edges.add(at)
    line = np.array(sorted(edge for edge in edges if abs(edge) <= REACH))
    return line[:-1], line[1:]


def _changes(low: NDArray[np.float64], sign: NDArray[np.int8]) -> NDArray[np.float64]:
    """Where the sign changes, flat stretches left out: they may count to either side."""
    at = np.flatnonzero(sign)
    change = np.flatnonzero(sign[at][1:] != sign[at][:-1]) + 1
    return low[at[change]]


def _smoothness(expression: ast.expr, values: Mapping[str, float], seam: float) -> float:
    """How many derivatives agree on both sides of a place where the formula changes its branch; 2 stands for more."""
    step = max(abs(seam), 1.0) * 2.0**-40
    ends = np.array([[seam - step, seam], [seam, seam + step]])
    for order, part in enumerate(Enclosure(expression, values, ends).jet):
        (left_low, right_low), (left_high, right_high) = part
        if left_high < right_low or right_high < left_low:
            return order - 1.0
    return 2.0


def _jumps(
    expression: ast.expr, values: Mapping[str, float], low: NDArray[np.float64], high: NDArray[np.float64]
) -> float:
    """-1 where the value jumps within some of the intervals, which are short; 0 where it is continuous in all."""
    count = len(low)
    least, most = Enclosure(expression, values, np.tile(np.concatenate([low, high]), (2, 1))).jet.value
    apart = np.maximum(least[:count] - most[count:], least[count:] - most[:count])
    return -1.0 if (apart > _STEP * (1 + np.abs(least[:count]))).any() else 0.0


def _sorted(*points: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(point) for point in np.unique(np.concatenate(points)))
