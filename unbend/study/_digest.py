"""The digest of the code behind a cell: equal digests mean that it would run the same code again."""

import functools
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

from unbend._rooms import METHOD_ROOMS, Export, exports
from unbend.study._closure import Closure, Unit, is_installed
from unbend.study._live import class_parts, function_node, function_parts
from unbend.study._record import canonical
from unbend.study._source import text, uses
from unbend.study._spec import Arm, Study


def digests(study: Study, closure: Closure | None = None) -> dict[str, str]:
    """The digest of each arm of the study: of all code of ours that the arm, the trial and the reference reach.

    Comments, docstrings, layout and the names of files do not count; neither does code of installed packages, except
    that the version counts of torch and of the package that an arm comes from. Data count by content, in the key.

    Args:
        study: whose arms.
        closure: what reads the files; it knows them afterwards.
    """
    closure = closure or Closure()
    shared = [study.trial, *([study.arm(study.reference)] if study.reference else [])]
    return {arm: Digest(closure).of(study.arm(arm), *shared) for arm in study.arms}


class Digest:
    """Describes values as JSON, and collects the code that they stand for."""

    def __init__(self, closure: Closure) -> None:
        self._closure = closure
        self._units: set[Unit] = set()
        # By number, and with the value kept alive: the number of an object that is gone may be given to another.
        self._seen: dict[int, tuple[Any, Any]] = {}

    def of(self, *values: Any) -> str:
        described = [self._describe(value) for value in values]
        whole = {"values": described, "code": self._closure.hashes(self._units), "torch": _version("torch")}
        return sha256(canonical(whole).encode()).hexdigest()

    def _describe(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return repr(value)
        if isinstance(value, str):
            self._units.update(self._named(value))
            line = _catalogued(value)
            return [value, line] if line else value
        if id(value) not in self._seen:
            self._seen[id(value)] = value, "itself"
            self._seen[id(value)] = value, self._parts(value)
        return self._seen[id(value)][1]

    def _parts(self, value: Any) -> Any:
        match value:
            case list() | tuple():
                return [self._describe(item) for item in value]
            case set() | frozenset():
                return sorted(canonical(self._describe(item)) for item in value)
            case Mapping():
                return {str(name): self._describe(item) for name, item in value.items()}
            case Arm():
                return self._describe([value.make, value.params])
            case functools.partial():
                return self._describe([value.func, value.args, value.keywords])
            case MethodType():
                return self._describe([value.__self__, value.__func__])
            case ModuleType():
                return value.__name__
            case FunctionType() | type():
                return self._code(value)
            case _ if hasattr(value, "__wrapped__"):
                return self._describe(value.__wrapped__)
            case _ if hasattr(value, "__qualname__"):
                return _installed(value)
            case _:
                return {"type": self._describe(type(value)), "state": self._state(value)}

    def _state(self, value: Any) -> Any:
        if hasattr(value, "tobytes") or hasattr(value, "detach"):
            array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
            return [str(array.dtype), list(array.shape), sha256(array.tobytes()).hexdigest()]
        if is_dataclass(value):
            return {field.name: self._describe(getattr(value, field.name)) for field in fields(value)}
        if getattr(value, "__dict__", None):
            return self._describe(vars(value))
        return re.sub(r" at 0x[0-9a-f]+", "", repr(value))

    def _code(self, value: "FunctionType | type") -> Any:
        """A function or a class: its name when its file says the rest, else all that it is made of."""
        module = value.__module__ or ""
        path = _main_file() if module == "__main__" else self._closure.file(module)
        name = value.__qualname__.partition(".")[0]
        if path and name in self._closure.source(path).definitions and "<locals>" not in value.__qualname__:
            self._units.add(Unit(path, name))
            return value.__qualname__
        if isinstance(value, type):
            made_here = module == "__main__" or "<locals>" in value.__qualname__
            return self._describe(class_parts(value)) if made_here else _installed(value)
        place = value.__code__.co_filename
        if path is None and is_installed(place):
            return _installed(value)
        return self._function(value, path if path and path.name == Path(place).name else None)

    def _function(self, value: FunctionType, path: Path | None) -> Any:
        """A lambda, or a function made within another or in a notebook."""
        node = function_node(value, self._closure.source(path).tree if path else None)
        used = uses(node).without(value.__code__) if node else None
        if path and used:
            reached = self._closure.reached(path, used)
            self._units |= reached.units
            found: Any = sorted(reached.outside)
        else:
            names = {chain[0] for chain in used.chains} if used else set(value.__code__.co_names)
            found = {name: value.__globals__[name] for name in sorted(names) if name in value.__globals__}
        body = text([node]) if node else None
        named = sorted(used.strings) if used else []
        return self._describe([body, *function_parts(value, with_code=node is None), named, found])

    def _named(self, name: str) -> Iterator[Unit]:
        """What a parameter such as `bend="golu"` may name, where a room exports it."""
        for export in _public().get(_key(name), ()):
            path = self._closure.file(f"unbend.{export.room}.{export.path.stem}")
            if path and export.name in self._closure.source(path).definitions:
                yield Unit(path, export.name)


@functools.cache
def _public() -> dict[str, list[Export]]:
    from unbend.activations._catalogue_base import catalogue
    from unbend.activations._names import carrier, names

    found: dict[str, list[Export]] = {}
    for export in (export for room in METHOD_ROOMS for export in exports(room).values()):
        found.setdefault(_key(export.name), []).append(export)
    bends = exports("activations")
    for name, made in names().items():
        # A name of the catalogue of closed forms is a string.
        made = carrier(catalogue()[made]) if isinstance(made, str) else made
        found.setdefault(name, []).append(bends[made.__name__])
    return found


def _catalogued(name: str) -> str | None:
    """The line of the catalogue of closed forms that `name` stands for; it says what the code computes."""
    from unbend.activations._catalogue_base import catalogue
    from unbend.activations._names import names

    entry = names().get(_key(name))
    return repr(catalogue()[entry]) if isinstance(entry, str) else None


def _key(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _installed(value: Callable[..., Any]) -> list[str]:
    """A thing of an installed package: its name and the package's version."""
    module = getattr(value, "__module__", None) or ""
    return [f"{module}.{value.__qualname__}", _version(module.partition(".")[0])]


@functools.cache
def _version(package: str) -> str:
    # Imported late, as it brings the email package.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package) if package else ""
    except PackageNotFoundError:
        return ""


def _main_file() -> Path | None:
    place = getattr(sys.modules["__main__"], "__file__", None)
    return Path(place) if place and Path(place).suffix == ".py" and Path(place).is_file() else None
