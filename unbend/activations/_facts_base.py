"""Facts of a curve, computed from its outline and its code."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from unbend.activations import _gauss_base as _gauss
from unbend.activations._outline_base import Curve, Line, Outline, beside, row

_FAR = 1e6  # beyond it a curve is taken for its tails
_HALVINGS = 80
_EQUAL = 1e-12  # relative to 1 + |value|
_TOUCH = 1e-3  # where f(x) - x is a cube, nearer points cannot be told from roots
_NEAR = 50.0  # how far out a curve is looked at in detail for the variances that it keeps
_SETTLED = 1e-9  # a variance that changes by less is taken for fixed


@dataclass(frozen=True)
class Facts:
    """What holds of a bend, over all its channels.

    Attributes:
        zero: the value at zero; nan where channels differ.
        value: infimum and supremum of the value.
        slope: infimum and supremum of the slope, where there is one.
        lipschitz: the Lipschitz constant; infinite where the value jumps.
        monotone: "increasing" or "decreasing", not necessarily strictly; None otherwise.
        curvature: "convex", "concave", "linear", or None.
        symmetry: "odd" or "even", as 64 points show it; None otherwise.
        smooth: how many derivatives are continuous; -1 for a jump, inf for an analytic curve.
        left: the line that it tends to at minus infinity; None where there is none, or channels differ.
        right: the same at plus infinity.
        turns: where the value turns, in one period if periodic.
        breaks: where the slope turns or jumps, in one period if periodic.
        fixed: intervals (low, high) where f(x) = x, single points as (x, x); within a period of zero if periodic.
        period: of the curve, or of its deviation from a line; None where there is none, or channels differ.
        variance: pairs (q, chi): a variance q from 1e-6 to 1e4 with E f(sqrt(q) Z)^2 = q, averaged over channels, and
            chi = E f'(sqrt(q) Z)^2, the factor by which the distance of two near inputs grows from layer to layer;
            (0, chi) first where f(0) = 0. Where every q is fixed, none but 0 is named.
    """

    zero: float
    value: tuple[float, float]
    slope: tuple[float, float]
    lipschitz: float
    monotone: Literal["increasing", "decreasing"] | None
    curvature: Literal["convex", "concave", "linear"] | None
    symmetry: Literal["odd", "even"] | None
    smooth: float
    left: Line | None
    right: Line | None
    turns: tuple[float, ...]
    breaks: tuple[float, ...]
    fixed: tuple[tuple[float, float], ...]
    period: float | None
    variance: tuple[tuple[float, float], ...]


def facts(f: Curve, slope: Curve, outline: Outline) -> Facts:
    """Facts of `f`. The first axis of its input is the channel; the numbers in `outline` are of that shape."""
    drift = torch.as_tensor(outline.drift)[:, None]
    zero = torch.zeros_like(drift)
    breaks, turns = (row(points, zero) for points in (outline.breaks, outline.turns))
    before, after = beside(breaks.sort(1).values)
    slopes, ends = (
        [slope(torch.stack([before, after], 2).flatten(1))],
        [-math.inf * drift.abs(), math.inf * drift.abs()],
    )
    if outline.period is None:
        (first, left), (last, right) = (_end(outline, side, drift) for side in (-1, 1))
        slopes, ends = [first, *slopes, last], [left, right]
    jumps = f(after) - f(before) if outline.smooth < 0 else zero
    steep = _hull(torch.cat(slopes, 1))
    return Facts(
        zero=_same(f(zero)),
        value=_hull(torch.cat([f(turns), *ends] + [f(x) for x in (before, after) if outline.smooth < 0], 1)),
        slope=steep,
        lipschitz=math.inf if outline.smooth < 0 else max(map(abs, steep)),
        monotone=_monotone(steep, jumps),
        curvature=_curvature(torch.cat(slopes, 1).diff(dim=1)) if len(slopes) > 1 and outline.smooth >= 0 else None,
        symmetry=_symmetry(f, zero),
        smooth=outline.smooth,
        left=_tail(outline.left),
        right=_tail(outline.right),
        turns=_points(turns[_turning(f, turns)]),
        breaks=_points(breaks),
        fixed=_fixed(f, slope, outline, zero),
        period=None if outline.period is None else _same(torch.as_tensor(outline.period)),
        variance=_variance(f, slope, outline),
    )


def _end(outline: Outline, side: int, zero: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes and values on one side: of the line there, or an enclosure of what lies beyond the outline."""
    line = outline.left if side < 0 else outline.right
    if line is not None:
        return torch.as_tensor(line.slope)[:, None], line.limit(side)[:, None]
    reach, infinity = torch.full_like(zero, outline.reach), torch.full_like(zero, math.inf)
    part = (reach, infinity) if side > 0 else (-infinity, -reach)
    slopes, values = (
        torch.cat(enclose(*part), 1) if enclose else zero[:, :0] for enclose in (outline.beyond_slope, outline.beyond)
    )
    return slopes, values


def _hull(values: Tensor) -> tuple[float, float]:
    known = values[~values.isnan()]
    return (float(known.min()), float(known.max())) if len(known) else (-math.inf, math.inf)


def _same(values: Tensor) -> float:
    first = values.flatten()[0]
    return float(first) if bool((values == first).all()) else math.nan


def _tail(line: Line | None) -> Line | None:
    return line and Line(*(_same(torch.as_tensor(n)) for n in (line.slope, line.offset)))


def _points(points: Tensor) -> tuple[float, ...]:
    return tuple(points.flatten().unique().tolist())


