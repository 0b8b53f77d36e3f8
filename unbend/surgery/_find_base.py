"""Find the modules and the calls that a set of rules is about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import currentframe, getattr_static, unwrap
from types import FrameType, FunctionType
from typing import Any

import torch
from torch import Tensor, fx, nn

from unbend._errors import ArgumentError
from unbend.surgery._edit_base import original_of
from unbend.surgery._family_base import Called, as_module, is_inplace
from unbend.surgery._mention_base import may_call, mentions
from unbend.surgery._place_base import Place, locate
from unbend.surgery._rules_base import Key, Rules
from unbend.surgery._source_base import End, call_at, calls_directly, is_method
from unbend.surgery._watch_base import Subject, Traced, feed, overwritten, quietly, tensors, watching


@dataclass(eq=False)
class Call:
    """A place that calls a module or a function which a rule is about.

    Args:
        subject: the module or the function.
        place: where the call stands.
        key: the rule.
        old: the module itself, or one that computes the same as the function.
        end: where the call ends in the source, if it can be rewritten there.
        before_dot: whether its input stands before the dot.
        inplace: whether it overwrites its input.
        obstacle: why it cannot be swapped; empty where it can.
        times: how often it was made.
    """

    subject: Subject
    place: Place
    key: Key
    old: nn.Module
    end: End | None
    before_dot: bool
    inplace: bool
    obstacle: str = ""
    times: int = 0

    @property
    def everything(self) -> bool:
        """Whether the new module is given all that is given here, not the input alone."""
        return isinstance(self.subject, nn.Module) or isinstance(self.old, Called)


class Finder:
    """Modules and calls of one model that a set of rules is about.

    After `by_example` or `by_tracing`, `calls` holds the calls in the order in which they were first made, and
    `missed` those lines that name a function of the rules in a call that was not made.
    """

    def __init__(self, model: nn.Module, rules: Rules) -> None:
        self.model = model
        self.rules = rules
        self.calls: dict[tuple[int, ...], Call] = {}
        self.modules: dict[nn.Module, Key] = {}
        for module in model.modules():
            key = rules.match(module)
            if key is not None:
                self.modules[module] = key

    def by_example(self, example: Any) -> None:
        """Run the model on `example`, and see every call that it makes."""
        plain = self._run(example, None)
        suspects = [call for call in self.calls.values() if call.inplace and not call.obstacle]
        # Whether it matters that a call overwrites its input is tried out: let it overwrite a copy instead.
        if suspects and not _same(plain, self._run(example, suspects)):
            for call in suspects:
                if not _same(plain, self._run(example, [call])):
                    call.obstacle = "in place, and what it overwrites is read again"

    def by_tracing(self) -> None:
        """Trace each module by itself that makes, or may make, such a call.

        Raises:
            ArgumentError: a module that may make such a call cannot be traced.
        """
        callers = set(_callers(self.model, self.modules))
        for path, module in self.model.named_modules():
            may = not is_torchs_leaf(module) and may_call(module, self.rules.functions)
            if not (may or module in callers):
                continue
            found: list[tuple[tuple[int, ...], Call, fx.Proxy]] = []
            try:
                with quietly(module):
                    self._trace(module, found)
            except Exception as error:
                if may:
                    raise _needs_example(path, module, error) from error
                continue
            for key, call, proxy in found:
                self.calls.setdefault(key, call).times += 1
                if call.inplace and not call.obstacle and overwritten(proxy):
                    call.obstacle = "in place, and what it overwrites is read again"

    def missed(self) -> Iterator[tuple[nn.Module, str, int]]:
        """Lines that name a function of the rules where no such call was seen: the module, its method, the line."""
        seen: dict[tuple[nn.Module, str], set[int]] = {}
        for call in self.calls.values():
            place = call.place
            seen.setdefault((place.owner, place.code.co_qualname), set()).update(place.lines)
        for module in self.model.modules():
            if is_torchs_leaf(module) or module in self.modules:
                continue
            for method, code, line in mentions(module, self.rules.functions):
                if line not in seen.get((module, code.co_qualname), ()):
                    yield module, method, line

    def lookup(self, subject: Subject, frame: FrameType | None) -> Call | None:
        """The call found before at the place that `frame` is in."""
        place = locate(frame)
        return None if place is None else self.calls.get(_identity(subject, place))

    def _run(self, example: Any, copied: Sequence[Call] | None) -> list[Tensor]:
        def around(subject: Subject, run: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            frame = currentframe()
            if copied is None:
                if (found := self._call(subject, frame, args, kwargs)) is not None:
                    self.calls.setdefault(*found).times += 1
            elif args and self.lookup(subject, frame) in copied:
                args = (args[0].clone(), *args[1:])
            return run(*args, **kwargs)

        with quietly(self.model), watching(self.rules.functions, self.modules, around):
            return [tensor.clone() for tensor in tensors(feed(self.model, example))]

    def _trace(self, module: nn.Module, found: list[tuple[tuple[int, ...], Call, fx.Proxy]]) -> None:
        def seen(subject: Subject, args: Sequence[Any], kwargs: Mapping[str, Any], proxy: fx.Proxy) -> None:
            if subject in self.modules or subject in self.rules.functions:
                call = self._call(subject, currentframe(), args, kwargs)
                if call is not None:
                    found.append((*call, proxy))

        Traced(seen).trace(module)

    def _call(
        self, subject: Subject, frame: FrameType | None, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[int, ...], Call] | None:
        """The call at `frame`, and what it is filed under, if a rule is about it."""
        place = locate(frame)
        if place is None:
            return None
        identity = _identity(subject, place)
        if identity in self.calls:
            return identity, self.calls[identity]
        if isinstance(subject, nn.Module):
            key, old, inplace = self.modules[subject], subject, bool(getattr(subject, "inplace", False))
        else:
            old, inplace = as_module(subject, args, kwargs), is_inplace(subject, args, kwargs)
            key = None if is_torchs_leaf(place.owner) else self.rules.match(old, subject)
        if key is None:
            return None
        end, before_dot = _in_source(subject, place, frame)
        obstacle = "its result is thrown away" if place.discarded else ""
        return identity, Call(subject, place, key, old, end, before_dot, inplace, obstacle)


def is_torchs_leaf(module: nn.Module) -> bool:
    """Whether `module` is one of torch's own without children: what it calls is what it is."""
    return type(module).__module__.startswith("torch.nn.modules.") and not any(True for _ in module.children())


