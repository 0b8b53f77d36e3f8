"""What the code of a module could call, read from its bytecode without running it."""

import dis
import functools
from collections.abc import Collection, Iterator
from functools import lru_cache
from inspect import unwrap
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from unbend.surgery._family_base import Function
from unbend.surgery._place_base import codes, methods


def may_call(module: nn.Module, functions: Collection[Function]) -> bool:
    """Whether a method of `module` names one of `functions`, keeps it or its name, or runs a function that names it."""
    names = frozenset(name for function in functions for name in spellings(function))
    kept = [value for held in vars(module).values() for value in (held if isinstance(held, list | tuple) else [held])]
    for value in kept:
        value = value.func if isinstance(value, functools.partial) else value
        if _among(value, functions) or (isinstance(value, FunctionType) and _reaches(value, names)):
            return True
        if isinstance(value, str) and value in names:
            return True
    if any(True for _ in mentions(module, functions)):
        return True
    return any(_reaches(helper, names) for method in _own(module) for helper in _helpers(method))


def mentions(module: nn.Module, functions: Collection[Function]) -> Iterator[tuple[str, CodeType, int]]:
    """Where the methods of `module` name one of `functions`: the method, the code in it, the line."""
    names = frozenset(name for function in functions for name in spellings(function))
    told = set[tuple[str, int]]()
    for method in _own(module):
        for code, line, holder, name in _named(method.__code__, names):
            # `self.relu` is what the module holds under that name: most often a module.
            own = holder == method.__code__.co_varnames[0]
            if (not own or _among(getattr(module, name, None), functions)) and (code.co_qualname, line) not in told:
                told.add((code.co_qualname, line))
                yield method.__name__, code, line


def spellings(function: Function) -> tuple[str, ...]:
    """The names under which `function` may be reached."""
    name = getattr(function, "__name__", "").strip("_").replace("log_sigmoid", "logsigmoid")
    return (name, f"{name}_")


def _own(module: nn.Module) -> Iterator[FunctionType]:
    for name, value, _ in methods(type(module)):
        method = unwrap(value)
        if isinstance(method, FunctionType) and method.__code__.co_argcount and not name.startswith("__"):
            yield method


def _named(code: CodeType, names: frozenset[str]) -> Iterator[tuple[CodeType, int, Any, str]]:
    """Instructions that load one of `names`: the code, the line, what it is loaded from, the name."""
    for inner in codes(code):
        before = None
        if not names & {*inner.co_names, *inner.co_freevars}:
            continue
        for step in dis.get_instructions(inner):
            if step.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL", "LOAD_DEREF") and step.argval in names:
                line = step.positions.lineno if step.positions else None
                yield inner, line or inner.co_firstlineno, before, step.argval
            before = step.argval


def _helpers(function: FunctionType) -> Iterator[FunctionType]:
    """The functions of the user's that `function` names, whether bare or as an attribute of an imported module."""
    for code in codes(function.__code__):
        for name in code.co_names:
            found = function.__globals__.get(name)
            spaces = [vars(found)] if isinstance(found, type(functools)) else []
            for value in (found, *(space.get(other) for space in spaces for other in code.co_names)):
                value = unwrap(value) if callable(value) else value
                if isinstance(value, FunctionType) and (value.__module__ or "").split(".")[0] != "torch":
                    yield value


@lru_cache(maxsize=4096)
def _reaches(function: FunctionType, names: frozenset[str]) -> bool:
    seen, waiting = set[FunctionType](), [function]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if any(True for _ in _named(current.__code__, names)):
            return True
        waiting.extend(_helpers(current))
    return False


def _among(value: Any, functions: Collection[Function]) -> bool:
    return any(value is function for function in functions)
