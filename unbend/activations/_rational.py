"""Ratios of polynomials whose coefficients are learned."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of
from unbend.activations._rational_base import VERSIONS, Init, Ratio, RationalBase, fitted


def fit_rational(
    fn: Callable[[Tensor], Tensor],
    degrees: tuple[int, int] = (5, 4),
    interval: tuple[float, float] = (-3.0, 3.0),
    version: str = "A",
) -> Ratio:
    """Coefficients of a ratio that is near to a function on an interval, by greatest error.

    Args:
        fn: elementwise, such as a bend.
        degrees: of numerator and denominator.
        interval: where to be near.
        version: "A", "B", "C" or "N"; with "A" no coefficient below is negative.

    Returns:
        Those of the numerator and of the denominator, from the lowest on: an `init` of `Rational`.

    Examples:
        >>> bend = Rational(init=fit_rational(torch.tanh))
        >>> x = torch.linspace(-3, 3, 7)
        >>> bool((bend(x) - x.tanh()).abs().max() < 2e-6)
        True
    """
    for degree in degrees:
        at_least(0, degrees=degree)
    return fitted(fn, degrees, interval, one_of(VERSIONS, version=version))


class Rational(RationalBase):
    """A ratio of two polynomials, its coefficients learned, in one of four versions of the denominator.

    Formula:
        p = a0 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * (a5)))))
        q = 1 + abs(x) * (abs(b1) + abs(x) * (abs(b2) + abs(x) * (abs(b3) + abs(x) * (abs(b4)))))
        y = p / q

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        degrees: of numerator and denominator.
        version: "A" (above); "B", `q = 1 + |b1 x + ...|`; "C", `q = 0.1 + |b0 + b1 x + ...|`; "N",
            `q = 1 + b1 x + ...`, which may have poles.
        init: name of a bend to be near to on [-3, 3], or the coefficients themselves, (above, below).
        channels: learn coefficients for each channel; None for one set in all.
        dim: the axis of the channels, 1 or -1.
        trainable: whether the coefficients are learned at all.

    Behaviour:
        On the CPU a compiled loop, value and all gradients in one pass each, keeping the input alone; plain operators
        of torch elsewhere and under transformations. Numbers beyond 1 enter as their inverse: nothing overflows that
        need not. Bounds are certain: roots are isolated by exact arithmetic. With poles there are none, and an error.
        Weight decay draws the curve to zero: exempt the coefficients. |.| has slope 0 at 0: a coefficient of version A
        that is exactly 0 stays there.

    Departures:
        Version D, B with noise in training, is `RPAU`. The authors print coefficients for twelve functions; ours other
        than those of leaky ReLU are fitted.

    References:
        Molina, Schramowski, Kersting (2019), Pade Activation Units, arXiv:1907.06732.

    Examples:
        >>> Rational()(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([-0.0092,  0.0336,  1.0008])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"init": "sigmoid"}),
        Example({"degrees": (3, 2), "version": "B", "channels": 3, "init": "silu"}),
        Example({"degrees": (3, 2), "version": "B", "init": ((0.3, 0.8, -0.6, 0.5), (0.9, 0.7))}),
        Example({"version": "C", "dim": -1, "channels": 5}, (2, 7, 5)),
        Example({"degrees": (2, 2), "version": "N", "trainable": False, "init": ((0.2, 0.5, 1.0), (0.1, 0.9))}),
    )


