"""Exact facts of a bend: bounds, stationary points, Lipschitz constants, curvature, moments."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.activations._base import Bend
from unbend.activations._facts_base import Facts, crossing
from unbend.activations._lean_base import slope_of
from unbend.activations._outline_base import Curve, beside

_SAMPLES = 40_001
_JUMP = 1e-9  # a slope that changes by more from one float to the next is taken to jump

Point = tuple[float, float]


@dataclass(frozen=True)
class Analysis:
    """What calculus says of a bend.

    Attributes:
        value: infimum and supremum of f.
        slope: infimum and supremum of f'.
        curvature: infimum and supremum of f''; infinite where the slope jumps.
        lipschitz: the Lipschitz constant of f.
        slope_lipschitz: the Lipschitz constant of f'.
        stationary: (x, f(x)) at every local minimum and maximum; those of one period where there is one.
        inflections: (x, f'(x)) wherever the curvature changes its sign, in one period likewise.
        mean: E f(X) for the normal X that was asked for.
        second_moment: E f(X)^2.
    """

    value: Point
    slope: Point
    curvature: Point
    lipschitz: float
    slope_lipschitz: float
    stationary: tuple[Point, ...]
    inflections: tuple[Point, ...]
    mean: float
    second_moment: float

    @property
    def variance(self) -> float:
        """Of f(X)."""
        return self.second_moment - self.mean**2


@torch.no_grad()
def analyse(bend: Bend, mean: float = 0.0, var: float = 1.0) -> Analysis:
    """Facts of a bend for proofs: where it turns and bends, how steep it and its slope are, its moments of a normal X.

    Formula:
        y = maximum(abs(f1), abs(f2))

    Args:
        bend: with a single curve: no parameters per channel.
        mean: of the normal X.
        var: variance of X, > 0.

    Behaviour:
        The formula is that of the Lipschitz constant from the extremes f1, f2 of the slope. Turns and inflections come
        from the outline of the bend, so that none is missed; the extremes of the curvature are roots of f''', which
        40 000 samples bracket and halving makes exact. For GELU: the minimum -0.1699712 at -0.7517916, inflections at
        +-sqrt(2), f' between -0.1289041 and 1.1289041, and f' is 2 * phi(0)-Lipschitz. Cost: milliseconds.

    Departures:
        The paper calls GELU bounded; it is bounded below, and its slope is bounded.

    References:
        Lee (2023), GELU Activation Function in Deep Learning, arXiv:2305.12073.

    Examples:
        >>> from unbend.activations import GELU
        >>> round(analyse(GELU()).slope_lipschitz, 6)
        0.797885
    """
    if bend.channels is not None:
        raise ArgumentError.of("bend", f"{bend.channels} channels", "a single curve", "analyse one channel at a time")
    values = [value.detach() if isinstance(value, Tensor) else value for value in bend.values(1, -1, torch.float64)]
    facts = bend.facts

    def f(x: Tensor) -> Tensor:
        return bend.function(x, *values)

    def slope(x: Tensor) -> Tensor:
        return bend.slope_at(x, *values)

    def curve(x: Tensor) -> Tensor:
        return slope_of(slope, x)

    breaks = torch.tensor(facts.breaks, dtype=torch.float64)
    aside = 1e-6 * (1 + breaks.abs())
    turned = curve(breaks - aside).sign() * curve(breaks + aside).sign() < 0
    least, most = _curvature(slope, curve, facts)
    first, second = bend.moments(mean, var)
    return Analysis(
        value=facts.value,
        slope=facts.slope,
        curvature=(least, most),
        lipschitz=facts.lipschitz,
        slope_lipschitz=max(-least, most),
        stationary=_at(f, torch.tensor(facts.turns, dtype=torch.float64)),
        inflections=_at(slope, breaks[turned]),
        mean=first,
        second_moment=second,
    )


def _at(f: Curve, x: Tensor) -> tuple[Point, ...]:
    return tuple(zip(x.tolist(), f(x).tolist(), strict=True))


def _curvature(slope: Curve, curve: Curve, facts: Facts) -> Point:
    """Infimum and supremum of f'': at its own turns, beside the breaks, and far out; infinite where the slope jumps."""
    if facts.smooth < 0:
        return -math.inf, math.inf
    breaks = torch.tensor(facts.breaks, dtype=torch.float64)
    before, after = beside(breaks)
    size = max([1.0, *map(abs, facts.breaks)]) if facts.period is None else facts.period
    reach = math.asinh(1e3) if facts.period is None else math.asinh(1.0)
    samples = size * torch.sinh(torch.linspace(-reach, reach, _SAMPLES, dtype=torch.float64))
    x = torch.cat([samples, before, after]).sort().values

    def third(x: Tensor) -> Tensor:
        return slope_of(curve, x)

    change = third(x)
    at = (change[1:] * change[:-1] < 0).nonzero()[:, 0]
    found = curve(torch.cat([x, crossing(third, x[at], x[at + 1])]))
    found = found[found.isfinite()]
    least, most = float(found.min()), float(found.max())
    jumps = slope(after) - slope(before)
    least = -math.inf if bool((jumps < -_JUMP).any()) else least
    most = math.inf if bool((jumps > _JUMP).any()) else most
    for side, tail in ((-1, facts.left), (1, facts.right)):
        if tail is None or not math.isinf(tail.slope):
            continue
        near, far = curve(side * size * torch.tensor([1e2, 1e3], dtype=torch.float64)).tolist()
        if abs(far) > 2 * abs(near):  # it outgrows every parabola
            least, most = (-math.inf, most) if far < 0 else (least, math.inf)
    return least, most
