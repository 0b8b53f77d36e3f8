"""Interval arithmetic on a formula: sound enclosures of its value, slope and curvature on whole intervals at once.

An interval is an array `(2, n)` of n lower and n upper ends. A `Jet` holds three of them: the enclosures of f, f' and
f'' on each of n intervals of x. Every operation rounds outward, and trusts NumPy's and SciPy's functions to `_ULP`.
"""

import ast
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unbend._errors import ArgumentError
from unbend.activations._primitives_base import DOMAINS, PRIMITIVES, Interval, Scalar, Turning, special

_ULP = 2.0**-50
_TINY = 5e-324


class Jet(NamedTuple):
    """Enclosures of a function, its slope and its curvature on n intervals of x."""

    value: Interval
    slope: Interval
    curve: Interval


class Enclosure:
    """The jet of a formula on intervals, and which branch every `where`, `abs` or `relu` took there.

    Args:
        expression: the parsed expression in `x` and the parameters.
        parameters: their values.
        x: the intervals, `(2, n)`.
    """

    def __init__(self, expression: ast.expr, parameters: Mapping[str, float], x: Interval) -> None:
        self.parameters, self.count = parameters, x.shape[1]
        self.split = np.zeros(self.count, bool)
        """Where some branch is not decided on the whole interval."""
        self.branches: list[NDArray[np.int8]] = []
        self._x = Jet(x, _fixed(1.0, self.count), _fixed(0.0, self.count))
        with np.errstate(all="ignore"):
            self.jet = self._visit(expression)

    def _visit(self, node: ast.expr) -> Jet:
        if not depends(node):
            value = constant(node, self.parameters)
            return Jet(*(_fixed(v, self.count) for v in (value, 0.0, 0.0)))
        match node:
            case ast.Name():
                return self._x
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Jet(*map(_neg, self._visit(operand)))
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(left, right)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return Jet(*map(_add, self._visit(left), self._visit(right)))
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return Jet(*map(_add, self._visit(left), map(_neg, self._visit(right))))
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return _product(self._visit(left), self._visit(right))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return _product(self._visit(left), _to_power(self._visit(right), -1.0))
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args)
            case _:
                raise ArgumentError.of("formula", ast.unparse(node), "arithmetic in x")

    def _power(self, left: ast.expr, right: ast.expr) -> Jet:
        if not depends(right):
            return _to_power(self._visit(left), constant(right, self.parameters))
        log = math.log(constant(left, self.parameters))
        return self._apply("exp", Jet(*(_mul(_fixed(log, self.count), part) for part in self._visit(right))))

    def _call(self, name: str, args: list[ast.expr]) -> Jet:
        if name == "where":
            return self._where(*args)
        first = self._visit(args[0])
        if name in ("relu", "abs", "sign"):
            low, high = first.value
            yes = {"sign": self._number(1.0)}.get(name, first)
            no = {"relu": self._number(0.0), "sign": self._number(-1.0)}.get(name, Jet(*map(_neg, first)))
            return self._choose(low >= 0, high <= 0, yes, no)
        if name in ("maximum", "minimum"):
            second = self._visit(args[1])
            a, b = (first, second) if name == "maximum" else (second, first)
            low, high = _add(first.value, _neg(second.value))
            return self._choose(low >= 0, high <= 0, a, b)
        if name == "clip":
            least, most = (constant(arg, self.parameters) for arg in args[1:])
            first = self._choose(first.value[0] >= least, first.value[1] <= least, first, self._number(least))
            return self._choose(first.value[1] <= most, first.value[0] >= most, first, self._number(most))
        if name == "hypot":
            return _hypot(first, constant(args[1], self.parameters))
        if name == "sinc":
            return _sinc(first)
        if name in ("sin", "cos"):
            turn = int(name == "cos")
            return _compose((_wave(turn + k, first.value) for k in range(3)), first)
        return self._apply(name, first)

    def _apply(self, name: str, u: Jet) -> Jet:
        if name not in PRIMITIVES:
            raise ArgumentError.of("formula", name, f"one of {', '.join(PRIMITIVES)}")
        domain = DOMAINS.get(name)
        if domain is not None:
            u = u._replace(value=np.clip(u.value, *domain))
        return _compose((_range(f, turns, u.value) for f, turns in PRIMITIVES[name]), u)

    def _where(self, test: ast.expr, yes: ast.expr, no: ast.expr) -> Jet:
        if not depends(test):
            return self._visit(yes if constant(test, self.parameters) else no)
        if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
            raise ArgumentError.of("formula", ast.unparse(test), "one comparison")
        above = isinstance(test.ops[0], ast.Gt | ast.GtE)
        low, high = _add(self._visit(test.left).value, _neg(self._visit(test.comparators[0]).value))
        at = threshold(test, self.parameters)
        if at is not None:
            low, high = self._x.value - at
        holds, fails = (low >= 0, high <= 0) if above else (high <= 0, low >= 0)
        return self._choose(holds, fails, self._side(yes, at, above, fails), self._side(no, at, not above, holds))

    def _side(self, node: ast.expr, at: float | None, above: bool, unused: NDArray[np.bool_]) -> Jet:
        """One branch of a `where`, on the part of every interval where it is taken."""
        whole, split = self._x, self.split
        self.split = np.zeros(self.count, bool)
        if at is not None:
            part = np.maximum(whole.value, at) if above else np.minimum(whole.value, at)
            self._x = whole._replace(value=part)
        jet = self._visit(node)
        self._x, self.split = whole, split | (self.split & ~unused)
        return jet

    def _choose(self, yes: NDArray[np.bool_], no: NDArray[np.bool_], a: Jet, b: Jet, branch: bool = False) -> Jet:
        self.split |= ~(yes | no)
        self.branches.append(np.where(yes, 1, np.where(no, 0, 2)).astype(np.int8))
        return Jet(*(np.where(yes, p, np.where(no, q, _hull(p, q))) for p, q in zip(a, b)))

    def _number(self, value: float) -> Jet:
        return Jet(*(_fixed(v, self.count) for v in (value, 0.0, 0.0)))


