"""A bend gated by the Gompertz curve."""

import torch
from torch import Tensor

from unbend._errors import positive
from unbend.activations._base import IDENTITY, ZERO, Bend, Outline


def golu(x: Tensor, gamma: float = 1.0) -> Tensor:
    """Gate `x` by a Gompertz curve; the functional form of `GoLU`.

    Formula:
        y = x * exp(-exp(-gamma * x))

    References:
        Das, Safari, Adriaensen, Hutter (2025), arXiv:2502.03654.
    """
    # Past exp(10) the gate is zero in every type. Left unbounded the tail becomes inf, and the slope 0 * inf = nan.
    tail = torch.exp((-gamma * x).clamp(max=10.0))
    return x * torch.exp(-tail)


def golu_both(x: Tensor, gamma: float = 1.0) -> tuple[Tensor, Tensor]:
    """Value and slope of `golu`."""
    tail = torch.exp((-gamma * x).clamp(max=10.0))
    gate = torch.exp(-tail)
    return x * gate, gate * (1 + gamma * x * tail)


def golu_slope(x: Tensor, gamma: float = 1.0) -> Tensor:
    """The slope of `golu`."""
    return golu_both(x, gamma)[1]


class GoLU(Bend):
    """Gompertz linear unit: the input, gated by the distribution function of the Gumbel law.

    Formula:
        y = x * exp(-exp(-gamma * x))

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        gamma: steepness of the gate, > 0; the larger, the nearer to ReLU.
        lean: keep only the input for the backward pass.

    Behaviour:
        0 at 0, with slope 1/e. For gamma = 1 the least value is -0.09726 at x = -0.56714, minus the omega constant,
        since y' = 0 asks for x = -exp(x). In general f(x; gamma) = f(gamma * x; 1) / gamma.
        Two exponentials per element; value and slope are 0, never nan, down to the most negative number.

    Departures:
        The authors' code also scales the gate (alpha) and its tail (beta); both are 1 here.

    References:
        Das, Safari, Adriaensen, Hutter (2025), Gompertz Linear Units, arXiv:2502.03654.

    Examples:
        >>> GoLU()(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.0660,  0.0000,  0.6922])
    """

    function = staticmethod(golu)
    derivative = staticmethod(golu_slope)
    both = staticmethod(golu_both)
    aliases = ("expexpish",)

    def __init__(self, gamma: float = 1.0, *, lean: bool = False) -> None:
        super().__init__(gamma=positive(gamma=gamma), lean=lean)

    @property
    def outline(self) -> Outline:
        """One minimum; the slope turns where x * (1 - exp(-x)) = 2."""
        breaks = (-1.060090319893210, 2.238645834606283)
        return Outline(breaks, turns=(-0.567143290409784,), left=ZERO, right=IDENTITY).stretch(self.at("gamma"))