def _identity(subject: Subject, place: Place) -> tuple[Any, ...]:
    return (id(place.owner), *place.key, id(subject))


def _in_source(subject: Subject, place: Place, frame: FrameType | None) -> tuple[End | None, bool]:
    """Where the call ends in the source, if it can be rewritten there, and whether its input stands before the dot."""
    while frame is not None and frame.f_code is not place.code:
        frame = frame.f_back
    method = getattr_static(original_of(type(place.owner)), place.method, None)
    if frame is None or place.obstacle or not (place.inside and place.end and isinstance(method, FunctionType)):
        return None, False
    call = call_at(method, place.end)
    if call is None or unwrap(method) is not method or not calls_directly(call, subject, frame):
        return None, False
    return place.end, is_method(call, subject)


def _callers(model: nn.Module, modules: Mapping[nn.Module, Any]) -> Iterator[nn.Module]:
    """The modules whose methods call one of `modules`: their parents, lists passed over."""
    for path, module in model.named_modules(remove_duplicate=False):
        while path and module in modules:
            path = path.rpartition(".")[0]
            parent = model.get_submodule(path)
            if not isinstance(parent, nn.ModuleList | nn.ModuleDict):
                if not isinstance(parent, nn.Sequential):
                    yield parent
                break


def _same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x.nan_to_num(), y.nan_to_num()) for x, y in zip(a, b))


def _needs_example(path: str, module: nn.Module, error: Exception) -> ArgumentError:
    reason = str(error).strip().split("\n")[0]
    return ArgumentError.of(
        "example",
        f"None, and {path or 'the model'} ({type(module).__name__}) calls a function that a rule is about, but "
        f"torch.fx cannot trace it ({type(error).__name__}: {reason})",
        "an input of the model",
        "Give example=(x,), a tuple of arguments or a dict of keywords: the calls are then seen while it runs",
    )
