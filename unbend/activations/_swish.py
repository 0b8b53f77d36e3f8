"""The input, gated by its own sigmoid at a steepness that may be learned."""

from typing import ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend.activations._base import Bend, Line, Number, Outline


def swish(x: Tensor, beta: Tensor | float = 1.0) -> Tensor:
    """Gate `x` by a sigmoid; the functional form of `Swish`.

    Formula:
        y = x * sigmoid(beta * x)

    References:
        Ramachandran, Zoph, Le (2017), arXiv:1710.05941.
    """
    return x * torch.sigmoid(beta * x)


def swish_both(x: Tensor, beta: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """Value and slope of `swish`."""
    t = beta * x
    gate = torch.sigmoid(t)
    return x * gate, gate * (1 + t * (1 - gate))


def swish_slope(x: Tensor, beta: Tensor | float = 1.0) -> Tensor:
    """The slope of `swish`."""
    return swish_both(x, beta)[1]


def swish_partial(x: Tensor, beta: Tensor | float = 1.0) -> tuple[Tensor]:
    """The derivative of `swish` by its steepness."""
    gate = torch.sigmoid(beta * x)
    return (x * (x * (gate * (1 - gate))),)


class Swish(Bend):
    """Swish: the input, gated by a sigmoid of some steepness, fixed or learned.

    Formula:
        y = x * sigmoid(beta * x)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        beta: steepness of the gate at the start.
        trainable: whether `beta` is learned.
        channels: learn one steepness for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        x / 2 at beta = 0, SiLU at 1, nearer and nearer to ReLU as beta grows; a negative beta turns the curve about:
        f(x; -beta) = -f(-x; beta). f(x) - f(-x) = x for every beta. For a positive one the least value is
        -0.27846 / beta, at x = -1.27846 / beta. Beta = 1.702 approximates GELU, to within 0.0204.

    References:
        Ramachandran, Zoph, Le (2017), Searching for Activation Functions, arXiv:1710.05941.

    Examples:
        >>> Swish(beta=2.0)(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1192,  0.0000,  0.8808])
    """

    function = staticmethod(swish)
    derivative = staticmethod(swish_slope)
    both = staticmethod(swish_both)
    partials = staticmethod(swish_partial)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(),
        Example({"beta": 0.25, "trainable": True}),
        Example({"beta": -2.0, "trainable": True, "channels": 3}),
    )

    def __init__(
        self,
        beta: float = 1.0,
        *,
        trainable: bool = False,
        channels: int | None = None,
        dim: int = 1,
        lean: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        learned = ("beta",) if trainable else ()
        super().__init__(beta=beta, learned=learned, channels=channels, dim=dim, lean=lean, device=device, dtype=dtype)
        self.trainable = trainable

    @property
    def outline(self) -> Outline:
        """One turn; the slope turns where x * tanh(x / 2) = 2, for beta = 1."""
        beta = torch.as_tensor(self.at("beta"), dtype=torch.float64)

        def point(of_one: float) -> Number:
            place = torch.where(beta == 0, 0.0, of_one / beta)
            return place if place.ndim else float(place)

        breaks = point(-2.399357280515468), point(2.399357280515468)
        side = beta.sign()
        left, right = Line((1 - side) / 2), Line((1 + side) / 2)
        return Outline(breaks, turns=(point(-1.278464542761074),), left=left, right=right)
