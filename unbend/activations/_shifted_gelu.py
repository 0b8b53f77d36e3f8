"""GELU about another place, at another width."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend._errors import positive
from unbend.activations._base import IDENTITY, ZERO, Bend, Outline
from unbend.activations._root_base import root

_ROOT, _HALF = 1 / math.sqrt(2 * math.pi), math.sqrt(0.5)


def shifted_gelu(x: Tensor, mu: Tensor | float = 0.0, sigma: Tensor | float = 1.0) -> Tensor:
    """Gate `x` by some normal distribution function; the functional form of `ShiftedGELU`.

    Formula:
        y = x * Phi((x - mu) / sigma)

    References:
        Hendrycks, Gimpel (2016), arXiv:1606.08415.
    """
    # Half an erfc, and not torch's ndtr, which is half of 1 + erf and has no digits left at t = -8.
    return x * torch.erfc((mu - x) / sigma * _HALF) / 2


def shifted_gelu_both(x: Tensor, mu: Tensor | float = 0.0, sigma: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """Value and slope of `shifted_gelu`."""
    t = (x - mu) / sigma
    gate = torch.erfc(-t * _HALF) / 2
    return x * gate, gate + x / sigma * (_ROOT * torch.exp(-t * t / 2))


def shifted_gelu_slope(x: Tensor, mu: Tensor | float = 0.0, sigma: Tensor | float = 1.0) -> Tensor:
    """The slope of `shifted_gelu`."""
    return shifted_gelu_both(x, mu, sigma)[1]


def shifted_gelu_partials(x: Tensor, mu: Tensor | float = 0.0, sigma: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """The derivatives of `shifted_gelu` by place and width."""
    t = (x - mu) / sigma
    by_place = x * (-_ROOT / sigma * torch.exp(-t * t / 2))
    return by_place, by_place * t


class ShiftedGELU(Bend):
    """The general GELU: the input, gated by the probability that a number of N(mu, sigma^2) lies below it.

    Formula:
        y = x * Phi((x - mu) / sigma)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        mu: where the gate is 1/2, at the start.
        sigma: width of the gate at the start, > 0.
        trainable: whether both are learned.
        channels: learn them for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        GELU at mu = 0 and sigma = 1, and f(x; 0, sigma) = sigma * GELU(x / sigma). ReLU as sigma tends to 0 with mu at
        0. One minimum, which lies below zero; two inflections, at t = (+-sqrt(m^2 + 8) - m) / 2 with t the argument of
        Phi and m = mu / sigma. Unlike torch's GELU it keeps its relative accuracy on the far left.

    References:
        Hendrycks, Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415, who leave mu and sigma at 0 and 1.

    Examples:
        >>> ShiftedGELU(mu=1.0, sigma=0.5)(torch.tensor([-1.0, 0.0, 1.0, 2.0]))
        tensor([-3.1671e-05,  0.0000e+00,  5.0000e-01,  1.9545e+00])
    """

    function = staticmethod(shifted_gelu)
    derivative = staticmethod(shifted_gelu_slope)
    both = staticmethod(shifted_gelu_both)
    partials = staticmethod(shifted_gelu_partials)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"mu": 0.5, "sigma": 2.0}),
        Example({"mu": -1.0, "trainable": True, "channels": 3}),
    )

    def __init__(
        self,
        mu: float = 0.0,
        sigma: float = 1.0,
        *,
        trainable: bool = False,
        channels: int | None = None,
        dim: int = 1,
        lean: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            mu=mu,
            sigma=positive(sigma=sigma),
            learned=("mu", "sigma") if trainable else (),
            channels=channels,
            dim=dim,
            lean=lean,
            device=device,
            dtype=dtype,
        )
        self.trainable = trainable

    @property
    def outline(self) -> Outline:
        """f'' has the sign of 2 - t^2 - m t, and between its roots the slope rises from below zero to above one."""
        mu, sigma = self.at("mu"), self.at("sigma")
        m = mu / sigma
        wide = (m * m + 8) ** 0.5
        early, late = (-m - wide) / 2, (-m + wide) / 2

        def slope(part: Tensor) -> Tensor:
            # Over the density, which is zero in every type where m is large.
            t = early + part * (late - early)
            return math.sqrt(math.pi / 2) * torch.special.erfcx(-t / math.sqrt(2)) + t + m

        turn = early + root(slope, 0.0, 1.0) * (late - early)
        return Outline((mu + sigma * early, mu + sigma * late), turns=(mu + sigma * turn,), left=ZERO, right=IDENTITY)
