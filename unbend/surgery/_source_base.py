"""Rewrite single calls in the source of a method, and nothing else of it."""

import __future__

import ast
import copy
import functools
import linecache
from collections.abc import Mapping
from functools import lru_cache, reduce
from types import CodeType, FrameType, FunctionType
from typing import Any

from unbend.surgery._family_base import Function
from unbend.surgery._place_base import codes

End = tuple[int, int]

_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_FUTURES = reduce(int.__or__, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names))


def call_at(function: FunctionType, end: End) -> ast.Call | None:
    """The call that ends at `end` in the source of `function`, provided that this source is what is running."""
    found = _source(function)
    calls = ast.walk(found[1]) if found else ()
    return next((call for call in calls if isinstance(call, ast.Call) and _end(call) == end), None)


def calls_directly(call: ast.Call, subject: Function, frame: FrameType) -> bool:
    """Whether the text of `call` names `subject`, or a `partial` of it, and passes the input as one argument."""
    if any(isinstance(argument, ast.Starred) for argument in call.args[:1]):
        return False
    if is_method(call, subject):
        return True
    named = resolve(call.func, frame.f_locals, frame.f_globals)
    named = named.func if isinstance(named, functools.partial) else named
    return named is subject and (bool(call.args) or any(keyword.arg == "input" for keyword in call.keywords))


def is_method(call: ast.Call, subject: Function) -> bool:
    """Whether `call` reads `x.relu()`: the input stands before the dot."""
    described = type(subject).__name__ == "method_descriptor"
    return described and isinstance(call.func, ast.Attribute) and call.func.attr == getattr(subject, "__name__", "")


def whole_body(function: FunctionType) -> ast.Call | None:
    """The call that `function` consists of, if it reads `return call(x, ...)` with nothing before but a docstring."""
    found = _source(function)
    body = found[1].body if found else []
    if len(body) == 2 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    only = body[0] if len(body) == 1 else None
    call = only.value if isinstance(only, ast.Return) else None
    names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
    if isinstance(call, ast.Call) and len(names) == 1 and [ast.unparse(argument) for argument in call.args] == [*names]:
        return call
    return None


def resolve(node: ast.expr, *spaces: Mapping[str, Any]) -> Any:
    """What a name or a dotted name means in the first of `spaces` that has it; None for any other expression."""
    if isinstance(node, ast.Name):
        return next((space[node.id] for space in spaces if node.id in space), None)
    if isinstance(node, ast.Attribute):
        base = resolve(node.value, *spaces)
        return None if base is None else getattr(base, node.attr, None)
    return None


def rewritten(function: FunctionType, calls: Mapping[End, tuple[str, bool, bool]]) -> FunctionType:
    """A copy of the method `function` in which each call that ends at a key goes to an attribute of its module.

    Args:
        function: a method, whose source `call_at` has found.
        calls: for each call the attribute that takes it, whether its input stands before the dot, and whether all
            of its arguments are passed on, or the input alone.
    """
    found = _source(function)
    assert found is not None, "call_at has found it"
    module, _ = copy.deepcopy(found)
    for call in [call for call in ast.walk(module) if isinstance(call, ast.Call) and _end(call) in calls]:
        attribute, method, everything = calls[_end(call)]
        if method:
            assert isinstance(call.func, ast.Attribute)
            call.args.insert(0, call.func.value)
        if not everything:
            named = [keyword.value for keyword in call.keywords if keyword.arg == "input"]
            call.args, call.keywords = (call.args or named)[:1], []
        owner = ast.Name(function.__code__.co_varnames[0], ast.Load())
        call.func = ast.copy_location(ast.Attribute(owner, attribute, ast.Load()), call.func)
    code = _compile(ast.fix_missing_locations(module), function.__code__)
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    closure = tuple(cells[name] for name in code.co_freevars)
    made = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, closure)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__doc__ = function.__doc__
    made.__annotations__ = function.__annotations__
    made.__dict__.update(function.__dict__)
    return made


def _source(function: FunctionType) -> tuple[ast.Module, ast.FunctionDef] | None:
    """The syntax tree of `function`, within what its file needs to compile it to the same code.

    None where there is no source, or another one than what is running.
    """
    code = function.__code__
    return _matching(code, "".join(linecache.getlines(code.co_filename, function.__globals__)))


@lru_cache(maxsize=1024)
def _matching(code: CodeType, text: str) -> tuple[ast.Module, ast.FunctionDef] | None:
    tree = _parse(text)
    for top in tree.body:
        for node in ast.walk(top):
            if (
                isinstance(node, ast.FunctionDef)
                and node.name == code.co_name
                and _first_line(node) == code.co_firstlineno
            ):
                # The compiler looks at a file's imports: calls of an imported module compile to other instructions.
                kept = [other for other in tree.body if other is top or not isinstance(other, _DEFINITIONS)]
                module = ast.Module(kept, [])
                return (module, node) if _same(_compile(module, code), code) else None
    return None


@lru_cache(maxsize=64)
def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])


def _compile(module: ast.Module, code: CodeType) -> CodeType:
    """Compile `module`, and find in it what stands where `code` stood."""
    compiled = compile(module, code.co_filename, "exec", code.co_flags & _FUTURES, dont_inherit=True)
    place = (code.co_name, code.co_firstlineno)
    return next(found for found in codes(compiled) if (found.co_name, found.co_firstlineno) == place)


def _same(a: CodeType, b: CodeType) -> bool:
    """Whether two codes do the same."""
    alike = (a.co_code, a.co_names, a.co_varnames, a.co_freevars) == (
        b.co_code,
        b.co_names,
        b.co_varnames,
        b.co_freevars,
    )
    constants = zip(a.co_consts, b.co_consts, strict=False)
    return alike and all(
        _same(x, y) if isinstance(x, CodeType) and isinstance(y, CodeType) else x == y for x, y in constants
    )


def _end(call: ast.Call) -> End:
    return (call.end_lineno or 0, call.end_col_offset or 0)


def _first_line(node: ast.FunctionDef) -> int:
    return min(line.lineno for line in (node, *node.decorator_list))
