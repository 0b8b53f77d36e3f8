"""Greatest of lines: polynomials where a sum is a maximum and a product a sum, and their differences."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend._errors import at_least
from unbend.activations._base import Bend, Line, Outline
from unbend.activations._certain_base import together

# Beside a kink, which is rounded, the code may take the wrong side.
_BLUR = 2.0**-46
_SLACK = 2.0**-47
_FAR = 2.0**16


def _greatest(x: Tensor, slopes: Sequence[Any], offsets: Sequence[Any]) -> Tensor:
    best = slopes[0] * x + offsets[0]
    for slope, offset in zip(slopes[1:], offsets[1:], strict=True):
        best = torch.maximum(best, slope * x + offset)
    return best


def kinks(slopes: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """Where two of the lines meet and none is above; each kink with a neighbour on either side."""
    found: set[float] = set()
    for (s, a), (t, b) in combinations(zip(slopes, offsets, strict=True), 2):
        if s == t:
            continue
        x = (a - b) / (t - s)
        top = max(k * x + c for k, c in zip(slopes, offsets, strict=True))
        if math.isfinite(x) and s * x + a >= top - _BLUR * (1 + abs(top)):
            found.add(x + 0.0)
    return sorted(y for x in found for y in (x - _BLUR * (1 + abs(x)), x, x + _BLUR * (1 + abs(x))))


def _outermost(slopes: Sequence[float], offsets: Sequence[float], side: int) -> tuple[float, float]:
    """The line that is greatest far out on a side."""
    slope, offset = max(zip((side * s for s in slopes), offsets, strict=True))
    return side * slope, offset


class TropicalActivation(Bend):
    """The greatest of d + 1 lines with slopes 0 to sqrt(2), whose offsets are learned: convex, rising, with kinks.

    Formula:
        low = maximum(maximum(c0, x + c1), maximum(2 * x + c2, 3 * x + c3))
        y = sqrt(2) / 6 * maximum(low, maximum(maximum(4 * x + c4, 5 * x + c5), 6 * x + c6))

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        degree: d >= 1; in general `y = sqrt(2) / d * max_k(k x + c_k)`, k = 0 ... d.
        channels: learn offsets for each channel; None for one set in all.
        dim: the axis of the channels, 1 or -1.

    Behaviour:
        All offsets start at 1: `sqrt(2) * relu(x) + sqrt(2) / d`. An offset learns only from inputs where its line is
        the greatest; of equal lines each learns a share.

    References:
        Khalfaoui-Hassani, Kesselheim (2025), Polynomial, trigonometric, and tropical activations, arXiv:2502.01247.

    Examples:
        >>> TropicalActivation()(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([0.2357, 0.2357, 1.6499])
    """

    aliases = ("tropical", "tropical_act")
    examples: ClassVar[tuple[Example, ...]] = (Example({"degree": 1}), Example({"degree": 2, "channels": 3}))

    def __init__(
        self,
        degree: int = 6,
        *,
        channels: int | None = None,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.degree = at_least(1, degree=degree)
        values: dict[str, Any] = {f"c{k}": 1.0 for k in range(degree + 1)}
        super().__init__(learned=tuple(values), channels=channels, dim=dim, device=device, dtype=dtype, **values)
        if degree != 6:
            lines = [f"{k} * x + c{k}" for k in range(degree + 1)]
            self.__doc__ = f"Greatest of lines.\n\nFormula:\n    y = sqrt(2) / {degree} * {_nested(lines)}\n"

    @property
    def interval(self) -> tuple[float, float]:
        """Where `fit_activation` fits it."""
        return -float(self.degree), float(self.degree)

    def function(self, x: Tensor, *values: Any) -> Tensor:
        """The greatest line at every element of `x`."""
        return math.sqrt(2) / self.degree * _greatest(x, range(self.degree + 1), values)

    @property
    def outline(self) -> Outline:
        """Kinks where lines meet, and the outermost lines."""
        scale, slopes = math.sqrt(2) / self.degree, [float(k) for k in range(self.degree + 1)]
        found = [
            Outline(
                breaks=tuple(kinks(slopes, row)),
                left=Line(0.0, scale * row[0]),
                right=Line(math.sqrt(2), scale * row[-1]),
                smooth=0,
                slack=_SLACK * (1 + max(map(abs, row))),
            )
            for row in _rows(self)
        ]
        return found[0] if self.channels is None else together(found)


class TropicalRationalActivation(Bend):
    """The difference of two greatest lines, all slopes and offsets learned: any curve of straight pieces.

    Formula:
        y = maximum(p0 * x + a0, p1 * x + a1) - maximum(q0 * x + b0, q1 * x + b1)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        degree: one less than the number of lines in either part; above it is 1.
        channels: learn lines for each channel; None for one set in all.
        dim: the axis of the channels, 1 or -1.

    Behaviour:
        Meant to be fitted: `fit_activation(TropicalRationalActivation(), torch.nn.GELU())`. All numbers start from
        N(0, 1), drawn when it is built; `reset_parameters` goes back to these.

    References:
        Khalfaoui-Hassani, Kesselheim (2025), Polynomial, trigonometric, and tropical activations, arXiv:2502.01247.

    Examples:
        >>> sum(p.numel() for p in TropicalRationalActivation(2).parameters())
        12
    """

    aliases = ("tropical_rational", "tropical_rational_act")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"degree": 1}),
        Example({"degree": 2, "channels": 3}, (4, 3, 5)),
    )

    def __init__(
        self,
        degree: int = 6,
        *,
        channels: int | None = None,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.degree = at_least(1, degree=degree)
        count = degree + 1
        names = [f"{letter}{k}" for letter in "paqb" for k in range(count)]
        values: dict[str, Any] = dict(zip(names, torch.randn(4 * count, device="cpu").tolist(), strict=True))
        super().__init__(learned=tuple(values), channels=channels, dim=dim, device=device, dtype=dtype, **values)
        if degree != 1:
            parts = [_nested([f"{s}{k} * x + {c}{k}" for k in range(count)]) for s, c in ("pa", "qb")]
            self.__doc__ = f"A difference of greatest lines.\n\nFormula:\n    y = {parts[0]} - {parts[1]}\n"

    @property
    def interval(self) -> tuple[float, float]:
        """Where `fit_activation` fits it."""
        return -float(self.degree), float(self.degree)

    def function(self, x: Tensor, *values: Any) -> Tensor:
        """The difference at every element of `x`."""
        p, a, q, b = self._parts(values)
        return _greatest(x, p, a) - _greatest(x, q, b)

    @property
    def outline(self) -> Outline:
        """The kinks of both parts, where the value may turn, and the outermost lines."""
        found = [self._outline(row) for row in _rows(self)]
        return found[0] if self.channels is None else together(found)

    def _parts(self, values: Sequence[Any]) -> list[Sequence[Any]]:
        count = self.degree + 1
        return [values[i * count : (i + 1) * count] for i in range(4)]

    def _outline(self, row: list[float]) -> Outline:
        p, a, q, b = self._parts(row)
        points = tuple(sorted(kinks(p, a) + kinks(q, b)))
        ends = [[_outermost(*part, side) for part in ((p, a), (q, b))] for side in (-1, 1)]
        left, right = ((top[0] - low[0], top[1] - low[1]) for top, low in ends)
        size = 1 + max(map(abs, (*p, *q))) + max(map(abs, (*a, *b)))
        far, least = max([1.0, *map(abs, points)]), min(abs(left[0]), abs(right[0]))
        # Far out the two parts may be large and near to each other: their difference is no better than their sizes.
        tame = least * _FAR >= size
        reach = math.inf if tame else far * _FAR
        return Outline(
            points,
            points,
            Line(*left),
            Line(*right),
            smooth=0 if points else math.inf,
            reach=reach,
            slack=_SLACK * size * (far + (size / least if tame else reach)),
            beyond=None if tame else _anything,
        )


def _anything(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds where nothing is promised."""
    return torch.full_like(low, -math.inf), torch.full_like(high, math.inf)


def _rows(made: Bend) -> list[list[float]]:
    """The values of the parameters, one list for each channel."""
    values = [torch.as_tensor(made.at(name), dtype=torch.float64).reshape(-1) for name in made.start]
    return torch.stack(values, 1).tolist()


def _nested(terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else f"maximum({terms[0]}, {_nested(terms[1:])})"
