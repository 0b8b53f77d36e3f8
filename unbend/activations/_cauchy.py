"""A bend that is the real part of a Cauchy kernel."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend._errors import positive
from unbend.activations._base import ZERO, Bend, Number, Outline


def cauchy(
    x: Tensor, lambda1: Tensor | float = 0.01, lambda2: Tensor | float = 0.01, d: Tensor | float = 1.0
) -> Tensor:
    """Real part of a pole's kernel at distance `d` from the real line; the functional form of `Cauchy`.

    Formula:
        y = (lambda1 * x + lambda2) / (x**2 + d**2)

    References:
        Li, Xia, Zhang (2024), arXiv:2409.19221.
    """
    u, v, size = _over_the_larger(x, d)
    return (lambda1 * u + lambda2 / size) / ((u * u + v * v) * size)


def cauchy_both(
    x: Tensor, lambda1: Tensor | float, lambda2: Tensor | float, d: Tensor | float
) -> tuple[Tensor, Tensor]:
    """`cauchy` and its slope."""
    u, v, size = _over_the_larger(x, d)
    square, even = u * u + v * v, lambda2 / size
    y = (lambda1 * u + even) / (square * size)
    return y, (lambda1 * (v * v - u * u) - 2 * even * u) / (square * square) / size / size


def cauchy_slope(x: Tensor, lambda1: Tensor | float, lambda2: Tensor | float, d: Tensor | float) -> Tensor:
    """The slope of `cauchy`."""
    return cauchy_both(x, lambda1, lambda2, d)[1]


def cauchy_partials(
    x: Tensor, lambda1: Tensor | float, lambda2: Tensor | float, d: Tensor | float
) -> tuple[Tensor, Tensor, Tensor]:
    """The derivatives of `cauchy` by its three parameters."""
    u, v, size = _over_the_larger(x, d)
    kernel = 1 / ((u * u + v * v) * size)
    return u * kernel, kernel / size, -2 * v * (lambda1 * u + lambda2 / size) * kernel * kernel


def _over_the_larger(x: Tensor, d: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    """`x` and `d` over the larger of |x| and |d|, and that number, on which no result depends; no square overflows."""
    d = torch.as_tensor(d, dtype=x.dtype, device=x.device)
    size = torch.maximum(x.abs(), d.abs()).detach()
    return x / size, d / size, size


class Cauchy(Bend):
    """The real part of a Cauchy kernel, its place and strength learned: it decays on both sides.

    Formula:
        y = (lambda1 * x + lambda2) / (x**2 + d**2)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        lambda1: strength of the odd part at the start.
        lambda2: strength of the even part.
        d: distance of the pole from the real line, > 0.
        channels: learn the three for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        The real part of `(lambda1 + i lambda2 / d) / (x + i d)`: sums of such kernels are what a Cauchy integral over
        a closed curve becomes when it is discretised. Bounded, tends to 0 as lambda1 / x. The integral of the even part
        is pi lambda2 / |d|. At the start given by the authors the output is about 0.01. The sign of d does not
        matter; at d = 0 it has a pole.

    Departures:
        Formula and start from accounts of others, which agree; one of them prints x^2 in the second numerator, which
        would not decay.

    References:
        Li, Xia, Zhang (2024), Cauchy activation function and XNet, arXiv:2409.19221.

    Examples:
        >>> Cauchy(lambda1=1.0, lambda2=0.0)(torch.tensor([-1.0, 0.0, 1.0, 3.0])).detach()
        tensor([-0.5000,  0.0000,  0.5000,  0.3000])
    """

    function = staticmethod(cauchy)
    derivative = staticmethod(cauchy_slope)
    both = staticmethod(cauchy_both)
    partials = staticmethod(cauchy_partials)
    aliases = ("cauchy_xnet",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"lambda1": 1.0, "lambda2": -0.5, "d": 0.6}),
        Example({"lambda1": 0.7, "lambda2": 1.0, "d": 2.0, "channels": 3}),
    )

    def __init__(
        self,
        lambda1: float = 0.01,
        lambda2: float = 0.01,
        d: float = 1.0,
        *,
        channels: int | None = None,
        dim: int = 1,
        lean: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            lambda1=lambda1,
            lambda2=lambda2,
            d=positive(d=d),
            learned=("lambda1", "lambda2", "d"),
            channels=channels,
            dim=dim,
            lean=lean,
            device=device,
            dtype=dtype,
        )

    @property
    def outline(self) -> Outline:
        """With x = d cot(psi) the n-th derivative is zero where cos(phi - (n + 1) psi) is, phi the kernel's angle."""
        odd, even, d = (torch.as_tensor(self.at(name), dtype=torch.float64) for name in ("lambda1", "lambda2", "d"))
        d = d.abs()
        phi = torch.atan2(even / d, odd)

        def zeros(order: int) -> tuple[Number, ...]:
            first = (phi + math.pi / 2).remainder(math.pi)
            angles = [(first + k * math.pi) / order for k in range(order)]
            # At psi = 0 the point is at infinity, where lambda1 is zero: there is one less.
            points = [torch.where(psi.sin() > 1e-15, d * psi.cos() / psi.sin(), 0.0) for psi in angles]
            return tuple(points) if self.channels else tuple(map(float, points))

        return Outline(breaks=zeros(3), turns=zeros(2), left=ZERO, right=ZERO)
