"""A rectifier that learns its slope below zero."""

from typing import ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend.activations._base import IDENTITY, Bend, Line, Outline
from unbend.activations._gauss_base import arc_cosine


def prelu(x: Tensor, weight: Tensor | float = 0.25) -> Tensor:
    """Scale `x` by `weight` where it is not positive; the functional form of `PReLU`.

    Formula:
        y = where(x > 0, x, weight * x)

    References:
        He, Zhang, Ren, Sun (2015), arXiv:1502.01852.
    """
    return torch.relu(x) + weight * x.clamp(max=0)


def prelu_slope(x: Tensor, weight: Tensor | float = 0.25) -> Tensor:
    """The slope of `prelu`; `weight` at the kink."""
    return weight + (1 - weight) * (x > 0).to(x.dtype)


def prelu_partial(x: Tensor, weight: Tensor | float = 0.25) -> tuple[Tensor]:
    """The derivative of `prelu` by its weight."""
    return (x.clamp(max=0),)


def prelu_dual(q11: Tensor, q12: Tensor, q22: Tensor, weight: Tensor | float) -> tuple[Tensor, Tensor]:
    """Kernel and derivative kernel of `prelu`: it is relu(x) - weight * relu(-x)."""
    kernel, both = arc_cosine(q11, q12, q22)
    same = 1 + weight**2
    return same * kernel - 2 * weight * (kernel - q12 / 2), same * both + weight * (1 - 2 * both)


class PReLU(Bend):
    """Parametric rectified linear unit: the identity above zero, a learned slope below.

    Formula:
        y = where(x > 0, x, weight * x)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        weight: slope below zero at the start.
        channels: learn one slope for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        f(c * x) = c * f(x) for c >= 0. Increasing for weight >= 0, convex for weight <= 1, the identity at 1. The slope
        at 0 is taken as `weight`. State dictionaries are those of torch.nn.PReLU. Weight decay drives it to ReLU.

    References:
        He, Zhang, Ren, Sun (2015), Delving Deep into Rectifiers, arXiv:1502.01852.

    Examples:
        >>> PReLU()(torch.tensor([-1.0, 0.0, 2.0])).tolist()
        [-0.25, 0.0, 2.0]
    """

    function = staticmethod(prelu)
    derivative = staticmethod(prelu_slope)
    partials = staticmethod(prelu_partial)
    dual = staticmethod(prelu_dual)
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example({"weight": -0.5, "channels": 3}))

    def __init__(
        self,
        weight: float = 0.25,
        *,
        channels: int | None = None,
        dim: int = 1,
        lean: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            weight=weight, learned=("weight",), channels=channels, dim=dim, lean=lean, device=device, dtype=dtype
        )

    @property
    def outline(self) -> Outline:
        """A line on either side of the kink, where the value turns if the left one falls."""
        weight = self.at("weight")
        falls = bool(torch.as_tensor(weight < 0).any())
        return Outline(breaks=(0.0,), turns=(0.0,) if falls else (), left=Line(weight), right=IDENTITY, smooth=0)
