"""Other lines with a ripple: the sine with nothing to learn, two constants to learn, and unit variance."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend._errors import positive
from unbend.activations._base import Bend, Number, Outline


def x_plus_sin(x: Tensor) -> Tensor:
    """Add a sine to the identity; the functional form of `XPlusSin`.

    Formula:
        y = x + sin(x)

    References:
        Liu, Hartwig, Ueda (2020), arXiv:2006.08195.
    """
    return x + torch.sin(x)


def x_plus_sin_slope(x: Tensor) -> Tensor:
    """The slope of `x_plus_sin`."""
    return 1 + torch.cos(x)


class XPlusSin(Bend):
    """Identity plus a sine: the simpler of the two ripples that the paper tries.

    Formula:
        y = x + sin(x)

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        lean: keep only the input for the backward pass.

    Behaviour:
        Odd and increasing, with a slope between 0 and 2. Near zero it is 2 x, and unlike Snake it has no even part: a
        sum of two of them about zero says little of the square of its input.

    References:
        Liu, Hartwig, Ueda (2020), Neural Networks Fail to Learn Periodic Functions and How to Fix It, arXiv:2006.08195.

    Examples:
        >>> XPlusSin()(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-1.8415,  0.0000,  1.8415])
    """

    function = staticmethod(x_plus_sin)
    derivative = staticmethod(x_plus_sin_slope)

    def __init__(self, *, lean: bool = False) -> None:
        super().__init__(lean=lean)

    @property
    def outline(self) -> Outline:
        """Inflections at the multiples of pi."""
        return Outline(breaks=(0.0, math.pi), period=2 * math.pi, drift=1.0)


def unit_snake(x: Tensor, a: Tensor | float = 1.0) -> Tensor:
    """Snake over its standard deviation; the functional form of `UnitSnake`.

    Formula:
        v = 1 + (1 - exp(-4 * a**2))**2 / (8 * a**2)
        y = (x + sin(a * x)**2 / a) / sqrt(v)

    References:
        Liu, Hartwig, Ueda (2020), arXiv:2006.08195.
    """
    return (x + a * (x * torch.sinc(a * x / math.pi)) ** 2) / _deviation(a, x)


def unit_snake_slope(x: Tensor, a: Tensor | float = 1.0) -> Tensor:
    """The slope of `unit_snake`."""
    return (1 + torch.sin(2 * a * x)) / _deviation(a, x)


def _deviation(a: Number, like: Tensor) -> Tensor:
    """Standard deviation of Snake at normal numbers."""
    square = torch.as_tensor(a, dtype=like.dtype, device=like.device).square().clamp(min=1e-30)
    return (1 + torch.expm1(-4 * square) ** 2 / (8 * square)).sqrt()


class UnitSnake(Bend):
    """Snake with the variance correction of the paper: normal numbers come out with a variance of one.

    Formula:
        v = 1 + (1 - exp(-4 * a**2))**2 / (8 * a**2)
        y = (x + sin(a * x)**2 / a) / sqrt(v)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        a: frequency at the start, > 0.
        channels: learn one frequency for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        trainable: whether `a` is learned.
        lean: keep only the input for the backward pass.

    Behaviour:
        v is the variance of Snake at N(0, 1): 1 as a tends to 0 or to infinity, and at most 1.204, near a = 0.56: the
        correction is never large. The mean stays, (1 - exp(-2 a^2)) / (2 a sqrt(v)).

    Departures:
        The correction follows `a` as it is learned, where the paper's initialisation divides by it once.

    References:
        Liu, Hartwig, Ueda (2020), Neural Networks Fail to Learn Periodic Functions and How to Fix It, arXiv:2006.08195.

    Examples:
        >>> mean, square = UnitSnake(a=2.0).moments()
        >>> round(square - mean**2, 6)
        1.0
    """

    function = staticmethod(unit_snake)
    derivative = staticmethod(unit_snake_slope)
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
        """That of Snake, and a line that is less steep."""
        a = self.at("a")
        drift = 1 / _deviation(a, torch.zeros(0, dtype=torch.float64))
        unit = Outline(breaks=(math.pi / 4, 3 * math.pi / 4), period=math.pi).stretch(a)
        return Outline(unit.breaks, period=unit.period, drift=drift if drift.ndim else float(drift))


def snake_beta(x: Tensor, a: Tensor | float = 1.0, b: Tensor | float = 1.0) -> Tensor:
    """Add a squared sine to the identity; the functional form of `SnakeBeta`.

    Formula:
        y = x + sin(a * x)**2 / b

    References:
        Liu, Hartwig, Ueda (2020), arXiv:2006.08195.
    """
    return x + torch.sin(a * x) ** 2 / b


def snake_beta_slope(x: Tensor, a: Tensor | float = 1.0, b: Tensor | float = 1.0) -> Tensor:
    """The slope of `snake_beta`."""
    return 1 + a / b * torch.sin(2 * a * x)


def snake_beta_partials(x: Tensor, a: Tensor | float = 1.0, b: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """The derivatives of `snake_beta` by its frequency and by the inverse of its height."""
    return x / b * torch.sin(2 * a * x), -((torch.sin(a * x) / b) ** 2)


class SnakeBeta(Bend):
    """Snake whose ripple has a height of its own: frequency and height are learned apart.

    Formula:
        y = x + sin(a * x)**2 / b

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        a: frequency at the start, > 0.
        b: one over the height of the ripple at the start, > 0.
        channels: learn both for each channel; None for one of each in all.
        dim: the axis of the channels, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        Snake where b = a. The slope lies between 1 - a / b and 1 + a / b: increasing only where a <= b.

    Departures:
        Vocoders often learn the logarithms of a and b, and add 1e-9 to b.

    References:
        Liu, Hartwig, Ueda (2020), Neural Networks Fail to Learn Periodic Functions and How to Fix It, arXiv:2006.08195.
        Lee, Ping, Ginsburg, Catanzaro, Yoon (2022), BigVGAN, arXiv:2206.04658, whose code has two constants.

    Examples:
        >>> SnakeBeta(a=2.0, b=1.0)(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([-0.1732,  0.0000,  1.8268])
    """

    function = staticmethod(snake_beta)
    derivative = staticmethod(snake_beta_slope)
    partials = staticmethod(snake_beta_partials)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"a": 2.0, "b": 0.8}),
        Example({"a": 1.0, "b": 3.0, "channels": 3}),
    )

    def __init__(
        self,
        a: float = 1.0,
        b: float = 1.0,
        *,
        channels: int | None = None,
        dim: int = 1,
        lean: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            a=positive(a=a),
            b=positive(b=b),
            learned=("a", "b"),
            channels=channels,
            dim=dim,
            lean=lean,
            device=device,
            dtype=dtype,
        )

    @property
    def outline(self) -> Outline:
        """Inflections as Snake has them, and turns where sin(2 a x) = -b / a, which is nowhere for a < b."""
        a, b = self.at("a"), self.at("b")
        ratio = torch.as_tensor(b / a, dtype=torch.float64).clamp(-1, 1)
        angle = torch.asin(ratio) if ratio.ndim else math.asin(float(ratio))
        unit = Outline((math.pi / 4, 3 * math.pi / 4), (-angle / 2, (math.pi + angle) / 2), period=math.pi, drift=1.0)
        return unit.stretch(a)
