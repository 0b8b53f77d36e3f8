"""Where a curve turns, bends and ends: the data from which the faces of a bend are computed."""

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Number = float | Tensor
Curve = Callable[[Tensor], Tensor]


# The float64 code of a bend is trusted to this relative and absolute accuracy; the contract holds it to the formula.
SLACK = 2.0**-50


@dataclass(frozen=True, eq=False)
class Line:
    """`slope * x + offset`; numbers, or tensors of one line per element.

    As the tail of a curve, an infinite slope says that it outgrows every line, and a zero slope with an infinite
    offset that it grows without limit but slower than any line.
    """

    slope: Number
    offset: Number = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        """The line at `x`."""
        return self.slope * x + self.offset

    def limit(self, side: int) -> Tensor:
        """The value that the line tends to at `side` times infinity."""
        slope, offset = (torch.as_tensor(n, dtype=torch.float64) for n in (self.slope, self.offset))
        return torch.where(slope == 0, offset, slope.sign() * side * math.inf)


ZERO, IDENTITY = Line(0.0), Line(1.0)


@dataclass(frozen=True, eq=False)
class Outline:
    """What must be known of a curve so that its bounds are certain, and not sampled.

    Between two neighbouring `breaks` the slope is monotone; between two neighbouring `turns` the value is. A point
    too many does no harm. Each number is a float, or a tensor with one number per channel.

    Args:
        breaks: where the slope turns or jumps: inflections, kinks, jumps.
        turns: where the value turns: local minima and maxima.
        left: the line that the curve tends to at minus infinity; None where there is no such line.
        right: the line that it tends to at plus infinity.
        smooth: how many derivatives are continuous: 0 for a kink, -1 for a jump, inf for an analytic curve.
        period: `f(x + period) = f(x) + drift * period`; `breaks` and `turns` then list those of one period.
        drift: mean slope of a periodic curve.
        reach: how far from 0 the points are complete.
        slack: the accuracy, relative and absolute, to which the float64 code of the curve is trusted.
        beyond: `beyond(low, high)` encloses the values on an interval that leaves the reach.
        beyond_slope: the same for the slopes.
    """

    breaks: tuple[Number, ...] = ()
    turns: tuple[Number, ...] = ()
    left: Line | None = None
    right: Line | None = None
    smooth: float = math.inf
    period: Number | None = None
    drift: Number = 0.0
    reach: float = math.inf
    slack: float = SLACK
    beyond: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    beyond_slope: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None

    def stretch(self, g: Number) -> "Outline":
        """The outline of `f(g * x) / g`, for `g > 0`; a curve without tails takes any `g` other than zero."""

        def tail(line: Line | None) -> Line | None:
            return line and Line(line.slope, line.offset / g)

        return replace(
            self,
            breaks=tuple(point / g for point in self.breaks),
            turns=tuple(point / g for point in self.turns),
            left=tail(self.left),
            right=tail(self.right),
            period=None if self.period is None else abs(self.period / g),
        )

    def map(self, place: Callable[[Number], Tensor]) -> "Outline":
        """The same outline with every number passed through `place`, which shapes it to meet an input."""

        def tail(line: Line | None) -> Line | None:
            return line and Line(place(line.slope), place(line.offset))

        return replace(
            self,
            breaks=tuple(map(place, self.breaks)),
            turns=tuple(map(place, self.turns)),
            left=tail(self.left),
            right=tail(self.right),
            period=None if self.period is None else place(self.period),
            drift=place(self.drift),
        )

    def within(self, points: Iterable[Number], low: Tensor, high: Tensor) -> list[Tensor]:
        """Those of `points` that matter on `[low, high]`; if periodic, their first two and their last two copies."""
        if self.period is None:
            return [torch.as_tensor(point).expand_as(low) for point in points]
        found: list[Tensor] = []
        for point in points:
            first = point + torch.ceil((low - point) / self.period) * self.period
            last = point + torch.floor((high - point) / self.period) * self.period
            found += [first, first + self.period, last - self.period, last]
        return found


def row(points: Iterable[Number], zero: Tensor) -> Tensor:
    """The points of an outline side by side, one line per channel."""
    return torch.cat([zero[:, :0], *(torch.as_tensor(point)[:, None] for point in points)], 1)


def beside(point: Tensor) -> tuple[Tensor, Tensor]:
    """The neighbours of a point among the floats, where a kink or a jump shows its two sides."""
    infinity = torch.full_like(point, math.inf)
    return torch.nextafter(point, -infinity), torch.nextafter(point, infinity)


def end(f: Curve, outline: Outline, x: Tensor) -> Tensor:
    """`f(x)`, with the limit of the tail where `x` is infinite."""
    value = f(torch.where(x.isinf(), torch.zeros_like(x), x))
    for side, line in ((-1, outline.left), (1, outline.right)):
        limit = line.limit(side) if line else torch.as_tensor(outline.drift * side * math.inf).nan_to_num(nan=0.0)
        value = torch.where(x == side * math.inf, limit, value)
    return value


def answer_type(*given: Tensor | float) -> torch.dtype:
    """The floating type that the tensors among the arguments share; the default one for plain numbers."""
    types = [x.dtype for x in given if isinstance(x, Tensor) and x.is_floating_point()]
    return functools.reduce(torch.promote_types, types) if types else torch.get_default_dtype()
