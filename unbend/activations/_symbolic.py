"""Bends as sympy expressions: the formula, its derivative, and both as LaTeX."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from unbend._errors import ArgumentError
from unbend.activations._base import Bend
from unbend.activations._catalogue_base import catalogue

# Slopes with more operations than this are not simplified, which would take up to a minute: sympy tries the
# identities of circular and hyperbolic functions in all combinations.
_SIMPLIFIED, _SIMPLIFIED_WAVES = 36, 15


@dataclass(frozen=True)
class Symbolic:
    """A formula and its derivative, as sympy sees them.

    Attributes:
        expression: of the real symbol x and of the parameters, real symbols by their names.
        derivative: by x, simplified where the formula is short enough; where it is pieced together, off the seams.
    """

    expression: Any
    derivative: Any

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        return _sympy().latex(self.expression)

    @property
    def derivative_latex(self) -> str:
        """The derivative as LaTeX."""
        return _sympy().latex(self.derivative)


def symbolic(bend: Bend | str) -> Symbolic:
    """The formula of a bend as a sympy expression, with its derivative.

    Sigmoid, softplus and the normal distribution function remain functions by name, of which sympy knows the
    derivatives; `.doit()` spells them out. Each formula is parsed once, when it is first asked for.

    Args:
        bend: a bend, or a name that `unbend.bend` knows.

    Raises:
        ArgumentError: it is no formula of one number.

    Examples:
        >>> symbolic("silu").derivative
        (x*sigmoid(-x) + 1)*sigmoid(x)
        >>> symbolic("softsign").latex
        '\\\\frac{x}{\\\\left|{x}\\\\right| + 1}'
    """
    if isinstance(bend, str):
        names = import_module("unbend.activations._names")
        made = names.names().get(names.plain(bend))
        if isinstance(made, str):
            return of_formula(catalogue()[made].code, tuple(catalogue()[made].parameters))
        found: object = names.bend(bend) if made is None or issubclass(made, Bend) else made
    else:
        found = bend
    if not isinstance(found, Bend):
        raise ArgumentError.of("bend", str(bend), "a function of one number")
    return of_formula(found.formula.text, tuple(found.start))


@lru_cache(maxsize=1024)
def of_formula(text: str, parameters: tuple[str, ...] = ()) -> Symbolic:
    """The same of an expression, or of lines of assignments of which the last is `y = ...`."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise ArgumentError.of("formula", text, "arithmetic", str(error)) from error
    scope: dict[str, Any] = {name: _sympy().Symbol(name, real=True) for name in parameters}
    value = None
    for line in tree.body:
        if isinstance(line, ast.Assign):
            value = scope[ast.unparse(line.targets[0])] = _read(line.value, scope)
        elif isinstance(line, ast.Expr):
            value = _read(line.value, scope)
    if value is None or isinstance(value, tuple):
        raise ArgumentError.of("formula", text, "one expression")
    return Symbolic(value, _derivative(value))


def _derivative(value: Any) -> Any:
    sympy = _sympy()
    first = "u" if sympy.Symbol("u", real=True) in value.free_symbols else "x"
    x = sympy.Symbol(first, real=True)
    slope = value.diff(x).replace(sympy.DiracDelta, _nothing)
    slope = min(slope, sympy.factor_terms(slope), key=sympy.count_ops).subs(x * sympy.sign(x), sympy.Abs(x))
    waves = slope.has(*(getattr(sympy, name) for name in ("tanh", "sech", "sinh", "cosh", "sin", "cos")))
    if sympy.count_ops(slope) > (_SIMPLIFIED_WAVES if waves else _SIMPLIFIED):
        return slope
    return min(slope, sympy.simplify(slope), key=sympy.count_ops)


def _nothing(*of: Any) -> Any:
    """Off the seams the slope of a jump is zero."""
    return _sympy().Integer(0)


def _sympy() -> Any:
    import sympy  # half a second, which who only wants a bend need not wait

    return sympy