def depends(node: ast.AST, name: str = "x") -> bool:
    """Whether `x` occurs in the expression."""
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))


def constant(node: ast.expr, parameters: Mapping[str, float]) -> float:
    """The value of an expression without x; the tree is checked by `Formula`, and sees these names only."""
    names = {**_CONSTANTS, **parameters, "__builtins__": {}}
    return float(eval(compile(ast.Expression(node), "<formula>", "eval"), names))


def threshold(test: ast.expr, parameters: Mapping[str, float]) -> float | None:
    """The number that a comparison holds x itself against; None for any other comparison."""
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and not depends(test.comparators[0]):
        return constant(test.comparators[0], parameters)
    return None


def _fixed(value: float, count: int) -> Interval:
    return np.full((2, count), value)


def _outward(low: Interval, high: Interval) -> Interval:
    # A bound that is exactly zero comes from an exact operation or an empty factor, and stays.
    low = np.where(low == 0, low, low - np.abs(low) * _ULP - _TINY)
    high = np.where(high == 0, high, high + np.abs(high) * _ULP + _TINY)
    return np.array([np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)])


def _neg(a: Interval) -> Interval:
    return np.array([-a[1], -a[0]])


def _add(a: Interval, b: Interval) -> Interval:
    none_a, none_b = ~a.any(0), ~b.any(0)
    return np.where(none_a, b, np.where(none_b, a, _outward(a[0] + b[0], a[1] + b[1])))


def _mul(a: Interval, b: Interval) -> Interval:
    products = np.stack([a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]])
    # Zero times infinity: the factor is zero all along, or infinity stands for what is only very large.
    products = np.where(np.isnan(products), 0.0, products)
    return _outward(products.min(0), products.max(0))


def _hull(a: Interval, b: Interval) -> Interval:
    return np.array([np.minimum(a[0], b[0]), np.maximum(a[1], b[1])])


def _square(a: Interval) -> Interval:
    product = _mul(a, a)
    return np.array([np.maximum(product[0], 0.0), product[1]])


def _product(a: Jet, b: Jet) -> Jet:
    slope = _add(_mul(a.value, b.slope), _mul(a.slope, b.value))
    both = 2 * _mul(a.slope, b.slope)
    return Jet(_mul(a.value, b.value), slope, _add(_add(_mul(a.value, b.curve), _mul(a.curve, b.value)), both))


def _compose(parts: Iterable[Interval], u: Jet) -> Jet:
    """The jet of g(u), from the enclosures of g, g' and g'' at u."""
    g, dg, ddg = parts
    return Jet(g, _mul(dg, u.slope), _add(_mul(dg, u.curve), _mul(ddg, _square(u.slope))))


