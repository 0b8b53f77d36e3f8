"""The formula of a bend as data: read from its docstring, checked, counted. Imports no torch."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unbend._docs import sections
from unbend._errors import ArgumentError

# What a formula may call; the first group is counted as one arithmetic operation, the second as one transcendental.
ARITHMETIC = ("abs", "sign", "relu", "where", "minimum", "maximum", "clip")
TRANSCENDENTAL = (
    *("exp", "expm1", "log", "log1p", "sqrt", "erf", "Phi", "sigmoid", "softplus"),
    *("sin", "cos", "tan", "sinc", "tanh", "sinh", "cosh", "sech", "logcosh", "atan", "asin", "asinh"),
    *("hypot", "isru", "gamma"),
)
CONSTANTS = ("pi", "e")


@dataclass(frozen=True)
class Cost:
    """Elementary operations per element, as the formula spells them."""

    arithmetic: int
    transcendental: int

    @property
    def total(self) -> int:
        """Operations of either sort."""
        return self.arithmetic + self.transcendental


@dataclass(frozen=True)
class Formula:
    """Lines of ASCII assignments, the last of which is `y = ...`.

    `Formula("y = x * exp(-exp(-gamma * x))")`. Earlier lines may name parts of the expression.
    """

    text: str

    @classmethod
    def of(cls, public: object) -> "Formula":
        """The `Formula:` section of a docstring: its assignments, up to the first line that is none."""
        text = sections(public.__doc__ or "").get("Formula", "")
        lines = [line.strip() for line in text.splitlines() if " = " in line]
        if not lines:
            name = getattr(public, "__name__", str(public))
            raise ArgumentError.of(f"docstring of {name}", repr(text[:60]), "a Formula: section with a line `y = ...`")
        return cls("\n".join(lines))

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed formula; refuses whatever is no arithmetic."""
        tree = ast.parse(self.text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
                if name not in ARITHMETIC + TRANSCENDENTAL:
                    raise ArgumentError.of("formula", name, f"one of {', '.join(ARITHMETIC + TRANSCENDENTAL)}")
            elif not isinstance(node, _ALLOWED):
                raise ArgumentError.of("formula", ast.unparse(node), "arithmetic, comparisons and calls")
        last = tree.body[-1]
        if not (isinstance(last, ast.Assign) and ast.unparse(last.targets[0]) == "y"):
            raise ArgumentError.of("formula", self.text, "a last line `y = ...`")
        return tree

    def evaluate(self, namespace: Mapping[str, Any], **values: Any) -> Any:
        """The value of `y`, with functions and constants from `namespace`, and `x` and the parameters by name."""
        names: dict[str, Any] = {**namespace, **values, "__builtins__": {}}
        exec(compile(self.tree, "<formula>", "exec"), names)
        return names["y"]

    def cost(self) -> Cost:
        """Count the operations; a constant part, such as sqrt(2 / pi), costs nothing."""
        arithmetic = transcendental = 0
        varying = {"x"}
        for line in self.tree.body:
            assert isinstance(line, ast.Assign)
            for node in ast.walk(line.value):
                if not varying & {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}:
                    continue
                if isinstance(node, ast.Call):
                    kind = ast.unparse(node.func)
                    transcendental += kind in TRANSCENDENTAL
                    arithmetic += kind in ARITHMETIC
                elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                    products = {"2": 1, "3": 2}.get(ast.unparse(node.right), 0)
                    arithmetic += products
                    transcendental += products == 0
                elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare):
                    arithmetic += 1
            varying.add(ast.unparse(line.targets[0]))
        return Cost(arithmetic, transcendental)


_ALLOWED = (
    *(ast.Module, ast.Assign, ast.Name, ast.Load, ast.Store, ast.Constant, ast.Compare, ast.cmpop),
    *(ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop),
)
