"""A formula of the docstrings and the catalogue as MathML, which browsers set without help."""

import ast
import re
from collections.abc import Sequence
from html import escape

# How tightly an expression holds together, loosest first.
_COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(6)

_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "lambda": "λ", "mu": "μ", "sigma": "σ",
          "tau": "τ", "theta": "θ", "omega": "ω", "phi": "φ", "psi": "ψ", "rho": "ρ", "pi": "π", "bt": "β"}  # fmt: skip
_FUNCTIONS = {"sigmoid": "σ", "Phi": "Φ", "gamma": "Γ", "log": "ln", "asinh": "arsinh", "atan": "arctan",
              "asin": "arcsin", "sign": "sgn", "maximum": "max", "minimum": "min", "sum": "∑"}  # fmt: skip
_SIGNS: dict[type, str] = {ast.GtE: "≥", ast.LtE: "≤", ast.Gt: "&gt;", ast.Lt: "&lt;", ast.Eq: "=", ast.NotEq: "≠"}
_OF_SQUARE = {"sin", "cos", "tan", "tanh", "sinh", "cosh", "sech", "log"}


def mathml(formula: str) -> str:
    """The formula as one `<math>` element; what is no arithmetic, such as a description in words, as a span of text.

    Args:
        formula: an expression, or lines of assignments that end in `y = ...`.
    """
    try:
        lines = [_line(statement) for statement in ast.parse(formula).body]
    except (SyntaxError, _NoArithmetic):
        return f'<span class="words">{escape(formula)}</span>'
    body = lines[0] if len(lines) == 1 else _table(lines)
    return f'<math displaystyle="true">{body}</math>'


class _NoArithmetic(Exception):
    """An expression that has no usual notation."""


def _line(statement: ast.stmt) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return _row(_name(name), _op("="), _of(value))
        case ast.Expr(value=value):
            return _of(value)
        case _:
            raise _NoArithmetic


def _of(node: ast.expr, least: int = _COMPARE) -> str:
    """The expression, in parentheses where it is looser than `least`."""
    text, tightness = _write(node)
    return text if tightness >= least else _fenced(text)


