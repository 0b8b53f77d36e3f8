"""Functions and classes as they are in memory: for lambdas, closures and notebooks, where no file says it all."""

import ast
import linecache
from types import CodeType, FunctionType
from typing import Any

_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_OF_THE_SYSTEM = frozenset({
    "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__firstlineno__",
    "__static_attributes__", "__match_args__", "__dataclass_params__", "__dataclass_fields__",
})  # fmt: skip


def function_node(function: FunctionType, tree: ast.AST | None = None) -> ast.AST | None:
    """The syntax of a function, from the tree of its file or from what a notebook remembers; None if it is nowhere."""
    code = function.__code__
    if tree is None:
        try:
            tree = ast.parse("".join(linecache.getlines(code.co_filename)))
        except SyntaxError:
            return None
    found = [node for node in ast.walk(tree) if isinstance(node, _SCOPES) and _starts(node, code)]
    # Two lambdas may stand on one line: the right one is where the instructions stand.
    places = [(line, column) for line, to, column, end in code.co_positions() if (line, column) != (to, end)]
    inside = [node for node in found if all(_contains(node, *place) for place in places)]
    return inside[-1] if inside else None


def function_parts(function: FunctionType, *, with_code: bool) -> list[Any]:
    """Defaults and captured values of a function and, if asked for, its instructions."""
    captured: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            captured[name] = cell.cell_contents
        except ValueError:  # Not filled yet.
            captured[name] = None
    return [
        function.__defaults__,
        function.__kwdefaults__,
        captured,
        _instructions(function.__code__) if with_code else None,
    ]


def class_parts(made: type) -> list[Any]:
    """Name, bases and members of a class, with functions in the place of methods."""
    members: dict[str, Any] = {}
    for name, member in sorted(vars(made).items()):
        if isinstance(member, property):
            members[name] = [member.fget, member.fset]
        elif name not in _OF_THE_SYSTEM:
            members[name] = getattr(member, "__func__", member)
    return [made.__qualname__, list(made.__bases__), members]


def _starts(node: "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda", code: CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return node.name == code.co_name and first == code.co_firstlineno


def _contains(node: ast.expr | ast.stmt, line: int | None, column: int | None) -> bool:
    if line is None or column is None:
        return True
    end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return (node.lineno, node.col_offset) <= (line, column) <= end


def _instructions(code: CodeType) -> list[Any]:
    constants = [_instructions(item) if isinstance(item, CodeType) else repr(item) for item in code.co_consts]
    return [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames)]
