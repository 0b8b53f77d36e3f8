"""The mean of a Gaussian number that is held between two ends."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, positive

_NARROW, _WIDE = 0.5, 12.0
_FAR = 30.0


def trug(x: Tensor, low: float = -1.0, high: float = 1.0, s: float = 1.0) -> Tensor:
    """The mean of N(x, s^2) given that it lies in [low, high]; the functional form of `TruG`.

    Formula:
        y = x + s * (phi(l) - phi(h)) / (Phi(h) - Phi(l)); l = (low - x) / s; h = (high - x) / s

    References:
        Su, Liao, Carin (2017), arXiv:1709.06123.
    """
    middle, half = (low + high) / 2, (high - low) / (2 * s)
    right = x >= middle
    t = torch.where(right, x - middle, middle - x) / s
    # By symmetry both ends lie to the right of the mean, and ratios of tails are all that is needed.
    near, rest = (t - half).clamp(max=_FAR), torch.exp(-2 * half * t)
    ratio, beyond = _mills(near), rest * _mills((t + half).clamp(max=_FAR + 2 * half))
    inside = (1 - rest - near * (ratio - beyond)) / (ratio - beyond)
    # Far out the mean keeps a distance from the end that no longer depends on the other end.
    r = (t - half).clamp(min=_FAR).reciprocal()
    outside = r * (1 - r**2 * (2 - r**2 * (10 - 74 * r**2)))
    held = half - torch.where(t - half > _FAR, outside, inside)
    return middle + s * torch.where(right, held, -held)


def _mills(z: Tensor) -> Tensor:
    """The tail of the Gaussian law over its density."""
    return math.sqrt(math.pi / 2) * torch.special.erfcx(z / math.sqrt(2))


class TruG(nn.Module):
    """Truncated Gaussian: the mean of a Gaussian number around x that is held between two ends.

    Formula:
        y = x + s * (phi(l) - phi(h)) / (Phi(h) - Phi(l)); l = (low - x) / s; h = (high - x) / s

    Shape:
        x: (*); y: the same.

    Args:
        low: the lower end.
        high: the upper end, 1 to 24 s above.
        s: standard deviation of the number.

    Behaviour:
        Increasing from `low` to `high` and odd about their middle; the slope is the variance of the truncated number
        over s^2, between 0 and 1. Ends 0 and 4 make it like a ReLU, ends -1 and 1 like tanh, ends 0 and 1 like a
        sigmoid. By ratios of tails, so that nothing underflows. Two scaled error functions and an exponential.

    Departures:
        The paper learns the ends, which may be infinite, in stochastic networks; here they are given.

    References:
        Su, Liao, Carin (2017), A Probabilistic Framework for Nonlinearities in Stochastic Neural Networks,
        arXiv:1709.06123.

    Examples:
        >>> TruG()(torch.tensor([-9.0, 0.0, 1.0]))
        tensor([-0.8786,  0.0000,  0.2772])
    """

    aliases: ClassVar[tuple[str, ...]] = ("truncated_gaussian_trug",)
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example({"low": 0.0, "high": 4.0, "s": 0.5}))

    def __init__(self, low: float = -1.0, high: float = 1.0, s: float = 1.0) -> None:
        super().__init__()
        self.low, self.high, self.s = float(low), float(high), float(positive(s=s))
        if not _NARROW <= (high - low) / (2 * s) <= _WIDE:
            raise ArgumentError.of("high - low", high - low, f"between {2 * _NARROW * s:g} and {2 * _WIDE * s:g}")

    def forward(self, x: Tensor) -> Tensor:
        """The mean at `x`, computed in float32 at least."""
        return trug(x.to(torch.promote_types(x.dtype, torch.float32)), self.low, self.high, self.s).to(x.dtype)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.low}, {self.high}, {self.s}"
