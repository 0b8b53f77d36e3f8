"""Send single calls of one module elsewhere, by giving the module an edited class."""

import functools
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import currentframe
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from unbend.surgery._place_base import STANDS_FOR, Spot, locate
from unbend.surgery._source_base import call_at, rewritten


@dataclass(frozen=True)
class Edit:
    """One call of a method that a child of the module takes from now on.

    Args:
        holder: the class that defines the method.
        method: the method that holds the call, or runs the function that holds it.
        spot: where the call stands.
        names: the names of the function that is called; a rewritten call needs none.
        child: the attribute of the module that takes the call.
        in_source: whether the call is rewritten in the source of the method, or intercepted while the method runs.
        before_dot: whether its input stands before the dot, as in `x.relu()`.
        everything: whether all of its arguments are handed on, or its input alone.
    """

    holder: type[nn.Module]
    method: str
    spot: Spot
    names: tuple[str, ...]
    child: str
    in_source: bool
    before_dot: bool
    everything: bool


class Edited:
    """Marks a class that `edited` made; the class that it stands for and what was edited are its attributes."""

    original: type[nn.Module]
    edits: tuple[Edit, ...]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # A class made at run time cannot be found by its name: copies and pickles make it anew.
        _, _, *state = super().__reduce_ex__(protocol)
        return (_restore, (self.original, self.edits), *state)


def made_of(cls: type[nn.Module]) -> tuple[type[nn.Module], tuple[Edit, ...]]:
    """The class that an edited class stands for, and its edits; any other class itself, and none."""
    return (cls.original, cls.edits) if issubclass(cls, Edited) else (cls, ())


@lru_cache(maxsize=1024)
def obstacle(cls: type[nn.Module]) -> str:
    """Why instances of `cls` cannot be given an edited class; empty where they can."""
    original, _ = made_of(cls)
    if issubclass(original, nn.Sequential | nn.ModuleList | nn.ModuleDict):
        return "its module runs over its children, and a new one would be taken for a layer"
    special = ("__new__", "__reduce__", "__reduce_ex__", "__deepcopy__")
    if any(getattr(original, name, None) is not getattr(nn.Module, name, None) for name in special):
        return "its module copies or pickles itself in a way of its own"
    try:
        edited(original, ())
    except Exception as error:
        return f"its class cannot be extended ({type(error).__name__}: {error})"
    return ""


@lru_cache(maxsize=1024)
def edited(original: type[nn.Module], edits: tuple[Edit, ...]) -> type[nn.Module]:
    """A subclass of `original`, of the same name, in which the edited calls go to children of the module."""
    # Each class whose methods are edited gets a subclass, which Python puts right before it in the order of methods:
    # a method that is reached through super() is then edited as well.
    bases: list[type] = [Edited]
    for cls in original.__mro__:
        own = tuple(edit for edit in edits if edit.holder is cls)
        if own or cls is original:
            bases.append(_variant(cls, own) if own else cls)
    return _subclass(original, tuple(bases), {"original": original, "edits": edits})


def _variant(holder: type[nn.Module], edits: tuple[Edit, ...]) -> type[nn.Module]:
    """A subclass of `holder` with its edited methods alone."""
    members: dict[str, Any] = {STANDS_FOR: holder}
    for method in dict.fromkeys(edit.method for edit in edits):
        function = vars(holder)[method]
        here = [edit for edit in edits if edit.method == method]
        calls = {e.spot.end: (e.child, e.before_dot, e.everything) for e in here if e.in_source and e.spot.end}
        if lost := [line for line, column in calls if call_at(function, (line, column)) is None]:
            where = f"{holder.__module__}.{holder.__qualname__}.{method}"
            raise RuntimeError(f"{where} has changed since a call in its line {lost[0]} was swapped")
        function = rewritten(function, calls) if calls else function
        caught = tuple(edit for edit in here if not edit.in_source)
        members[method] = intercepted(function, caught) if caught else function
    return _subclass(holder, (holder,), members)


def _subclass(like: type[nn.Module], bases: tuple[type, ...], members: dict[str, Any]) -> type[nn.Module]:
    members |= {name: getattr(like, name) for name in ("__module__", "__qualname__", "__doc__")}
    return types.new_class(like.__name__, bases, exec_body=lambda space: space.update(members))


def intercepted(function: types.FunctionType, edits: tuple[Edit, ...]) -> Callable[..., Any]:
    """The method `function`, with the calls of `edits` caught while it runs."""

    @functools.wraps(function)
    def method(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with _Interceptor(self, edits):
            return function(self, *args, **kwargs)

    reason = "unbend.swap catches a call here by its place in the source, which a compiler does not see"
    return torch.compiler.disable(method, reason=reason)


class _Interceptor(TorchFunctionMode):
    """Catches torch functions by the place that calls them."""

    def __init__(self, owner: nn.Module, edits: tuple[Edit, ...]) -> None:
        super().__init__()
        self.owner = owner
        self.edits = edits
        self.names = {name for edit in edits for name in edit.names}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        place = locate(currentframe()) if name in self.names else None
        if place is not None and place.owner is self.owner:
            for edit in self.edits:
                if edit.spot == place.spot and name in edit.names:
                    child = getattr(self.owner, edit.child)
                    if edit.everything:
                        return child(*args, **kwargs)
                    return child(args[0] if args else kwargs["input"])
        return func(*args, **kwargs)


def _restore(original: type[nn.Module], edits: tuple[Edit, ...]) -> nn.Module:
    return nn.Module.__new__(edited(original, edits))
