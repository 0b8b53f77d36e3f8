"""The outline of a formula: its shape from interval arithmetic, its tails from high-precision arithmetic."""

import ast
import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from unbend._errors import UnbendError
from unbend._later import Later
from unbend.activations._jet_base import Enclosure
from unbend.activations._outline_base import Line, Number, Outline
from unbend.activations._solver_base import REACH, Shape, shape_of

# Untyped throughout, and a fifth of a second to import.
mp: Any = Later("mpmath", "mp")

Enclose = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Values = tuple[tuple[str, float], ...]

_DIGITS = 200
_FAR = (40, 60, 50)  # powers of ten: a line through two looks at a tail must hold the third
# A formula chains more roundings than a bend that is written by hand.
_SLACK = 2.0**-44
_UNKNOWN = Shape((), (), math.inf)


def outline_of(formula: str, parameters: Mapping[str, Number]) -> Outline:
    """The outline of an expression in x.

    Args:
        formula: such as `x * sigmoid(b * x)`.
        parameters: their values as they stand: numbers, or tensors of one number per channel.
    """
    channels = max((len(value) for value in parameters.values() if isinstance(value, Tensor)), default=0)
    if not channels:
        return _outline(formula, tuple((name, float(value)) for name, value in parameters.items()))
    return together(
        [
            _outline(formula, tuple((n, float(v[i] if isinstance(v, Tensor) else v)) for n, v in parameters.items()))
            for i in range(channels)
        ]
    )


@lru_cache(maxsize=4096)
def _outline(formula: str, parameters: Values) -> Outline:
    try:
        shape, reach = shape_of(formula, parameters), REACH
    except UnbendError:
        # The formula cancels: plain interval arithmetic everywhere, which is sound all the same.
        shape, reach = _UNKNOWN, 0.0
    tails = [tail_of(formula, parameters, side) for side in (-1, 1)]
    values, slopes = (partial(beyond, formula, parameters, part) for part in ("value", "slope"))
    return Outline(
        shape.breaks,
        shape.turns,
        *tails,
        smooth=shape.smooth,
        reach=reach,
        slack=_SLACK,
        beyond=values,
        beyond_slope=slopes,
    )