def _range(f: Scalar, turns: Sequence[float], u: Interval) -> Interval:
    """Enclosure of `f`, which is monotone between the points where it turns."""
    ends = f(u)
    low, high = np.minimum(*ends), np.maximum(*ends)
    for turn in turns:
        inside, value = (u[0] < turn) & (u[1] > turn), f(np.array(turn))
        low = np.where(inside, np.minimum(low, value), low)
        high = np.where(inside, np.maximum(high, value), high)
    return _outward(low, high)


def _wave(quarter: int, u: Interval) -> Interval:
    """Enclosure of `sin(u + quarter * pi / 2)`."""
    wave, sign = (np.cos if quarter % 2 else np.sin), (-1 if quarter % 4 > 1 else 1)  # no turn added: it would round
    enclosed = _range(lambda x: sign * wave(x), (), u)
    for side, (top, sign) in enumerate(((1.5, -1.0), (0.5, 1.0))):
        crest = (top - quarter / 2) * math.pi
        # A crest a little outside counts too, against the rounding of its place.
        first = crest + 2 * math.pi * np.ceil((u[0] - crest) / (2 * math.pi) - 1e-9)
        enclosed[side] = np.where(first <= u[1] + 1e-8, sign, enclosed[side])
    wide = ~(np.abs(u).max(0) < 1e8)
    return np.where(wide, np.array([[-1.0], [1.0]]), np.clip(enclosed, -1.0, 1.0))


def _to_power(u: Jet, p: float) -> Jet:
    whole = p == int(p)
    if not whole:
        u = u._replace(value=np.maximum(u.value, 0.0))

    def part(order: int) -> Interval:
        """The enclosure of the derivative of that order of `u^p`."""
        factor, left = math.prod(p - i for i in range(order)), p - order
        if factor == 0:
            return _fixed(0.0, u.value.shape[1])
        even = whole and left % 2 == 0
        low, high = _range(lambda x: factor * np.power(x, left), (0.0,) if even and left > 0 else (), u.value)
        pole = (u.value[0] <= 0) & (u.value[1] >= 0) & (left < 0) & whole
        low = np.where(pole & (not (even and factor > 0)), -np.inf, np.where(pole, 0.0, low))
        high = np.where(pole & (not (even and factor < 0)), np.inf, np.where(pole, 0.0, high))
        return np.array([low, high])

    return _compose(map(part, range(3)), u)


def _hypot(u: Jet, c: float) -> Jet:
    """`sqrt(u^2 + c^2)`: taken as one function, its curvature does not vanish by cancellation."""
    peak = abs(c) * math.sqrt(0.5)

    parts: tuple[Turning, ...] = (
        (lambda x: np.hypot(x, c), (0.0,)),
        (lambda x: x / np.hypot(x, c), ()),
        (lambda x: c * c / np.hypot(x, c) ** 3, (0.0, -peak, peak)),
    )
    return _compose((_range(f, turns, u.value) for f, turns in parts), u)


def _sinc(u: Jet) -> Jet:
    """`sin(u) / u`: near 0 by the monotony of its derivatives, elsewhere as a quotient."""
    wave = _compose((_wave(k, u.value) for k in range(3)), u)
    quotient = _product(wave, _to_power(u, -1.0))
    parts = ((_sinc_0, (0.0,)), (_sinc_1, ()), (_sinc_2, (0.0,)))
    near = _compose((_range(f, turns, np.clip(u.value, -2.0, 2.0)) for f, turns in parts), u)
    close, far = np.abs(u.value).max(0) <= 2, np.abs(u.value).min(0) * (u.value.prod(0) > 0) >= 0.25
    unknown = _compose((np.tile([[-1.0], [1.0]], len(close)) for _ in range(3)), u)
    return Jet(*(np.where(close, n, np.where(far, q, w)) for n, q, w in zip(near, quotient, unknown)))


def _sinc_0(x: Interval) -> Interval:
    return np.sinc(x / math.pi)


def _sinc_1(x: Interval) -> Interval:
    # -spherical Bessel j1: the plain quotient loses all digits near 0.
    return -np.sign(x) * special.spherical_jn(1, np.abs(x))


def _sinc_2(x: Interval) -> Interval:
    return (2 * special.spherical_jn(2, np.abs(x)) - _sinc_0(x)) / 3


def _sigmoid(x: float) -> float:
    return float(special.expit(x))


def _clip(x: float, least: float, most: float) -> float:
    return min(max(x, least), most)


_CONSTANTS: dict[str, Any] = {
    **{name: getattr(math, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "gamma")},
    "sigmoid": _sigmoid,
    "clip": _clip,
    "abs": abs,
    "pi": math.pi,
    "e": math.e,
}