def _write(node: ast.expr) -> tuple[str, int]:
    match node:
        case ast.Name(id=name):
            return _name(name), _ATOM
        case ast.Constant(value=int() | float() as value):
            return _number(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _row(_op("−"), _of(operand, _PRODUCT)), _SIGN if isinstance(operand, ast.Constant) else _SUM
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            minus = isinstance(op, ast.Sub)
            tail = _of(right, _PRODUCT if minus or isinstance(right, ast.UnaryOp) else _SUM)
            return _row(_of(left, _SUM), _op("−" if minus else "+"), tail), _SUM
        case ast.BinOp(left=ast.UnaryOp(op=ast.USub(), operand=left), op=ast.Mult() | ast.Div() as op, right=right):
            # -a * x is parsed as (-a) * x, and set as -(a x).
            return _row(_op("−"), _of(ast.BinOp(left, op, right), _PRODUCT)), _SUM
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(left, right), _PRODUCT
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"<mfrac>{_row(_of(left))}{_row(_of(right))}</mfrac>", _POWER
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(left, right), _POWER
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _SIGNS:
            return _row(_of(left, _SUM), _op(_SIGNS[type(op)]), _of(right, _SUM)), _COMPARE
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if args:
            return _call(name, args)
        case _:
            raise _NoArithmetic


def _product(left: ast.expr, right: ast.expr) -> str:
    digits = isinstance(right, ast.Constant) or (
        isinstance(right, ast.BinOp) and isinstance(right.op, ast.Pow) and isinstance(right.left, ast.Constant)
    )
    # A letter before a parenthesis would read like a function of it.
    dot = _op("·") if digits else '<mo lspace="0" rspace=".15em">&#8290;</mo>'
    return _row(_of(left, _PRODUCT), dot, _of(right, _PRODUCT))


def _power(base: ast.expr, exponent: ast.expr) -> str:
    match base, exponent:
        case _, ast.Constant(value=0.5):
            return f"<msqrt>{_of(base)}</msqrt>"
        case ast.Call(func=ast.Name(id=name), args=[inside]), ast.Constant(value=2) if name in _OF_SQUARE:
            return _row(f"<msup>{_row(_function(name))}{_of(exponent)}</msup>", _arguments([inside]))
        case _:
            raised = _fraction_inline(exponent)
            base_text = _of(base, _ATOM)
            return f"<msup>{_row(base_text)}{_row(raised)}</msup>"


def _fraction_inline(node: ast.expr) -> str:
    """An exponent: a fraction there is written with a slash, or it would be too small to read."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.left, ast.UnaryOp):
        return _row(_op("−"), _fraction_inline(ast.BinOp(node.left.operand, node.op, node.right)))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _row(_of(node.left, _PRODUCT), _op("/"), _of(node.right, _SIGN))
    return _of(node)


def _call(name: str, args: Sequence[ast.expr]) -> tuple[str, int]:
    first = args[0]
    match name:
        case "where":
            return _cases(args), _SUM
        case "sqrt":
            return f"<msqrt>{_of(first)}</msqrt>", _ATOM
        case "abs":
            return _row(_op("|"), _of(first), _op("|")), _ATOM
        case "exp" if _flat(first):
            return _exp(first), _POWER
        case "expm1":
            return _row(_call("exp", args)[0], _op("−"), "<mn>1</mn>"), _SUM
        case "log1p":
            return _row(_function("log"), _fenced(_row("<mn>1</mn>", _op("+"), _of(first, _PRODUCT)))), _POWER
        case "hypot":
            squares = [f"<msup>{_of(arg, _ATOM)}<mn>2</mn></msup>" for arg in args]
            return f"<msqrt>{_row(squares[0], _op('+'), squares[1])}</msqrt>", _ATOM
        case "logcosh":
            return _row(_function("log"), _function("cosh"), _arguments(args)), _POWER
        case _:
            return _row(_function(name), _arguments(args)), _POWER


def _exp(inside: ast.expr) -> str:
    return f"<msup><mi>e</mi>{_row(_fraction_inline(inside))}</msup>"


def _flat(node: ast.expr) -> bool:
    """Whether an expression can stand as an exponent: nothing in it is tall."""
    tall = [
        part
        for part in ast.walk(node)
        if (isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in ("where", "exp"))
        or (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div) and part is not node)
    ]
    return not tall


def _cases(args: Sequence[ast.expr]) -> str:
    rows: list[str] = []
    while True:
        test, yes, no = args
        rows.append(f"<mtr><mtd>{_of(yes)}</mtd><mtd>{_of(test)}</mtd></mtr>")
        if isinstance(no, ast.Call) and isinstance(no.func, ast.Name) and no.func.id == "where":
            args = no.args
        else:
            break
    rows.append(f"<mtr><mtd>{_of(no)}</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>")
    return f'<mtable class="cases">{"".join(rows)}</mtable>'


def _arguments(args: Sequence[ast.expr]) -> str:
    return _fenced(_row(*(f"{_op(',')}{_of(arg)}" if place else _of(arg) for place, arg in enumerate(args))))


def _function(name: str) -> str:
    base, below = _parts(name)
    shown = f'<mi mathvariant="normal">{escape(_FUNCTIONS.get(base, base))}</mi>'
    return f"<msub>{shown}{below}</msub>" if below else f"{shown}<mo>&#8289;</mo>"


def _name(name: str) -> str:
    base, below = _parts(name)
    shown = f"<mi>{escape(_GREEK.get(base, base))}</mi>"
    return f"<msub>{shown}{below}</msub>" if below else shown


def _parts(name: str) -> tuple[str, str]:
    """A name, and the index below it: digits at its end, or a letter or digits after an underscore."""
    found = re.fullmatch(r"([A-Za-z]+?)_?(\d+)|([A-Za-z]+)_([A-Za-z])", name)
    if found is None:
        return name, ""
    digits, letter = found[2], found[4]
    return found[1] or found[3], f"<mn>{digits}</mn>" if digits else f"<mi>{letter}</mi>"


def _number(value: float) -> tuple[str, int]:
    text = f"{value}"
    if "e" not in text:
        return f"<mn>{text}</mn>", _ATOM
    digits, _, power = text.partition("e")
    small = f"<msup><mn>10</mn><mn>{int(power)}</mn></msup>".replace("-", "−")
    return (small, _POWER) if digits == "1" else (_row(f"<mn>{digits}</mn>", _op("·"), small), _PRODUCT)


def _op(sign: str) -> str:
    return f"<mo>{sign}</mo>"


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _fenced(inside: str) -> str:
    return _row("<mo>(</mo>", inside, "<mo>)</mo>")


def _table(lines: Sequence[str]) -> str:
    rows = "".join(f"<mtr><mtd>{line}</mtd></mtr>" for line in lines)
    return f"<mtable>{rows}</mtable>"
