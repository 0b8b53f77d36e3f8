"""From a formula in one line to torch code that stays finite, with its gradient, wherever the function does."""

import ast
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unbend.activations._jet_base import depends

Function = Callable[..., Tensor]


@lru_cache(maxsize=4096)
def torch_function(formula: str, parameters: tuple[str, ...] = ()) -> Function:
    """`function(x, *parameters)` of an expression such as `where(x>=0, x, a*expm1(x))`.

    Each branch of a `where` on x sees x clamped to the side where it is taken: what a branch does elsewhere, where it
    may overflow, reaches neither the value nor the gradient.

    Args:
        formula: the expression; `Formula` has checked it.
        parameters: names of the further arguments, in their order.
    """
    writer = _Writer()
    value = writer.write(ast.parse(formula, mode="eval").body, "x")
    lines = "".join(f"    {line}\n" for line in writer.lines)
    source = f"def function({', '.join(('x', *parameters))}):\n{lines}    return {value}\n"
    scope: dict[str, Any] = dict(NAMES)  # with the builtins: torch imports from within, under a dispatch mode
    exec(compile(source, f"<{formula}>", "exec"), scope)
    return scope["function"]


class _Writer:
    """Writes an expression as Python, the clamped copies of x as lines before it.

    An `exp` whose value goes into another function or into a denominator is held below overflow there (`calm`): the
    outer function is flat by then, and infinity would give its slope as 0 * inf.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.inner = False

    def write(self, node: ast.expr, x: str, *, inner: bool = False) -> str:
        before, self.inner = self.inner, self.inner or inner
        text = self._write(node, x)
        self.inner = before
        return text

    def _write(self, node: ast.expr, x: str) -> str:
        match node:
            case ast.Name(id="x"):
                return x
            case ast.Name(id=name):
                return name
            case ast.Constant(value=value):
                return repr(value)
            case ast.UnaryOp(operand=operand):
                return f"(-{self.write(operand, x)})"
            case ast.BinOp(left=left, op=op, right=right):
                first = self.write(left, x, inner=isinstance(op, ast.Pow))
                return f"({first} {_SIGNS[type(op)]} {self.write(right, x, inner=isinstance(op, ast.Div))})"
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return f"({self.write(left, x)} {_SIGNS[type(op)]} {self.write(right, x)})"
            case ast.Call(func=ast.Name(id="where"), args=[test, yes, no]):
                return self._where(test, yes, no, x)
            case ast.Call(func=ast.Name(id=name), args=args):
                name = "calm" if name == "exp" and self.inner and depends(node) else name
                args = [self.write(arg, x, inner=True) for arg in args]
                return f"{name}({', '.join(args)})"
            case _:
                raise SyntaxError(ast.unparse(node))

    def _where(self, test: ast.expr, yes: ast.expr, no: ast.expr, x: str) -> str:
        condition = self.write(test, x)
        inside = outside = x
        if isinstance(test, ast.Compare) and ast.unparse(test.left) == "x" and not depends(test.comparators[0]):
            at = self.write(test.comparators[0], x)
            above = isinstance(test.ops[0], ast.Gt | ast.GtE)
            inside = self._clamped(yes, x, "floor" if above else "ceil", at)
            outside = self._clamped(no, x, "ceil" if above else "floor", at)
        return f"where({condition}, {self.write(yes, inside)}, {self.write(no, outside)}, {x})"

    def _clamped(self, branch: ast.expr, x: str, how: str, at: str) -> str:
        if not any(isinstance(part, ast.Call | ast.Pow | ast.Div) for part in ast.walk(branch)):
            return x  # a polynomial of first degree overflows nowhere
        name = f"x{len(self.lines)}"
        self.lines.append(f"{name} = {how}({x}, {at})")
        return name


_SIGNS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
    ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=",
}  # fmt: skip


def _of_number(on_tensor: Callable[[Tensor], Tensor], on_number: Callable[[float], float]) -> Callable[[Any], Any]:
    return lambda value: on_tensor(value) if isinstance(value, Tensor) else on_number(value)


def _where(test: Any, yes: Any, no: Any, x: Tensor) -> Any:
    if isinstance(test, bool):
        return yes if test else no
    return torch.where(test, _like(yes, x), _like(no, x))


def _like(value: Any, x: Tensor) -> Tensor:
    # A constant branch must hand on the NaN of x, and stay in the graph.
    return value if isinstance(value, Tensor) and value.ndim else torch.where(x.isnan(), x, value)


def _calm(x: Tensor) -> Tensor:
    return torch.exp(x.clamp(max=0.9 * math.log(torch.finfo(x.dtype).max)))


def _floor(x: Tensor, least: Any) -> Tensor:
    return x.clamp(min=least)


def _ceil(x: Tensor, most: Any) -> Tensor:
    return x.clamp(max=most)


def _maximum(a: Any, b: Any) -> Tensor:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.maximum(a, b)
    return a.clamp(min=b) if isinstance(a, Tensor) else b.clamp(min=a)


def _minimum(a: Any, b: Any) -> Tensor:
    return -_maximum(-a, -b)


def _softplus(x: Tensor) -> Tensor:
    # F.softplus turns to a line at 20, which costs float64 its last eight digits.
    return -F.logsigmoid(-x)


def _hypot(x: Tensor, c: Any) -> Tensor:
    return torch.hypot(x, torch.as_tensor(c, dtype=x.dtype, device=x.device).expand_as(x))


def _sech(x: Tensor) -> Tensor:
    # exp of a negative number: 1 / cosh(x) has the slope 0 * inf far out.
    small = torch.exp(-x.abs())
    return 2 * small / (1 + small * small)


def _clip(x: Any, least: Any, most: Any) -> Any:
    return x.clamp(least, most) if isinstance(x, Tensor) else min(max(x, least), most)


_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "calm": _calm,
    "Phi": torch.special.ndtr,
    "softplus": _softplus,
    "logcosh": lambda x: x.abs() + _softplus(-2 * x.abs()) - math.log(2),
    "atan": torch.atan,
    "asin": torch.asin,
    "sech": _sech,
    "sinc": lambda x: torch.sinc(x / math.pi),
    "isru": lambda x: x / _hypot(x, 1.0),
    "relu": torch.relu,
    "sign": torch.sign,
}

_OF_NUMBERS = ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sinh", "cosh", "asinh", "erf")

NAMES: dict[str, Any] = {
    **{name: _of_number(getattr(torch, name), getattr(math, name)) for name in _OF_NUMBERS},
    **_UNARY,
    "sigmoid": _of_number(torch.sigmoid, lambda x: 1 / (1 + math.exp(-x))),
    "hypot": _hypot,
    "abs": abs,
    "clip": _clip,
    "maximum": _maximum,
    "minimum": _minimum,
    "where": _where,
    "floor": _floor,
    "ceil": _ceil,
    "gamma": math.gamma,
    "pi": math.pi,
    "e": math.e,
}