class PAU(RationalBase):
    """Pade activation unit: a ratio of polynomials, with the absolute value of every term in the denominator.

    Formula:
        p = a0 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * a5))))
        q = 1 + abs(b1 * x) + abs(b2 * x**2) + abs(b3 * x**3) + abs(b4 * x**4)
        y = p / q

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        degrees: how far the sums go.
        init: what it is near to at first.
        channels: how many sets of coefficients.
        dim: where those lie, 1 or -1.
        trainable: False keeps the coefficients.

    Behaviour:
        `Rational` in version A. The start is the authors': within 0.12 of leaky ReLU on [-4, 4], with a slope of 0.505
        far out on both sides.

    References:
        Molina, Schramowski, Kersting (2019), Pade Activation Units: End-to-end Learning of Flexible Activation
        Functions in Deep Networks, arXiv:1907.06732.

    Examples:
        >>> PAU((3, 2), init="silu")
        PAU(degrees=(3, 2), init='silu')
    """

    aliases = ("pade", "rational_a")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"init": "gelu"}),
        Example({"degrees": (4, 3), "init": "gelu", "channels": 3}),
    )

    def __init__(
        self,
        degrees: tuple[int, int] = (5, 4),
        init: Init = "leaky_relu",
        *,
        channels: int | None = None,
        dim: int = 1,
        trainable: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            degrees, "A", init, channels=channels, dim=dim, trainable=trainable, device=device, dtype=dtype
        )


class SafePAU(RationalBase):
    """Padé activation unit with one absolute value around the whole sum in the denominator.

    Formula:
        p = a0 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * a5))))
        q = 1 + abs(x * (b1 + x * (b2 + x * (b3 + x * b4))))
        y = p / q

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        degrees: of the two polynomials.
        init: a bend by name, or coefficients.
        channels: None for coefficients in common.
        dim: axis of the channels.
        trainable: whether anything is learned.

    Behaviour:
        `Rational` in version B. It has a kink wherever the inner sum changes its sign, at 0 at least; where no term is
        negative it equals version A.

    References:
        Molina, Schramowski, Kersting (2019), Pade Activation Units, arXiv:1907.06732.

    Examples:
        >>> SafePAU().facts.smooth
        0
    """

    aliases = ("safe_pau_b",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"init": ((0.1, 0.5, 0.9, 0.2), (0.4, 0.8)), "degrees": (3, 2)}),
    )

    def __init__(
        self,
        degrees: tuple[int, int] = (5, 4),
        init: Init = "leaky_relu",
        *,
        channels: int | None = None,
        dim: int = 1,
        trainable: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            degrees, "B", init, channels=channels, dim=dim, trainable=trainable, device=device, dtype=dtype
        )


class RPAU(nn.Module):
    """Randomised Padé activation unit: in training the coefficients of the numerator carry noise.

    Formula:
        y = sum_j a_j u_j x^j / (1 + |sum_k b_k x^k|),  u_j ~ U(1 - spread, 1 + spread) at each call in training

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        degrees: of numerator and denominator.
        init: as for `Rational`.
        spread: of the noise, relative, from 0 to 1.

    Behaviour:
        In evaluation it is the bend `self.bend`, a `Rational` of version B, with all its faces. The noise is drawn once
        for each coefficient and call, from torch's own generator.

    Departures:
        Noise on the numerator alone, as in the authors' code.

    References:
        Molina, Schramowski, Kersting (2019), Pade Activation Units, arXiv:1907.06732.

    Examples:
        >>> RPAU(spread=0.0).train()(torch.tensor([1.0])).detach()
        tensor([1.0008])
    """

    aliases: ClassVar[tuple[str, ...]] = ("rational_d",)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (3, 5, 7)),)

    def __init__(
        self,
        degrees: tuple[int, int] = (5, 4),
        init: Init = "leaky_relu",
        spread: float = 0.1,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= spread <= 1:
            raise ArgumentError.of("spread", spread, "a number from 0 to 1")
        self.degrees, self.init, self.spread = degrees, init, spread
        self.bend = Rational(degrees, "B", init, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The bend, with noise in training."""
        if not self.training or not self.spread:
            return self.bend(x)
        values = self.bend.values(x.ndim, 1, x.dtype)
        count = self.degrees[0] + 1
        noise = 1 + self.spread * (2 * torch.rand(count, dtype=x.dtype, device=x.device) - 1)
        return self.bend.function(x, *(a * u for a, u in zip(values, noise, strict=False)), *values[count:])

    def __repr__(self) -> str:
        return f"RPAU({self.degrees}, {self.init!r}, spread={self.spread})"