def together(each: list[Outline]) -> Outline:
    """One outline with a number for each channel; those with fewer points repeat their last."""

    def points(lists: list[tuple[Number, ...]]) -> tuple[Number, ...]:
        longest = max(map(len, lists))
        rows = [[*row, *[row[-1] if row else 0.0] * (longest - len(row))] for row in lists]
        return tuple(torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True))

    def tail(lines: list[Line | None]) -> Line | None:
        known = [line for line in lines if line]
        if len(known) < len(lines):
            return None
        slope, offset = (
            torch.tensor([float(getattr(line, n)) for line in known], dtype=torch.float64) for n in ("slope", "offset")
        )
        return Line(slope, offset)

    def hull(encloses: list[Enclose | None]) -> Enclose | None:
        known = [enclose for enclose in encloses if enclose]

        def of_all(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
            lows, highs = zip(*(enclose(low, high) for enclose in known), strict=True)
            return torch.stack(lows).amin(0), torch.stack(highs).amax(0)

        return of_all if known else None

    return Outline(
        points([outline.breaks for outline in each]),
        points([outline.turns for outline in each]),
        tail([outline.left for outline in each]),
        tail([outline.right for outline in each]),
        smooth=min(outline.smooth for outline in each),
        reach=min(outline.reach for outline in each),
        slack=max(outline.slack for outline in each),
        beyond=hull([outline.beyond for outline in each]),
        beyond_slope=hull([outline.beyond_slope for outline in each]),
    )


def beyond(
    formula: str, parameters: Values, part: Literal["value", "slope"], low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor]:
    """Enclosure of the values or slopes on `[low, high]` by plain interval arithmetic: sound, not tight."""
    ends = np.stack([end.detach().cpu().numpy().ravel() for end in (low, high)])
    found = Enclosure(ast.parse(formula, mode="eval").body, dict(parameters), ends).jet
    found = found.value if part == "value" else found.slope
    least, most = (torch.as_tensor(part, dtype=low.dtype).view_as(low) for part in found)
    return least, most


@lru_cache(maxsize=8192)
def tail_of(formula: str, parameters: Values, side: int) -> Line | None:
    """The line that the expression tends to at `side` times infinity; None where there is no such line.

    Three looks, between 1e40 and 1e60 with 200 digits, must agree to more than float64 can tell.
    """
    with mp.workdps(_DIGITS):
        x, y, z = (side * mp.mpf(10) ** power for power in _FAR)
        try:
            first, second, third = (_mp(formula, parameters, t) for t in (x, y, z))
        except (ArithmeticError, ValueError, TypeError):
            return None  # not defined out there, or complex
        near, far, slope = first / x, second / y, (second - first) / (y - x)
        slope = slope if abs(slope) > 1e-30 else mp.mpf(0)
        if abs(far) > 10**1000 or (abs(far) > 2 * abs(near) and abs(far) > 10**6):
            return Line(float(mp.sign(far)) * math.inf)
        if abs(slope - near) <= mp.mpf(10) ** -18 * abs(slope) + mp.mpf(10) ** -30:
            offsets = [third - slope * z, second - slope * y]
            if abs(offsets[0] - offsets[1]) <= mp.mpf(10) ** -18 * (1 + abs(offsets[1])):
                return Line(*(float(number) if abs(number) > 1e-30 else 0.0 for number in (slope, offsets[1])))
        if abs(second) > abs(first) + 10 and abs(far) < abs(near) / 10**5:
            return Line(0.0, float(mp.sign(second)) * math.inf)
        return None


def _mp(formula: str, parameters: Values, x: Any) -> Any:
    values = {name: mp.mpf(value) for name, value in parameters}
    known = {**_FUNCTIONS, **{name: getattr(mp, name) for name in _OWN}, **values}
    return mp.mpf(eval(compile(formula, "<formula>", "eval"), {**known, "x": x, "__builtins__": {}}))


def _exp(t: Any) -> Any:
    # Beyond a million the exponential is as good as zero or infinite; mpmath would fill the memory with its digits.
    return mp.exp(max(min(t, 10**6), -(10**6)))


def _sigmoid(t: Any) -> Any:
    return 1 / (1 + _exp(-t))


def _softplus(t: Any) -> Any:
    return t + mp.log1p(_exp(-t)) if t > 0 else mp.log1p(_exp(t))


def _tanh(t: Any) -> Any:
    return mp.sign(t) * (1 - 2 * _sigmoid(-2 * abs(t)))


def _clip(t: Any, least: Any, most: Any) -> Any:
    return min(max(t, least), most)


def _where(test: Any, yes: Any, no: Any) -> Any:
    return yes if test else no


_UNARY: dict[str, Callable[[Any], Any]] = {
    "expm1": lambda t: mp.expm1(t) if abs(t) < 1 else _exp(t) - 1,
    "sinh": lambda t: (_exp(t) - _exp(-t)) / 2,
    "cosh": lambda t: (_exp(t) + _exp(-t)) / 2,
    "sech": lambda t: 2 / (_exp(t) + _exp(-t)),
    "logcosh": lambda t: abs(t) + mp.log1p(_exp(-2 * abs(t))) - mp.log(2),
    "erf": lambda t: mp.erf(max(min(t, 1000), -1000)),
    "Phi": lambda t: mp.erfc(max(min(-t, 1000), -1000) / mp.sqrt(2)) / 2,
    "sinc": lambda t: mp.sin(t) / t,
    "isru": lambda t: t / mp.hypot(t, 1),
    "relu": lambda t: max(t, mp.mpf(0)),
}

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **_UNARY,
    "exp": _exp,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "tanh": _tanh,
    "clip": _clip,
    "maximum": max,
    "minimum": min,
    "where": _where,
    "abs": abs,
}
# mpmath's under the same name.
_OWN = ("log", "log1p", "sqrt", "sin", "cos", "asin", "atan", "asinh", "hypot", "sign", "gamma", "pi", "e")
