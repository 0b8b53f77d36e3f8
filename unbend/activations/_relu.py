"""The rectifier."""

import torch
from torch import Tensor

from unbend.activations._base import IDENTITY, ZERO, Bend, Outline
from unbend.activations._gauss_base import arc_cosine


def relu(x: Tensor) -> Tensor:
    """Keep what is positive; the functional form of `ReLU`.

    Formula:
        y = maximum(x, 0)

    References:
        Nair, Hinton (2010), Rectified Linear Units Improve Restricted Boltzmann Machines.
    """
    return torch.relu(x)


def relu_slope(x: Tensor) -> Tensor:
    """The slope of `relu`, 0 at the kink."""
    return (x > 0).to(x.dtype)


class ReLU(Bend):
    """Rectified linear unit: the identity above zero, and nothing below.

    Formula:
        y = maximum(x, 0)

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        lean: keep only the input for the backward pass.

    Behaviour:
        Convex, increasing, 1-Lipschitz, and idempotent; f(c * x) = c * f(x) for c >= 0. The slope at 0 is taken as 0.
        One comparison per element. E f(Z) = 1 / sqrt(2 * pi), E f(Z)^2 = 1 / 2, so the gain is sqrt(2).

    References:
        Nair, Hinton (2010), Rectified Linear Units Improve Restricted Boltzmann Machines.

    Examples:
        >>> ReLU()(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """

    function = staticmethod(relu)
    derivative = staticmethod(relu_slope)
    dual = staticmethod(arc_cosine)

    def __init__(self, *, lean: bool = False) -> None:
        super().__init__(lean=lean)

    @property
    def outline(self) -> Outline:
        """Flat, then the identity; one kink."""
        return Outline(breaks=(0.0,), left=ZERO, right=IDENTITY, smooth=0)
