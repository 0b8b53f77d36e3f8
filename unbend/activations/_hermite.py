"""A sum of Hermite polynomials whose coefficients are learned."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.activations._base import Bend, Line, Outline
from unbend.activations._certain_base import together
from unbend.activations._ratio_base import Exact, Piece, outline_of, plus, roots, slope, times, value
from unbend.kernels._ratio import Form, rational, rational_slope

_UNIT = 2.0**-53
# Where a polynomial is so large, the slope of a line beside it is not to be had in float32.
_LARGE = 1e30


def hermite_coefficients(degree: int) -> list[Exact]:
    """`He_n(x) / n!` for n = 0 ... degree, as coefficients of powers of x."""
    found: list[Exact] = [(Fraction(1),), (Fraction(0), Fraction(1))]
    for n in range(1, degree):
        # He_n+1 = x He_n - n He_n-1, all divided by (n + 1)!
        raised = plus(times(found[n], (Fraction(0), Fraction(1))), found[n - 1], -1)
        found.append(tuple(c / (n + 1) for c in raised))
    return found[: degree + 1]


class HermiteActivation(Bend):
    """A polynomial in the basis of Hermite, started so that it keeps the variance of Gaussian inputs.

    Formula:
        y = c0 + c1 * x + c2 * (x * x - 1) / 2 + c3 * x * (x * x - 3) / 6

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        degree: of the polynomial, d >= 1; in general `y = sum_n c_n He_n(x) / n!`.
        clamp: feed it `s * tanh(x / 2)` instead of x, with `s` learned from sqrt(3) on.
        channels: learn coefficients for each channel; None for one set in all.
        dim: the axis of the channels, 1 or -1.

    Behaviour:
        Starts at c_0 = sqrt((1 - 1/d!) / e) and c_n = 1 / sqrt(e): then E f(Z)^2 = (1 - 1/d! + sum_n 1/n!) / e tends to
        1 for Z ~ N(0, 1), and so does E f'(Z)^2. The slope is the same sum with one term less. A network of L layers is
        a polynomial of degree d^L: without `clamp` it leaves the numbers soon. On the CPU a compiled loop, keeping the
        input alone; with `clamp` two operators of torch, and one tensor more.

    Departures:
        The polynomial is expanded in powers of x for Horner's rule, which is accurate for small degrees.

    References:
        Khalfaoui-Hassani, Kesselheim (2025), Polynomial, trigonometric, and tropical activations, arXiv:2502.01247.

    Examples:
        >>> HermiteActivation()(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([0.1493, 0.2504, 0.9580])
    """

    aliases = ("hermite", "hermite_act")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, (2, 5, 11), largest=1e10),
        Example({"degree": 4, "clamp": True}),
    )

    def __init__(
        self,
        degree: int = 3,
        clamp: bool = False,
        *,
        channels: int | None = None,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.degree, self.clamp = at_least(1, degree=degree), clamp
        if degree > 20:
            raise ArgumentError.of("degree", degree, "at most 20", "Powers of x are not accurate beyond")
        size = math.exp(-0.5)
        values: dict[str, Any] = {f"c{n}": size for n in range(degree + 1)}
        values["c0"] = size * math.sqrt(1 - 1 / math.factorial(degree))
        values |= {"s": math.sqrt(3)} if clamp else {}
        super().__init__(learned=tuple(values), channels=channels, dim=dim, device=device, dtype=dtype, **values)
        # The loop keeps its input only; with the hyperbolic tangent before it there is something left to save.
        vars(self)["native"] = not clamp
        self.powers = hermite_coefficients(degree)
        if degree != 3 or clamp:
            self.__doc__ = f"A sum of Hermite polynomials.\n\nFormula:\n{self._lines()}\n"

    @property
    def interval(self) -> tuple[float, float]:
        """Where `fit_activation` fits it."""
        return -math.sqrt(self.degree), math.sqrt(self.degree)

    def function(self, x: Tensor, *values: Any) -> Tensor:
        """The sum at every element of `x`."""
        x = values[-1] * torch.tanh(x / 2) if self.clamp else x
        return rational(x, self._by_powers(values), (), Form())

    def derivative(self, x: Tensor, *values: Any) -> Tensor:
        """The slope of the sum."""
        powers = self._by_powers(values)
        if not self.clamp:
            return rational_slope(x, powers, (), Form())
        small = torch.tanh(x / 2)
        return rational_slope(values[-1] * small, powers, (), Form()) * values[-1] * (1 - small) * (1 + small) / 2

    def _by_powers(self, values: Any) -> list[Any]:
        """The coefficients of the powers of x."""
        return [
            sum(float(he[j]) * c for he, c in zip(self.powers, values, strict=False) if j < len(he) and he[j])
            for j in range(self.degree + 1)
        ]

    @property
    def outline(self) -> Outline:
        """From the real roots of the first and second derivative."""
        each = torch.stack([torch.as_tensor(self.at(name), dtype=torch.float64).reshape(-1) for name in self.start], 1)
        found = [self._outline(row) for row in each.tolist()]
        return found[0] if self.channels is None else together(found)

    def _outline(self, values: list[float]) -> Outline:
        over: Exact = (Fraction(0),)
        for c, he in zip(values, self.powers, strict=False):
            over = plus(over, times((Fraction(c),), he))
        if not self.clamp:
            whole = outline_of((Piece(-math.inf, math.inf, over, (Fraction(1),)),), 1.0)
            return whole if len(over) < 3 else _reaching(whole, over)
        s = Fraction(values[-1])
        first, second = slope(over), slope(slope(over))
        bend = plus(times(second, (s * s, Fraction(0), Fraction(-1))), times(first, (Fraction(0), Fraction(2))), -1)
        turns, breaks = (
            tuple(sorted(2 * math.atanh(u / float(s)) for u in roots(c) if abs(u) < abs(s))) for c in (first, bend)
        )
        terms = sum((1 + j) * abs(c) * abs(s) ** j for j, c in enumerate(over))
        left, right = (Line(0.0, float(value(over, side * s))) for side in (-1, 1))
        return Outline(breaks, turns, left, right, slack=64 * _UNIT * (1 + float(terms)))

    def _lines(self) -> str:
        """The formula, in powers of what is fed in."""
        terms = [
            f"c{n} * ({' + '.join(f'{float(c)!r} * u**{j}' for j, c in enumerate(he) if c)})"
            for n, he in enumerate(self.powers)
        ]
        inner = "s * tanh(x / 2)" if self.clamp else "x"
        return f"    u = {inner}\n    y = {' + '.join(terms)}"


def _reaching(whole: Outline, over: Exact) -> Outline:
    """The same outline as far as lines can follow; beyond the last turn the values at the ends are the bounds."""
    size = max(float(abs(c)) for c in over)
    far = max([(_LARGE / size) ** (1 / (len(over) - 1)), *map(abs, map(float, (*whole.turns, *whole.breaks)))])

    def beyond(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        ends = torch.stack([_polynomial(over, low), _polynomial(over, high)])
        least, most = ends.amin(0), ends.amax(0)
        return least - whole.slack * (1 + least.abs()), most + whole.slack * (1 + most.abs())

    return replace(whole, reach=far, beyond=beyond)


def _polynomial(over: Exact, x: Tensor) -> Tensor:
    total = torch.full_like(x, float(over[-1]))
    for c in over[-2::-1]:
        total = total * x + float(c)
    return total