def _turning(f: Curve, points: Tensor) -> Tensor:
    """Which of the points are turns indeed: an outline may list some too many."""
    aside = 1e-6 * (1 + points.abs())
    left, right = f(points - aside) - f(points), f(points + aside) - f(points)
    return left.sign() * right.sign() > 0


def _monotone(steep: tuple[float, float], jumps: Tensor) -> Literal["increasing", "decreasing"] | None:
    least = _EQUAL * max(map(abs, steep))
    if steep[0] >= -least and bool((jumps >= 0).all()):
        return "increasing"
    return "decreasing" if steep[1] <= least and bool((jumps <= 0).all()) else None


def _curvature(changes: Tensor) -> Literal["convex", "concave", "linear"] | None:
    rises, falls = bool((changes >= -_EQUAL).all()), bool((changes <= _EQUAL).all())
    return "linear" if rises and falls else "convex" if rises else "concave" if falls else None


def _symmetry(f: Curve, zero: Tensor) -> Literal["odd", "even"] | None:
    x = zero + torch.linspace(0.01, 2 * math.pi, 64, dtype=zero.dtype)
    right, left = f(x), f(-x)
    least = _EQUAL * (1 + right.abs())
    if bool(((right + left).abs() <= least).all()):
        return "odd"
    return "even" if bool(((right - left).abs() <= least).all()) else None


def _fixed(f: Curve, slope: Curve, outline: Outline, zero: Tensor) -> tuple[tuple[float, float], ...]:
    """Solutions of f(x) = x: on a piece f(x) - x has at most one dip or hump, and one root on each side of it."""
    reach = zero[:, 0] + (_FAR if outline.period is None else torch.as_tensor(outline.period))
    inside = [point.clamp(-reach, reach) for point in outline.within(outline.breaks, -reach, reach)]
    edges = torch.stack([-reach, *inside, reach], 1).sort(1).values

    def off(x: Tensor) -> Tensor:
        gap = f(x) - x
        return torch.where(gap.abs() <= _EQUAL * (1 + x.abs()), 0.0, gap)

    a, b = beside(edges[:, :-1])[1], beside(edges[:, 1:])[0]
    identical = torch.stack([off(a + (b - a) * t) == 0 for t in (0.0, 0.1, 0.5, 0.9, 1.0)]).all(0) & (b > a)
    ends = torch.stack([edges[:, :-1][identical], edges[:, 1:][identical]], 1)
    found = {(_open(low), _open(high)) for low, high in ends.tolist()}
    split = torch.cat([edges, crossing(lambda x: slope(x) - 1, a, b)], 1).sort(1).values
    roots = torch.cat([zero, split, crossing(off, split[:, :-1], split[:, 1:])], 1)
    aside = _TOUCH * (1 + roots.abs())
    alone = (off(roots) == 0) & (off(roots - 2 * aside) != 0) & (off(roots + 2 * aside) != 0)
    where = alone.nonzero()[:, 0]
    gaps = (f(roots) - roots).abs()[alone]
    found |= {(x, x) for x in _apart(roots[alone].tolist(), gaps.tolist(), where.tolist())}
    return tuple(sorted(found))


def _apart(points: list[float], gaps: list[float], channels: list[int]) -> list[float]:
    """Of points of a channel that lie together, as where a curve touches x, the one with the least gap."""
    kept: list[float] = []
    last = (-1, -math.inf)
    group: list[tuple[float, float, float]] = []
    for channel, point, gap in sorted(zip(channels, points, gaps, strict=True)):
        if (channel, point - _TOUCH * (1 + abs(point))) > last and group:
            kept.append(min(group)[2])
            group = []
        group.append((gap, abs(point), round(point, 9) + 0.0))
        last = channel, point
    return kept + ([min(group)[2]] if group else [])


def _variance(f: Curve, slope: Curve, outline: Outline) -> tuple[tuple[float, float], ...]:
    """Fixed points of the variance map, bracketed on a grid of 20 to the decade."""
    q = 10 ** (torch.linspace(-6, 4, 201, dtype=torch.float64) + 0.0061)  # off the round numbers, where a root may be
    _, cuts = _gauss.cuts(f, outline, _NEAR)

    def off(q: Tensor) -> Tensor:
        gap = _gauss.second_moment(f, cuts, q) / q - 1
        return torch.where(gap.abs() < _SETTLED, 0.0, gap)

    gap = off(q)
    at = (gap[1:].sign() * gap[:-1].sign() < 0).nonzero()[:, 0]
    found = crossing(off, q[at], q[at + 1]) if len(at) else q[:0]
    origin = torch.full((), 1e-24, dtype=q.dtype)
    if bool((f(torch.zeros(len(cuts), 1, dtype=q.dtype)) == 0).all()):
        found = torch.cat([origin[None], found])
    chi = _gauss.second_moment(slope, cuts, found)
    return tuple((q if q > float(origin) else 0.0, x) for q, x in zip(found.tolist(), chi.tolist(), strict=True))


def _open(x: float) -> float:
    return math.copysign(math.inf, x) if abs(x) == _FAR else x


def crossing(g: Curve, a: Tensor, b: Tensor) -> Tensor:
    """Where `g`, monotone on [a, b], changes sign; an end where it does not."""
    start = g(a).sign()
    for _ in range(_HALVINGS):
        middle = a + (b - a) / 2
        before = g(middle).sign() == start
        a, b = torch.where(before, middle, a), torch.where(before, b, middle)
    return b
