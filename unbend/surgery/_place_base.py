"""Where a call stands: read from the frame that makes it, while it is being made."""

import dis
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from torch import nn

# Frames between a call and what it reaches: torch's dispatch, its tracer, and ours.
_PLUMBING = ("torch.overrides", "torch.functional", "torch._jit_internal", "torch._tensor", "torch.nn.functional")
_PLUMBING_ROOMS = ("torch.fx.", "torch.nn.modules.module", "unbend.surgery.")

# Under this name a class that was made at run time keeps the class whose methods it has edited.
STANDS_FOR = "_unbend_stands_for"


@dataclass(frozen=True)
class Spot:
    """A call in the source, the same whether or not other calls beside it have been rewritten.

    Args:
        code: the full name of the function that holds the call.
        first: its first line.
        line: the first line of the call.
        last: its last line.
        start: its first column.
        stop: the column at which it ends.
        offset: where it stands in the bytecode, where Python kept no columns.
    """

    code: str
    first: int
    line: int
    last: int
    start: int | None
    stop: int | None
    offset: int | None = None

    @property
    def lines(self) -> range:
        """The lines that the call spans."""
        return range(self.line, self.last + 1)

    @property
    def end(self) -> tuple[int, int] | None:
        """Line and column at which the call ends, if Python kept them."""
        return None if self.stop is None else (self.last, self.stop)


@dataclass(frozen=True, eq=False)
class Place:
    """One place in the source at which a call stands, seen from the module whose method makes it.

    Args:
        owner: the module whose method holds the call, or runs the function that holds it.
        method: the name of that method.
        holder: the class that defines it.
        spot: the call in the source.
        code: the function that holds the call.
        offset: where the call stands in the bytecode.
        inside: whether the call stands in the text of the method, not in a function that the method calls.
        obstacle: why calls of this method cannot be changed; empty where they can.
        recomputed: whether torch.utils.checkpoint makes the call, and makes it again when its module has returned.
    """

    owner: nn.Module
    method: str
    holder: type[nn.Module]
    spot: Spot
    code: CodeType
    offset: int
    inside: bool
    obstacle: str = ""
    recomputed: bool = False

    @property
    def text(self) -> str:
        """Such as `forward, net.py:31`, or `gated in forward, net.py:12`."""
        if isinstance(self.owner, nn.Sequential) and self.code.co_filename == inspect.getfile(nn.Sequential):
            return "Sequential"
        where = self.method if self.inside else f"{self.code.co_name} in {self.method}"
        return f"{where}, {Path(self.code.co_filename).name}:{self.spot.line}"

    @property
    def discarded(self) -> bool:
        """Whether the result of the call is thrown away."""
        steps = [step for step in dis.get_instructions(self.code) if step.offset >= self.offset]
        return len(steps) > 1 and steps[1].opname == "POP_TOP"


def locate(frame: FrameType | None) -> Place | None:
    """The place of the call that `frame`, or the dispatch above it, is in; None outside of any module's method."""
    while frame is not None and _is_plumbing(frame):
        frame = frame.f_back
    if frame is None:
        return None
    site, recomputed = frame, False
    while frame is not None:
        owner = first_argument(frame)
        if isinstance(owner, nn.Module) and (found := method_of(type(owner), frame.f_code)):
            code, offset = site.f_code, site.f_lasti
            inside = any(code is inner for inner in codes(frame.f_code))
            method, holder = found
            obstacle = _obstacle(owner, method, holder, frame)
            return Place(owner, method, holder, spot(code, offset), code, offset, inside, obstacle, recomputed)
        recomputed = recomputed or frame.f_globals.get("__name__") == "torch.utils.checkpoint"
        frame = frame.f_back
    return None


@lru_cache(maxsize=4096)
def spot(code: CodeType, offset: int) -> Spot:
    """The spot of the instruction at `offset`."""
    line, last, start, stop = list(code.co_positions())[offset // 2]
    line = line or code.co_firstlineno
    unknown = None if stop is not None else offset
    return Spot(code.co_qualname, code.co_firstlineno, line, last or line, start, stop, unknown)


def first_argument(frame: FrameType) -> Any:
    """What the function of `frame` was called on."""
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def codes(code: CodeType) -> Iterator[CodeType]:
    """`code` and the functions, lambdas and comprehensions defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


@lru_cache(maxsize=4096)
def method_of(cls: type[nn.Module], code: CodeType) -> tuple[str, type[nn.Module]] | None:
    """The method of a module class, by its name and the class that defines it, whose code, bare or wrapped, this is."""
    for name, value, holder in methods(cls):
        if getattr(inspect.unwrap(value), "__code__", None) == code:
            return name, holder
    return None


def methods(cls: type[nn.Module]) -> Iterator[tuple[str, Any, type[nn.Module]]]:
    """Name, function and defining class of every method of a module class that is not `nn.Module`'s own."""
    for base in cls.__mro__:
        if base is nn.Module:
            return
        for name, value in vars(base).items():
            if callable(value) and not isinstance(value, type):
                yield name, value, vars(base).get(STANDS_FOR, base)


def _obstacle(owner: nn.Module, method: str, holder: type[nn.Module], frame: FrameType) -> str:
    patch = vars(owner).get(method)
    if patch is not None and not getattr(patch, "__module__", "").startswith("unbend.surgery."):
        return f"{method} is patched on the instance"
    overridden = next(found for name, _, found in methods(type(owner)) if name == method) is not holder
    if overridden and not (frame.f_back and "super" in frame.f_back.f_code.co_names):
        return f"{holder.__name__}.{method} is called by that name, not through super()"
    return ""


def _is_plumbing(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    return name in _PLUMBING or name.startswith(_PLUMBING_ROOMS)
