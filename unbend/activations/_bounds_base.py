"""Sound bounds of a curve on an interval, from its outline: constants, and lines.

Everything is computed in float64 and then widened: by `outline.slack * (1 + |value|)` for the rounding of the code
of the curve, and by one more step outward where the result is returned in a narrower type. The bounds hold for the real
function; code that evaluates it in a narrower type may leave them by its own rounding.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.activations._outline_base import SLACK as SLACK, Curve, Line, Outline, answer_type, beside, end

_STEPS = 32  # halvings of a bracket; the error left is of second order, so these reach float64
_SAMPLES = 66  # points from which a slope is chosen; they decide how tight a line is, never whether it is sound


class Lines(NamedTuple):
    """A line below and a line above a curve: `lower(x) <= f(x) <= upper(x)`."""

    lower: Line
    upper: Line


def interval(f: Curve, outline: Outline, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest value of `f` on `[low, high]`: it is taken at an end, at a turn, or at one side of a jump."""
    if outline.beyond is not None and bool((torch.maximum(-low, high) > outline.reach).any()):
        return _interval_beyond(f, outline, low, high)
    points = outline.within(outline.turns, low, high)
    if outline.smooth < 0:
        points += [side for point in outline.within(outline.breaks, low, high) for side in (point, *beside(point))]
    values = [end(f, outline, low), end(f, outline, high)]
    values += [torch.where((point > low) & (point < high), f(point), values[0]) for point in points]
    least, most = torch.stack(values).amin(0), torch.stack(values).amax(0)
    least, most = least - outline.slack * (1 + least.abs()), most + outline.slack * (1 + most.abs())
    if outline.left and outline.right and not points:  # monotone: the curve stays between its limits
        floor, ceiling = torch.stack(torch.broadcast_tensors(outline.left.limit(-1), outline.right.limit(1))).aminmax(
            dim=0
        )
        least = least.maximum(floor - outline.slack * floor.abs())
        most = most.minimum(ceiling + outline.slack * ceiling.abs())
    return least, most


