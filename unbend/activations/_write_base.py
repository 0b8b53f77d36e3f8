"""Writes a formula, or its derivatives, as straight-line code in which nothing is computed twice."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from unbend.activations._jet_base import constant, depends

# The derivative by every argument, as a formula in the arguments u, w, z and in the value v.
_SLOPES: dict[str, tuple[str, ...]] = {
    "+": ("1", "1"),
    "-": ("1", "-1"),
    "*": ("w", "u"),
    "**": ("w*u**(w-1)", "power_slope(u,v)"),
    "exp": ("v",),
    "calm": ("v",),
    "expm1": ("v+1",),
    "log": ("1/u",),
    "log1p": ("1/(1+u)",),
    "sqrt": ("0.5/v",),
    "sin": ("cos(u)",),
    "cos": ("-sin(u)",),
    "sinc": ("sinc_slope(u)",),
    "sinh": ("cosh(u)",),
    "cosh": ("sinh(u)",),
    "sech": ("-v*tanh(u)",),
    "tanh": ("1-v*v",),
    "sigmoid": ("v*(1-v)",),
    "softplus": ("sigmoid(u)",),
    "logcosh": ("tanh(u)",),
    "atan": ("1/(1+u*u)",),
    "asin": ("1/sqrt(1-u*u)",),
    "asinh": ("1/hypot(u,1)",),
    "hypot": ("u/v", "w/v"),
    "isru": ("1/(hypot(u,1)*hypot(u,1)*hypot(u,1))",),
    "erf": ("2/sqrt(pi)*exp(-u*u)",),
    "Phi": ("exp(-u*u/2)/sqrt(2*pi)",),
    "relu": ("step(u)",),
    "abs": ("side(u)",),
    "sign": ("0",),
    "maximum": ("share(u,w)", "share(w,u)"),
    "minimum": ("share(-u,-w)", "share(-w,-u)"),
    "clip": ("within(u,w,z)", "step(w-u)", "step(u-z)"),
}

# Those whose slope may be infinite at the end of their domain.
_STEEP = ("log", "log1p", "sqrt", "asin", "**")

_SIGNS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
    ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=",
}  # fmt: skip


@dataclass(frozen=True)
class _Dual:
    """The text of a value, and of those derivatives that are not zero."""

    value: str
    by: Mapping[str, str] = field(default_factory=dict[str, str])


_Scope = Mapping[str, _Dual]


def written(formula: str, parameters: tuple[str, ...], by: str | tuple[str, ...] = "y") -> str:
    """The source of `function(x, *parameters)`: the value, or what `by` asks for.

    Each branch of a `where` on x sees x clamped to the side where it is taken. An `exp` whose value goes into another
    function or into a denominator is held below overflow there (`calm`): the outer function is flat by then, and
    infinity would give its slope as 0 * inf.

    Args:
        formula: an expression in x and the parameters.
        parameters: their names.
        by: the name by which the derivative is taken, "y" for the value itself; or several, for a tuple.
    """
    names = (by,) if isinstance(by, str) else by
    writer = _Writer(names)
    scope = {name: _Dual(name, {name: "1"} if name in names else {}) for name in ("x", *parameters)}
    dual = writer.write(_tree(formula), scope)
    wanted = [dual.value if name == "y" else f"alike({dual.by.get(name, '0')}, x)" for name in names]
    answer = wanted[0] if isinstance(by, str) else f"({', '.join(wanted)},)"
    body = "".join(f"    {line}\n" for line in writer.needed(answer))
    return f"def function({', '.join(scope)}):\n{body}    return {answer}\n"


class _Writer:
    """Collects lines of one operation each."""

    def __init__(self, by: tuple[str, ...]) -> None:
        self.by = by
        self._lines: dict[str, str] = {}
        self._inner = False

    def needed(self, answer: str) -> list[str]:
        """The lines that the answer depends on, in their order."""
        wanted, lines = set(_NAME.findall(answer)), list[str]()
        for text, name in reversed(self._lines.items()):
            if name in wanted:
                wanted.update(_NAME.findall(text))
                lines.append(f"{name} = {text}")
        return lines[::-1]

    def write(self, node: ast.expr, scope: _Scope, *, inner: bool = False) -> _Dual:
        """The texts of an expression; `inner` where its value must not overflow."""
        before, self._inner = self._inner, self._inner or inner
        dual = self._write(node, scope)
        self._inner = before
        return dual

    def _write(self, node: ast.expr, scope: _Scope) -> _Dual:
        if not any(isinstance(part, ast.Name) and part.id in scope for part in ast.walk(node)):
            return _Dual(_plain(constant(node, {})))
        match node:
            case ast.Name(id=name):
                return scope[name]
            case ast.UnaryOp(operand=operand):
                u = self.write(operand, scope)
                return _Dual(_negative(u.value), {name: _negative(du) for name, du in u.by.items()})
            case ast.BinOp(left=left, op=op, right=right):
                u = self.write(left, scope, inner=isinstance(op, ast.Pow))
                w = self.write(right, scope, inner=isinstance(op, ast.Div))
                return self._quotient(u, w) if isinstance(op, ast.Div) else self._apply(_SIGNS[type(op)], u, w)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                a, b = (self.write(side, scope).value for side in (left, right))
                return _Dual(self._line(f"{a} {_SIGNS[type(op)]} {b}"))
            case ast.Call(func=ast.Name(id="where"), args=[test, yes, no]):
                return self._where(test, yes, no, scope)
            case ast.Call(func=ast.Name(id=name), args=args):
                name = "calm" if name == "exp" and self._inner and depends(node) else name
                return self._apply(name, *(self.write(arg, scope, inner=True) for arg in args))
            case _:
                raise SyntaxError(ast.unparse(node))

    def _apply(self, name: str, *args: _Dual) -> _Dual:
        """An operation, and its derivatives by the chain rule."""
        value = self._operation(name, *(arg.value for arg in args))
        scope = {**dict(zip("uwz", args, strict=False)), "v": _Dual(value)}
        scope = {letter: _Dual(dual.value) for letter, dual in scope.items()}
        by: dict[str, str] = {}
        for one in self.by:
            for arg, slope in zip(args, _SLOPES.get(name, ()), strict=False):
                if one in arg.by:
                    by[one] = self._add(by.get(one, "0"), self._chain(name, _tree(slope), scope, arg.by[one]))
        return _Dual(value, {one: text for one, text in by.items() if text != "0"})

    def _chain(self, name: str, slope: ast.expr, scope: _Scope, du: str) -> str:
        """The slope times `du`, which is nothing where `du` is, be the slope infinite."""
        constant = not _VARIES.search(du)
        if name == "calm" and not constant:
            du = self._line(f"unless_calm({scope['u'].value}, {du})")
        product = self._product(slope, scope, du)
        return product if constant or name not in _STEEP else self._line(f"unless_zero({du}, {product})")

    def _product(self, slope: ast.expr, scope: _Scope, du: str) -> str:
        # The division comes last, which saves one.
        if isinstance(slope, ast.BinOp) and isinstance(slope.op, ast.Div):
            return self._over(self._product(slope.left, scope, du), self.write(slope.right, scope).value)
        return self._times(self.write(slope, scope).value, du)

    def _quotient(self, u: _Dual, w: _Dual) -> _Dual:
        value, by = self._over(u.value, w.value), dict[str, str]()
        for one in self.by:
            if one in u.by or one in w.by:
                drag = _negative(self._times(value, w.by[one])) if one in w.by else "0"
                by[one] = self._over(self._add(u.by.get(one, "0"), drag), w.value)
        return _Dual(value, by)

    def _where(self, test: ast.expr, yes: ast.expr, no: ast.expr, scope: _Scope) -> _Dual:
        x, condition = scope["x"], self.write(test, scope).value
        inside = outside = x
        if isinstance(test, ast.Compare) and ast.unparse(test.left) == "x" and not depends(test.comparators[0]):
            at = self.write(test.comparators[0], scope).value
            sides = ("floor", "ceil") if isinstance(test.ops[0], ast.Gt | ast.GtE) else ("ceil", "floor")
            inside, outside = (
                _Dual(self._line(f"{side}({x.value}, {at})"), x.by) if _may_overflow(branch) else x
                for side, branch in zip(sides, (yes, no), strict=True)
            )
        a, b = self.write(yes, {**scope, "x": inside}), self.write(no, {**scope, "x": outside})

        def either(first: str, second: str) -> str:
            return first if first == second else self._line(f"where({condition}, {first}, {second}, {x.value})")

        by = {one: either(a.by.get(one, "0"), b.by.get(one, "0")) for one in self.by if one in a.by or one in b.by}
        return _Dual(either(a.value, b.value), by)

    def _operation(self, name: str, *texts: str) -> str:
        match name:
            case "+":
                return self._add(*texts)
            case "-":
                return self._add(texts[0], _negative(texts[1]))
            case "*":
                return self._times(*texts)
            case "**":
                return self._power(*texts)
            case _:
                return self._line(f"{name}({', '.join(texts)})")

    # A text may begin with a minus sign: signs are moved outward, where most of them meet a sum.

    def _add(self, a: str, b: str) -> str:
        if "0" in (a, b):
            return b if a == "0" else a
        if a.startswith("-") and not b.startswith("-"):
            a, b = b, a
        return self._line(f"{a} - {b[1:]}" if b.startswith("-") else f"{a} + {b}")

    def _times(self, a: str, b: str) -> str:
        sign, a, b = _signs(a, b)
        if "0" in (a, b):
            return "0"
        return sign + (b if a == "1" else a if b == "1" else self._line(f"{a} * {b}"))

    def _over(self, a: str, b: str) -> str:
        sign, a, b = _signs(a, b)
        if a == "0" or b == "1":
            return sign * (a != "0") + a
        return sign + self._line(f"inverse({b})" if a == "1" else f"{a} / {b}")

    def _power(self, a: str, b: str) -> str:
        if b == "1":
            return a
        return self._line(f"({a}) ** {b}" if a.startswith("-") else f"{a} ** {b}")

    def _line(self, text: str) -> str:
        """The name of the line that computes the text; of numbers alone, their value."""
        if not _WORD.search(text):
            return _plain(eval(text))
        return self._lines.setdefault(text, f"_{len(self._lines)}")


def _negative(text: str) -> str:
    return text[1:] if text.startswith("-") else text if text == "0" else f"-{text}"


def _signs(a: str, b: str) -> tuple[str, str, str]:
    """The sign of a product, and its factors without theirs."""
    return "-" * (a.startswith("-") != b.startswith("-")), a.removeprefix("-"), b.removeprefix("-")


def _plain(number: float) -> str:
    """A number as text; whole ones without a point, so that 0 and 1 are seen."""
    return str(int(number)) if number == int(number) and abs(number) < 1e9 else repr(number)


def _may_overflow(branch: ast.expr) -> bool:
    # A polynomial of first degree overflows nowhere.
    return any(isinstance(part, ast.Call | ast.Pow | ast.Div) for part in ast.walk(branch))


@cache
def _tree(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


_NAME, _WORD, _VARIES = re.compile(r"\b_\d+\b"), re.compile(r"\b[a-zA-Z_]"), re.compile(r"\bx\b|\b_\d")
