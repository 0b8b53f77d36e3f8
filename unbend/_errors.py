"""Errors that name the argument, what came, what was expected, and the remedy. Imports no torch."""

import difflib
from collections.abc import Collection, Iterable
from importlib import import_module
from types import ModuleType
from typing import Any


class UnbendError(Exception):
    """Base of every error that unbend raises on purpose; the command line prints it without a traceback."""


class ArgumentError(UnbendError, ValueError):
    """An argument has a value that the function cannot use."""

    @classmethod
    def of(cls, argument: str, got: object, expected: str, remedy: str = "") -> "ArgumentError":
        """Build the one-line message: `argument: got ...; expected ...; remedy`."""
        shown = got if isinstance(got, str) else repr(got)
        return cls(f"{argument}: got {shown}; expected {expected}" + (f". {remedy}" if remedy else ""))


class UnknownNameError(UnbendError, LookupError):
    """A name that nothing answers to; the message suggests the nearest ones."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], remedy: str = "") -> "UnknownNameError":
        """Build the message: `unknown kind 'name'; did you mean ...?`."""
        options = sorted(set(known))
        near = difflib.get_close_matches(name, options, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else _some(options)
        return cls(f"unknown {kind} {name!r}; {hint}" + (f" {remedy}" if remedy else ""))


class MissingExtraError(UnbendError, ImportError):
    """An optional dependency is not installed."""


class MissingDataError(UnbendError, FileNotFoundError):
    """A data file that no package ships is not where it is looked for."""


def extra(module: str, name: str) -> ModuleType:
    """Import an optional dependency, or say which extra of unbend brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"this needs {module}: pip install 'unbend[{name}]' ({error})") from error


def positive(**value: object) -> Any:
    """Return the one keyword value if it is a finite number > 0, else raise an error naming it."""
    ((name, number),) = value.items()
    if not (isinstance(number, int | float) and 0 < number < float("inf")):
        raise ArgumentError.of(name, number, "a finite number > 0")
    return number


def at_least(least: int, **value: object) -> Any:
    """Return the one keyword value if it is a whole number >= `least`, else raise an error naming it."""
    ((name, number),) = value.items()
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ArgumentError.of(name, number, f"a whole number >= {least}")
    return number


def one_of(options: Collection[str], **value: str) -> Any:
    """Return the one keyword value if it is among `options`, else raise an error that suggests the nearest."""
    ((name, chosen),) = value.items()
    if chosen not in options:
        near = difflib.get_close_matches(str(chosen), options, n=1)
        raise ArgumentError.of(
            name, chosen, f"one of {', '.join(options)}", f"Did you mean {near[0]!r}?" if near else ""
        )
    return chosen


def _some(options: list[str]) -> str:
    if not options:
        return "there are none yet."
    more = f" and {len(options) - 12} more" if len(options) > 12 else ""
    return f"known: {', '.join(options[:12])}{more}."
