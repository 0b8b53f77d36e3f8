"""Find the modules and the calls that a set of rules is about."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import currentframe, getattr_static, unwrap
from types import FrameType, FunctionType
from typing import Any

from torch import fx, nn

from unbend._errors import ArgumentError
from unbend.surgery._edit_base import made_of
from unbend.surgery._family_base import FAMILY_OF, Called, Function, as_module, is_inplace
from unbend.surgery._mention_base import may_call, mentions
from unbend.surgery._place_base import Place, Spot, locate
from unbend.surgery._rules_base import Key, Rules
from unbend.surgery._source_base import call_at, calls_directly, is_method, resolve, whole_body
from unbend.surgery._watch_base import Around, Rereads, Subject, Traced, feed, overwritten, quietly, watching

Identity = tuple[int, Spot, int]

_REREAD = "in place, and what it overwrites is read again"


@dataclass(eq=False)
class Call:
    """A place that calls a module or a function which a rule is about.

    Args:
        subject: the module or the function.
        place: where the call stands.
        key: the rule.
        old: the module itself, or one that computes the same as the function.
        in_source: whether it can be rewritten in the source of the method.
        before_dot: whether its input stands before the dot.
        inplace: whether it overwrites its input.
        obstacle: why it cannot be swapped; empty where it can.
        times: how often it was made.
    """

    subject: Subject
    place: Place
    key: Key
    old: nn.Module
    in_source: bool
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
        self.calls: dict[Identity, Call] = {}
        self.modules: dict[nn.Module, tuple[Key, nn.Module]] = {}
        for module in model.modules():
            key, old = rules.match(module), module
            if key is None and (wrapped := _wrapped(module)):
                function, old = wrapped
                key = rules.match(old, function)
            if key is not None:
                self.modules[module] = (key, old)

    def by_example(self, example: Any) -> None:
        """Run the model on `example`, and see every call that it makes."""

        def see(subject: Subject, run: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            if (found := self._call(subject, currentframe(), args, kwargs)) is not None:
                self.calls.setdefault(*found).times += 1
            return run(*args, **kwargs)

        self._run(example, see)
        if any(call.inplace for call in self.calls.values()):
            self._find_rereads(example)

    def by_tracing(self) -> None:
        """Trace each module by itself that makes, or may make, such a call.

        Raises:
            ArgumentError: a module that may make such a call cannot be traced.
        """
        callers = set(_callers(self.model, self.modules))
        for path, module in self.model.named_modules():
            may = not self._is_bend(module) and may_call(module, self.rules.functions)
            if not (may or module in callers):
                continue
            found: list[tuple[Identity, Call, fx.Proxy]] = []
            try:
                with quietly(module):
                    self._trace(module, found)
            except Exception as error:
                if may:
                    raise _needs_example(path, module, error) from error
                continue
            for key, call, proxy in found:
                call = self.calls.setdefault(key, call)
                call.times += 1
                if call.inplace and not call.obstacle and overwritten(proxy):
                    call.obstacle = _REREAD

    def missed(self) -> Iterator[tuple[nn.Module, str, int]]:
        """Lines that name a function of the rules where no such call was seen: the module, its method, the line."""
        seen: dict[tuple[nn.Module, str], set[int]] = {}
        for call in self.calls.values():
            place = call.place
            seen.setdefault((place.owner, place.code.co_qualname), set()).update(place.spot.lines)
        for module in self.model.modules():
            for edit in made_of(type(module))[1]:
                seen.setdefault((module, edit.spot.code), set()).update(edit.spot.lines)
            if self._is_bend(module) or module in self.modules:
                continue
            for method, code, line in mentions(module, self.rules.functions):
                if line not in seen.get((module, code.co_qualname), ()):
                    yield module, method, line

    def lookup(self, subject: Subject, frame: FrameType | None) -> Call | None:
        """The call found before at the place that `frame` is in."""
        place = locate(frame)
        return None if place is None else self.calls.get(_identity(subject, place))

    def _is_bend(self, module: nn.Module) -> bool:
        """Whether what `module` calls is what it is, so that it is a site and not a place of sites."""
        whole = self.modules.get(module, (None, module))[1] is not module
        return whole or (type(module).__module__.startswith("torch.nn.modules.") and not list(module.children()))

    def _run(self, example: Any, around: Around) -> None:
        with quietly(self.model), watching(self.rules.functions, self.modules, around):
            feed(self.model, example)

    def _find_rereads(self, example: Any) -> None:
        """Let in-place calls overwrite copies: it matters that they do where the original is read after that."""
        rereads = Rereads()

        def copying(subject: Subject, run: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            call = self.lookup(subject, currentframe())
            if call is not None and call.inplace and args:
                original, args = args[0], (args[0].clone(), *args[1:])
                rereads.expire(original, call)
            return run(*args, **kwargs)

        with rereads:
            self._run(example, copying)
        for call in rereads.read:
            call.obstacle = call.obstacle or _REREAD

    def _trace(self, module: nn.Module, found: list[tuple[Identity, Call, fx.Proxy]]) -> None:
        def seen(subject: Subject, args: Sequence[Any], kwargs: Mapping[str, Any], proxy: fx.Proxy) -> None:
            if subject in self.modules or subject in self.rules.functions:
                call = self._call(subject, currentframe(), args, kwargs)
                if call is not None:
                    found.append((*call, proxy))

        Traced(seen).trace(module)

    def _call(
        self, subject: Subject, frame: FrameType | None, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Identity, Call] | None:
        """The call at `frame`, and what it is filed under, if a rule is about it."""
        place = locate(frame)
        if place is None:
            return None
        identity = _identity(subject, place)
        if identity in self.calls:
            return identity, self.calls[identity]
        if isinstance(subject, nn.Module):
            (key, old), inplace = self.modules[subject], bool(getattr(subject, "inplace", False))
        else:
            old, inplace = as_module(subject, args, kwargs), is_inplace(subject, args, kwargs)
            key = None if self._is_bend(place.owner) else self.rules.match(old, subject)
        if key is None:
            return None
        in_source, before_dot = _in_source(subject, place, frame)
        obstacle = "its result is thrown away" if place.discarded else ""
        if place.recomputed and not in_source:
            obstacle = "torch.utils.checkpoint makes the call again when its module has returned"
        return identity, Call(subject, place, key, old, in_source, before_dot, inplace, obstacle)


def _wrapped(module: nn.Module) -> tuple[Function, nn.Module] | None:
    """The function of torch that `module` is nothing but a wrapper of, and torch's own module of it."""
    forward = getattr_static(type(module), "forward", None)
    if [*module.parameters(), *module.children()] or not isinstance(forward, FunctionType):
        return None
    call = None if "forward" in vars(module) else whole_body(forward)
    if call is None or not all(isinstance(keyword.value, ast.Constant) for keyword in call.keywords):
        return None
    function = resolve(call.func, {forward.__code__.co_varnames[0]: module}, forward.__globals__)
    constants = {
        word.arg: word.value.value for word in call.keywords if word.arg and isinstance(word.value, ast.Constant)
    }
    if isinstance(function, partial):
        function, constants = function.func, {**function.keywords, **constants}
    if not callable(function) or function not in FAMILY_OF or is_inplace(function, (), constants):
        return None
    return function, as_module(function, (None,), constants)