def _interval_beyond(f: Curve, outline: Outline, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The same where some interval leaves the reach of the outline: the hull of what lies within and beyond it."""
    assert outline.beyond is not None
    inside = low.clamp(-outline.reach, outline.reach), high.clamp(-outline.reach, outline.reach)
    least, most = interval(f, replace(outline, beyond=None, reach=math.inf), *inside)
    parts = ((low, high.clamp(max=-outline.reach)), (low.clamp(min=outline.reach), high))
    for part, outside in zip(parts, (low < -outline.reach, high > outline.reach), strict=True):
        below, above = outline.beyond(*(torch.where(outside, end, inside[0]) for end in part))
        least = torch.where(outside, torch.minimum(least, below), least)
        most = torch.where(outside, torch.maximum(most, above), most)
    return least, most


def lines(f: Curve, slope: Curve, outline: Outline, low: Tensor, high: Tensor, dtype: torch.dtype) -> Lines:
    """The two lines that lose least area on `[low, high]`, each with the tightest sound offset for its slope.

    On an interval that is not finite, or leaves the reach of the outline, the lines are level.
    """
    finite = (high - low).isfinite() & (torch.maximum(-low, high) <= outline.reach)
    least, most = interval(f, outline, low, high)
    low, high = (torch.where(finite, x, torch.zeros_like(x)) for x in (low, high))
    edges, live = _pieces(outline, low, high)
    steps = torch.linspace(0, 1, _SAMPLES, dtype=low.dtype, device=low.device).view(-1, *[1] * low.ndim)
    y, half = f(low + (high - low) * steps), ((high - low) / 2).clamp(min=torch.finfo(low.dtype).tiny)

    def line(sign: int, level: Tensor) -> Line:
        s = _support(sign * y) / half
        if outline.period is not None:  # over many periods the samples alias; the lines run with the drift
            s = torch.where(half > 2 * outline.period, sign * outline.drift, s)
        s = torch.where(finite, s, 0.0).to(dtype).to(low.dtype)
        t = _offset(lambda z: sign * f(z), lambda z: sign * slope(z), edges, live, s, outline.slack)
        return Line((sign * s).to(dtype), sign * _down(torch.where(finite, t, sign * level), dtype))

    return Lines(line(1, least), line(-1, most))


def _pieces(outline: Outline, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Edges of the pieces of `[low, high]` on which the slope is monotone, and which of the pieces are real.

    In a periodic curve the least value of `f(x) - s * x` lies within a period of one of the two ends, since a shift by
    a period changes it by the same amount everywhere: the middle of a long interval need not be looked at.
    """
    inside = [point.clamp(low, high) for point in outline.within(outline.breaks, low, high)]
    if outline.period is None:
        edges = torch.stack([low, *inside, high]).sort(0).values
        return edges, edges[1:] > edges[:-1]
    near, far = low + outline.period, high - outline.period
    edges = torch.stack([low, *inside, near.clamp(low, high), far.clamp(low, high), high]).sort(0).values
    middle = (edges[1:] + edges[:-1]) / 2
    return edges, (edges[1:] > edges[:-1]) & ~((middle > near) & (middle < far))


def _support(y: Tensor) -> Tensor:
    """Slope, in the middle, of the lower hull of values at even steps from -1 to 1: a line below stands highest there.

    The hull's edge over the middle is the lowest chord from a point on its left to one on its right.
    """
    count = len(y) // 2
    left, right = y[:count], y[count:]
    at = torch.linspace(-1, 1, len(y), dtype=y.dtype, device=y.device)[count:]
    lowest, steepness = torch.full_like(y[0], torch.inf), torch.zeros_like(y[0])
    for start, value in zip(at.flip(0), left, strict=True):
        share = (start / (start + at)).view(-1, *[1] * value.ndim)
        height, j = (value + (right - value) * share).min(0)
        slope = (right.gather(0, j[None])[0] - value) / (start + at[j])
        steepness = torch.where(height < lowest, slope, steepness)
        lowest = torch.minimum(lowest, height)
    return steepness


def _offset(f: Curve, slope: Curve, edges: Tensor, live: Tensor, s: Tensor, slack: float) -> Tensor:
    """A number not above `f(x) - s * x` on any live piece, and within rounding of the greatest such number.

    On a piece the slope is monotone, so `f(x) - s * x` is least at an end, or where the slope passes `s` from below.
    That place is bracketed by halving; `f` is convex between the bracket's ends, where it stays above its tangents.
    """
    start, stop = beside(edges[:-1])[1], beside(edges[1:])[0]
    a, b = start, stop
    for _ in range(_STEPS):
        middle = a + (b - a) / 2
        before = slope(middle) < s
        a, b = torch.where(before, middle, a), torch.where(before, b, middle)
    left, right = slope(a), slope(b)
    dip = torch.where((left < s) & (right > s), (b - a).clamp(min=0) * (right - left), 0.0)
    points = torch.stack([edges[:-1], edges[1:], start, stop, a, b])
    value, line = f(points), s * points
    gap = value - line - slack * (1 + value.abs() + line.abs())
    gap = torch.where(live | (edges[:-1] == edges[1:]), gap, torch.inf)
    return (gap.amin(0) - dip).amin(0)


def widen(least: Tensor, most: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The interval in `dtype`, its ends rounded outward."""
    return _down(least, dtype), -_down(-most, dtype)


def _down(t: Tensor, dtype: torch.dtype) -> Tensor:
    """`t` in `dtype`, rounded down."""
    cast = t.to(dtype)
    return torch.where(cast.to(t.dtype) > t, torch.nextafter(cast, torch.full_like(cast, -torch.inf)), cast)


def ordered(lower: Tensor | float, upper: Tensor | float) -> tuple[Tensor, Tensor, torch.dtype]:
    """The two ends as float64 of one shape, and the floating type in which to answer; refuses `lower > upper`."""
    dtype = answer_type(lower, upper)
    low, high = torch.broadcast_tensors(*(torch.as_tensor(x, dtype=torch.float64) for x in (lower, upper)))
    if bool((low > high).any()):
        at = int((low > high).flatten().int().argmax())
        raise ArgumentError.of("lower", float(low.flatten()[at]), f"at most upper = {float(high.flatten()[at])}")
    return low, high, dtype
