"""A bend's curve, slope and curvature as numbers to draw."""

from dataclasses import dataclass

import torch
from torch import Tensor

from unbend.activations import Bend

LOW, HIGH = -5.0, 5.0
STEPS = 200
_MOST_STEPS = 1600
_STEP = 1e-5
_FACTORS = (0.5, 0.75, 1.5, 2.0)
_BESIDE_ZERO = (-1.0, -0.5, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Curve:
    """Value, slope and curvature at even steps from `low` to `high`; nan where there is none.

    Attributes:
        low: first point.
        high: last point.
        orders: value, slope and curvature in float64, each `(n,)`.
    """

    low: float
    high: float
    orders: tuple[Tensor, Tensor, Tensor]

    @property
    def x(self) -> Tensor:
        """The points."""
        return _even(self.low, self.high, len(self.orders[0]))


def sample(bend: Bend, low: float = LOW, high: float = HIGH) -> Curve:
    """The curve of `bend`, in as many steps as it takes to draw it: a wave of high frequency takes more than 200."""
    steps = STEPS
    while True:
        x = _even(low, high, steps + 1)
        value, slope, curvature = derivatives(bend, x)
        if steps >= _MOST_STEPS or not (_rough(value) or _rough(slope)):
            return Curve(low, high, (value, slope, curvature))
        steps *= 2


def stops(value: float) -> list[float]:
    """Values around that of a parameter, at which to show what it does."""
    return [value * factor for factor in _FACTORS] if value else list(_BESIDE_ZERO)


def value_at(bend: Bend, low: float = LOW, high: float = HIGH) -> Tensor:
    """The values alone, at every other point of `sample`'s 200 steps."""
    with torch.no_grad():
        return _finite(bend(_even(low, high, STEPS // 2 + 1)))


def _even(low: float, high: float, count: int) -> Tensor:
    # Rounded, so that the point in the middle is zero, where bends kink, and not the next number to it.
    return torch.linspace(low, high, count, dtype=torch.float64).round(decimals=12)


def derivatives(bend: Bend, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value, slope and curvature at `x`; what is not finite is nan."""
    return _finite(bend(x).detach()), _finite(bend.slope(x).detach()), _finite(_curvature(bend, x))


def _curvature(bend: Bend, x: Tensor) -> Tensor:
    with torch.enable_grad():
        at = x.detach().clone().requires_grad_()
        try:
            slope = bend.slope(at)
            if not slope.requires_grad:
                return torch.zeros_like(x)
            (found,) = torch.autograd.grad(slope.sum(), at, allow_unused=True, materialize_grads=True)
            return found
        except RuntimeError:  # a kernel that differentiates once
            return _difference(bend, x)


def _difference(bend: Bend, x: Tensor) -> Tensor:
    """The slope's difference over a short step; nan where it is so steep that a kink must lie within."""
    found = (bend.slope(x + _STEP) - bend.slope(x - _STEP)).detach() / (2 * _STEP)
    return torch.where(found.abs() * _STEP < 1e-2, found, torch.nan)


def _finite(y: Tensor) -> Tensor:
    return torch.where(y.isfinite(), y, torch.nan)


def _rough(y: Tensor) -> bool:
    """Whether straight lines between every other point miss those in between at more places than a few kinks have."""
    y = y[y.isfinite()]
    if len(y) < 5:
        return False
    y = y[: (len(y) - 1) // 2 * 2 + 1]
    off = (y[1::2] - (y[:-1:2] + y[2::2]) / 2).abs()
    return float((off > 0.02 * (y.max() - y.min())).double().mean()) > 0.04