def _identity(subject: Subject, place: Place) -> Identity:
    return (id(place.owner), place.spot, id(subject))


def _in_source(subject: Subject, place: Place, frame: FrameType | None) -> tuple[bool, bool]:
    """Whether the call can be rewritten in the source of its method, and whether its input stands before the dot."""
    while frame is not None and frame.f_code is not place.code:
        frame = frame.f_back
    method, end = vars(place.holder)[place.method], place.spot.end
    if frame is None or place.obstacle or not (place.inside and end and isinstance(method, FunctionType)):
        return False, False
    nested = place.spot.code != method.__qualname__
    if nested and method.__code__.co_varnames[0] in place.code.co_varnames:
        return False, False
    call = call_at(method, end) if unwrap(method) is method else None
    if call is None or not calls_directly(call, subject, frame):
        return False, False
    return True, is_method(call, subject)


def _callers(model: nn.Module, modules: Mapping[nn.Module, Any]) -> Iterator[nn.Module]:
    """The modules whose methods call one of `modules`: their parents, lists passed over."""
    for path, module in model.named_modules(remove_duplicate=False):
        while path and module in modules:
            path = path.rpartition(".")[0]
            parent = model.get_submodule(path)
            if not isinstance(parent, nn.ModuleList | nn.ModuleDict):
                yield parent
                break


def _needs_example(path: str, module: nn.Module, error: Exception) -> ArgumentError:
    reason = str(error).strip().split("\n")[0]
    return ArgumentError.of(
        "example",
        f"None, and {path or 'the model'} ({type(module).__name__}) calls a function that a rule is about, but "
        f"torch.fx cannot trace it ({type(error).__name__}: {reason})",
        "an input of the model",
        "Give example=(x,), a tuple of arguments or a dict of keywords: the calls are then seen while it runs",
    )
