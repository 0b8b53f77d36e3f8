"""The identity with a periodic ripple."""

import math
from typing import ClassVar

import torch
from torch import Tensor, exp

from unbend._contract import Example
from unbend._errors import positive
from unbend.activations._base import Bend, Outline


def snake(x: Tensor, a: Tensor | float = 1.0) -> Tensor:
    """Add a squared sine of frequency `a` to the identity; the functional form of `Snake`.

    Formula:
        y = x + sin(a * x)**2 / a

    References:
        Liu, Hartwig, Ueda (2020), arXiv:2006.08195.
    """
    # sin(a * x) / a by way of sinc, so that a learned frequency may pass through zero.
    return x + a * (x * torch.sinc(a * x / math.pi)) ** 2


def snake_slope(x: Tensor, a: Tensor | float = 1.0) -> Tensor:
    """The slope of `snake`."""
    return 1 + torch.sin(2 * a * x)


def snake_partial(x: Tensor, a: Tensor | float = 1.0) -> tuple[Tensor]:
    """The derivative of `snake` by its frequency."""
    wave = torch.sinc(a * x / math.pi)
    return (x * x * (2 * wave * torch.cos(a * x) - wave * wave),)


def snake_dual(q11: Tensor, q12: Tensor, q22: Tensor, a: Tensor | float) -> tuple[Tensor, Tensor]:
    """Kernel and derivative kernel of `snake`, from the means of the cosines and sines of Gaussian numbers."""
    c = 2 * a**2
    near, far = exp(-c * (q11 + q22 - 2 * q12)), exp(-c * (q11 + q22 + 2 * q12))
    ripple = 1 - exp(-c * q11) - exp(-c * q22) + (near + far) / 2
    return q12 + ripple / (2 * c), 1 + (near - far) / 2


class Snake(Bend):
    """Identity plus a squared sine, whose frequency is learned: it extrapolates what is periodic.

    Formula:
        y = x + sin(a * x)**2 / a

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        a: frequency at the start, > 0; 0.2 to 1 in general, 5 to 50 for data known to be periodic.
        channels: learn one frequency for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        trainable: whether `a` is learned at all.
        lean: keep only the input for the backward pass.

    Behaviour:
        Increasing, with a slope of 1 + sin(2 * a * x) between 0 and 2; f(x) - x has the period pi / a and lies between
        0 and 1 / a. As a tends to 0 it becomes the identity. For x ~ N(0, 1) the mean is (1 - exp(-2 * a^2)) / (2 * a).

    Departures:
        Written with sinc, so that `a = 0` is no division by zero. The correction to unit variance is left to the
        caller, who has it from `moments()`.

    References:
        Liu, Hartwig, Ueda (2020), Neural Networks Fail to Learn Periodic Functions and How to Fix It, arXiv:2006.08195.

    Examples:
        >>> Snake(a=2.0)(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([-0.5866,  0.0000,  1.4134])
    """

    function = staticmethod(snake)
    derivative = staticmethod(snake_slope)
    partials = staticmethod(snake_partial)
    dual = staticmethod(snake_dual)
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example({"a": 3.0, "channels": 3, "trainable": False}))

    def __init__(
        self,
        a: float = 1.0,
        *,
        channels: int | None = None,
        dim: int = 1,
        trainable: bool = True,
        lean: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            a=positive(a=a), learned=("a",), channels=channels, dim=dim, lean=lean, device=device, dtype=dtype
        )
        self.trainable = trainable
        self.a.requires_grad_(trainable)

    @property
    def outline(self) -> Outline:
        """Inflections a quarter and three quarters along a period of pi / a."""
        unit = Outline(breaks=(math.pi / 4, 3 * math.pi / 4), period=math.pi, drift=1.0)
        return unit.stretch(self.at("a"))
