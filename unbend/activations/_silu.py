"""The input, gated by its own sigmoid."""

import torch
from torch import Tensor
from torch.nn import functional as F

from unbend.activations._base import IDENTITY, ZERO, Bend, Outline


def silu(x: Tensor) -> Tensor:
    """Gate `x` by its sigmoid; the functional form of `SiLU`.

    Formula:
        y = x * sigmoid(x)

    References:
        Ramachandran, Zoph, Le (2017), arXiv:1710.05941.
    """
    return F.silu(x)


def silu_slope(x: Tensor) -> Tensor:
    """The slope of `silu`."""
    gate = torch.sigmoid(x)
    return gate * (1 + x * (1 - gate))


class SiLU(Bend):
    """Sigmoid linear unit, or Swish with its beta fixed at 1.

    Formula:
        y = x * sigmoid(x)

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        lean: keep only the input for the backward pass.

    Behaviour:
        0 at 0 with slope 1/2; f(x) - f(-x) = x. The least value is -0.27846 = -W(1/e), W being Lambert's function, at
        x = -1.27846; the slope turns at +-2.39936, between -0.09984 and 1.09984.

    References:
        Ramachandran, Zoph, Le (2017), Searching for Activation Functions, arXiv:1710.05941.
        Elfwing, Uchibe, Doya (2017), arXiv:1702.03118, who named it.

    Examples:
        >>> SiLU()(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.2689,  0.0000,  0.7311])
    """

    function = staticmethod(silu)
    derivative = staticmethod(silu_slope)
    native = True

    def __init__(self, *, lean: bool = False) -> None:
        super().__init__(lean=lean)

    @property
    def outline(self) -> Outline:
        """One minimum; the slope turns where x * tanh(x / 2) = 2."""
        breaks = (-2.399357280515468, 2.399357280515468)
        return Outline(breaks, turns=(-1.278464542761074,), left=ZERO, right=IDENTITY)
