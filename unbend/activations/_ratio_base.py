"""The outline of a curve made of ratios of polynomials, exact: the roots that it rests on are isolated exactly."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from unbend._errors import UnbendError
from unbend.activations._outline_base import Line, Outline

Exact = tuple[Fraction, ...]
Array = NDArray[np.float64]

_UNIT = 2.0**-53
_CELLS = 64  # to an octave, where the rounding of the code is bounded
_NEAR = -12  # octaves: within 2^-12 of zero is one cell


@dataclass(frozen=True)
class Piece:
    """`over(x) / under(x)` from `low` to `high`, coefficients from the lowest on; `under` is positive there."""

    low: float
    high: float
    over: Exact
    under: Exact


def exact(numbers: Sequence[float]) -> Exact:
    """The floats as the rational numbers that they are, without leading zeros."""
    return trimmed([Fraction(float(number)) for number in numbers])


def trimmed(c: Sequence[Fraction]) -> Exact:
    """Coefficients without leading zeros; those of zero are (0,)."""
    last = max((i for i, number in enumerate(c) if number), default=0)
    return tuple(c[: last + 1]) or (Fraction(0),)


def plus(a: Exact, b: Exact, factor: int = 1) -> Exact:
    """`a + factor * b`."""
    size = max(len(a), len(b))
    left, right = (c + (Fraction(0),) * (size - len(c)) for c in (a, b))
    return trimmed([x + factor * y for x, y in zip(left, right, strict=True)])


def times(a: Exact, b: Exact) -> Exact:
    """The product of two polynomials."""
    out = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] += x * y
    return trimmed(out)


def slope(a: Exact) -> Exact:
    """The derivative of a polynomial."""
    return trimmed([k * number for k, number in enumerate(a)][1:] or [Fraction(0)])


def value(a: Exact, x: Fraction) -> Fraction:
    """A polynomial at `x`."""
    total = Fraction(0)
    for number in reversed(a):
        total = total * x + number
    return total


@lru_cache(maxsize=4096)
def roots(a: Exact) -> tuple[float, ...]:
    """The real roots of a polynomial, each once, to the last bit; none of zero.

    They are told apart by exact arithmetic, so that none is missed.
    """
    if len(a) < 2:
        return ()
    sympy: Any = import_module("sympy")  # half a second, which who only wants a bend need not wait
    polynomial = sympy.Poly.from_list(
        [sympy.Rational(number.numerator, number.denominator) for number in reversed(a)], sympy.Symbol("x")
    )
    plain = polynomial.sqf_part()
    coefficients = exact_of(plain)
    found = [tuple(Fraction(int(end.p), int(end.q)) for end in ends) for ends, _ in plain.intervals()]
    return tuple(sorted(_closed_in(coefficients, low, high) for low, high in found))


def exact_of(polynomial: Any) -> Exact:
    """The coefficients of a polynomial of sympy."""
    return tuple(Fraction(int(c.p), int(c.q)) for c in reversed(polynomial.all_coeffs()))


def _closed_in(a: Exact, low: Fraction, high: Fraction) -> float:
    """The one root between low and high, by halving among the floats with exact signs."""
    if low == high:
        return float(low)
    # An end may be another root; just inside, the sign is then that of the slope.
    start, left, right = (value(a, low) or value(slope(a), low)) > 0, float(low), float(high)
    while True:
        middle = left + (right - left) / 2
        if middle in (left, right):
            return middle
        at = Fraction(middle)
        before = at <= low or (at < high and (value(a, at) > 0) == start)
        left, right = (middle, right) if before else (left, middle)


@lru_cache(maxsize=1024)
def outline_of(pieces: tuple[Piece, ...], least: float, terms: tuple[Exact, Exact] | None = None) -> Outline:
    """The outline of pieces side by side, from minus to plus infinity, that meet.

    Args:
        pieces: of equal numerators.
        least: what the denominators do not fall below.
        terms: absolute terms, as polynomials in |x|, of numerator and denominator as the code adds them up; those of
            the pieces by default.
    """
    seams = [(a, b) for a, b in pairwise(pieces) if a.under != b.under]
    turns = {a.high for a, _ in seams}
    breaks = turns | {a.high + side * _blur(a, b) for a, b in seams for side in (-1, 1) if a.high}
    for piece in pieces:
        first = plus(times(slope(piece.over), piece.under), times(piece.over, slope(piece.under)), -1)
        second = plus(times(slope(first), piece.under), times(first, slope(piece.under)), -2)
        turns |= {x for x in roots(first) if piece.low <= x <= piece.high}
        breaks |= {x for x in roots(second) if piece.low <= x <= piece.high}
    return Outline(
        breaks=tuple(sorted(breaks)),
        turns=tuple(sorted(turns)),
        left=_tail(pieces[0], -1),
        right=_tail(pieces[-1], 1),
        smooth=min((_smooth(a, b) for a, b in seams), default=math.inf),
        slack=max(_slack(piece, least, terms or (piece.over, piece.under)) for piece in pieces),
    )


def _blur(a: Piece, b: Piece) -> float:
    """How far from a seam, a rounded root, the code may still take the wrong side."""
    step, at = plus(b.under, a.under, -1), abs(Fraction(a.high))
    terms, steep = value(tuple(map(abs, step)), at), abs(value(slope(step), Fraction(a.high)))
    return 64 * _UNIT * (float(terms / steep) if steep else 0.0) + 4 * math.ulp(a.high)


def _smooth(a: Piece, b: Piece) -> float:
    """How many derivatives are continuous where two pieces meet: the order of contact of their denominators, less 1."""
    if a.high != 0:  # a seam elsewhere is a simple root, and rounded
        return 0
    first = [next((i for i, n in enumerate(c) if n), math.inf) for c in (a.over, plus(b.under, a.under, -1))]
    return sum(first) - 1


def _tail(piece: Piece, side: int) -> Line:
    """The line that a piece tends to."""
    over, under = list(piece.over), list(piece.under)
    degree = len(over) - len(under)
    lead = over[-1] / under[-1]
    if degree > 1:
        return Line(math.inf * (1 if (lead > 0) == (side > 0 or degree % 2 == 1) else -1))
    if degree == 1:
        last = under[-2] if len(under) > 1 else Fraction(0)
        return Line(float(lead), float(((Fraction(0), *over)[-2] - lead * last) / under[-1]))
    return Line(0.0, float(lead) if degree == 0 else 0.0)


def _slack(piece: Piece, least: float, terms: tuple[Exact, Exact]) -> float:
    """A bound of the rounding of the code, relative to 1 + |value|, from the sums of absolute terms.

    It is `(S / Q + |F| T / Q) / (1 + |F|)` roundings, with S and T the absolute terms of numerator P and denominator
    Q. Cells cover the numbers up to where the leading terms prevail; beyond, the same holds with twice those.
    """
    p, q, s, t = (np.array([float(n) for n in c]) for c in (piece.over, piece.under, *terms))
    far = max(_NEAR + 1.0, *(math.log2(_prevails(c)) for c in (p, q, s, t)))
    edges = np.concatenate([[0.0], 2.0 ** np.linspace(_NEAR, far, int(_CELLS * (far - _NEAR)) + 2)])
    size = 1.0
    for side, there in ((-1.0, piece.low < 0), (1.0, piece.high > 0)):
        if there:
            low, high, middle = edges[:-1], edges[1:], side * (edges[:-1] + edges[1:]) / 2
            below, above = np.maximum(_least(q, middle, high, low), least), _at(np.abs(q), high)
            curve = _least(p, middle, high, low) / above
            size = max(size, float((_at(np.abs(s), high) / (below * (1 + curve))).max()))
            size = max(size, float((_at(np.abs(t), high) / below).max()))
    lead = max(float(abs(top[-1] / c[-1])) for top, c in ((s, p), (t, q)) if c[-1])
    return (4 * (len(p) + len(q)) + 16) * _UNIT * 2 * max(size, lead)


def _prevails(c: Array) -> float:
    """Beyond it the leading term of a polynomial is three times as large as the others together."""
    order = np.arange(len(c) - 1, 0, -1)
    return 4 * float(max(np.abs(c[:-1] / c[-1]) ** (1 / order), default=0.0)) + 2.0**_NEAR if c[-1] else 2.0**_NEAR


def _at(c: Array, x: Array) -> Array:
    return cast(Array, np.polynomial.polynomial.polyval(x, c))


def _least(c: Array, middle: Array, high: Array, low: Array) -> Array:
    """What |c(x)| does not fall below in a cell."""
    steep = _at(np.abs(c[1:]) * np.arange(1.0, len(c)), high) if len(c) > 1 else np.zeros_like(high)
    return np.maximum(np.abs(_at(c, middle)) - steep * (high - low) / 2, 0.0)


def pieces_of(seams: Sequence[float], over: Exact, under: Callable[[Fraction], Exact]) -> tuple[Piece, ...]:
    """Pieces between the seams; `under(x)` is the denominator of the piece in which x lies."""
    edges = [-math.inf, *sorted(set(seams)), math.inf]
    found: list[Piece] = []
    for low, high in pairwise(edges):
        ends = [end for end in (low, high) if math.isfinite(end)]
        inside = sum(map(Fraction, ends)) / max(1, len(ends))
        inside += (low == -math.inf and high < math.inf) * -1 or (high == math.inf and low > -math.inf) * 1
        found.append(Piece(low, high, over, under(Fraction(inside))))
    return tuple(found)


def refuse_poles(under: Exact) -> None:
    """Raise where a denominator has a real root."""
    if poles := roots(under):
        places = ", ".join(f"{x:.6g}" for x in poles)
        raise UnbendError(f"the denominator is zero at {places}: the curve has no bounds; the safe versions have")