def _read(node: ast.expr, scope: Mapping[str, Any]) -> Any:
    """The sympy expression of a parsed one."""
    sympy = _sympy()
    match node:
        case ast.Name(id=name):
            return scope[name] if name in scope else _constant(name)
        case ast.Constant(value=int() | float() as value):
            return _number(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read(operand, scope)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_read(left, scope), _read(right, scope))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _RELATIONS[type(op)](sympy)(_read(left, scope), _read(right, scope))
        case ast.Call(func=ast.Name(id=name), args=args) if name in _functions():
            return _functions()[name](*(_read(arg, scope) for arg in args))
        case _:
            raise ArgumentError.of("formula", ast.unparse(node), "arithmetic, comparisons and calls")


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
_RELATIONS: dict[type, Callable[[Any], Any]] = {
    ast.GtE: lambda sympy: sympy.Ge,
    ast.Gt: lambda sympy: sympy.Gt,
    ast.LtE: lambda sympy: sympy.Le,
    ast.Lt: lambda sympy: sympy.Lt,
    ast.Eq: lambda sympy: sympy.Eq,
}


def _constant(name: str) -> Any:
    sympy = _sympy()
    return {"pi": sympy.pi, "e": sympy.E}.get(name, sympy.Symbol(name, real=True))


def _number(value: float) -> Any:
    """Numbers such as 0.5 and 0.2 are fractions."""
    sympy = _sympy()
    near = Fraction(value).limit_denominator(20)
    return sympy.Rational(near.numerator, near.denominator) if float(near) == value else sympy.Float(value)


@cache
def _functions() -> dict[str, Callable[..., Any]]:
    """What a formula may call, as sympy's functions or as ours."""
    sympy = _sympy()
    named = ("exp", "log", "sqrt", "erf", "sin", "cos", "tan", "tanh", "sinh", "cosh", "sech", "atan", "asin", "asinh")
    spelled: dict[str, Callable[[Any], Any]] = {
        "abs": sympy.Abs,
        "expm1": lambda x: sympy.exp(x) - 1,
        "log1p": lambda x: sympy.log(1 + x),
        "relu": lambda x: sympy.Max(0, x),
        "logcosh": lambda x: sympy.log(sympy.cosh(x)),
        "isru": lambda x: x / sympy.sqrt(1 + x**2),
    }
    of_two: dict[str, Callable[[Any, Any], Any]] = {
        "maximum": sympy.Max,
        "minimum": sympy.Min,
        "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    }
    of_three: dict[str, Callable[[Any, Any, Any], Any]] = {
        "clip": lambda x, least, most: sympy.Min(sympy.Max(x, least), most),
        "where": lambda test, yes, no: sympy.Piecewise((yes, test), (no, True)),
    }
    plain = {name: getattr(sympy, name) for name in (*named, "sign", "gamma", "sinc")}
    return {**plain, **_own_functions(), **spelled, **of_two, **of_three}


def _own_functions() -> dict[str, Any]:
    """Functions that read better by their name than spelled out; sympy lacks them."""
    sympy = _sympy()

    def sigmoid_slope(x: Any) -> Any:
        return sigmoid(x) * sigmoid(-x)

    def density_slope(x: Any) -> Any:
        return -x * density(x)

    sigmoid = _own("sigmoid", r"\sigma", lambda x: 1 / (1 + sympy.exp(-x)), sigmoid_slope)
    root = sympy.sqrt(2 * sympy.pi)
    density = _own("phi", r"\varphi", lambda x: sympy.exp(-(x**2) / 2) / root, density_slope)
    return {
        "sigmoid": sigmoid,
        "softplus": _own("softplus", r"\operatorname{softplus}", lambda x: sympy.log(1 + sympy.exp(x)), sigmoid),
        "Phi": _own("Phi", r"\Phi", lambda x: (1 + sympy.erf(x / sympy.sqrt(2))) / 2, density),
    }


def _own(name: str, letter: str, spelled: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Any:
    """A sympy function with its derivative, its LaTeX, and what it stands for."""

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return slope(self.args[0])

    def doit(self: Any, **hints: Any) -> Any:
        return spelled(self.args[0].doit(**hints))

    def evalf(self: Any, precision: int) -> Any:
        return spelled(self.args[0])._eval_evalf(precision)

    def is_real(self: Any) -> Any:
        return self.args[0].is_extended_real

    def latex(self: Any, printer: Any, exp: Any = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{letter}{power}\left({printer.doprint(self.args[0])}\right)"

    parts: dict[str, Any] = {"nargs": 1, "fdiff": fdiff, "doit": doit, "_latex": latex}
    return type(name, (_sympy().Function,), {**parts, "_eval_evalf": evalf, "_eval_is_extended_real": is_real})
