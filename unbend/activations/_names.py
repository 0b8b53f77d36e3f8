"""Bends by name."""

from functools import cache
from importlib import import_module
from typing import Any

from unbend._errors import ArgumentError, UnknownNameError
from unbend._rooms import exports
from unbend.activations._base import Bend
from unbend.activations._catalogue_base import catalogue


def bend(name: str, **params: Any) -> Bend:
    """Make the bend called `name`.

    Names are those of the classes and their aliases, of torch and of transformers where the function is the same, and
    those of the catalogue of closed forms; case, hyphens and underscores do not count.

    Args:
        name: such as "golu", "GELU", "gelu_tanh", "swish".
        params: arguments of the class.

    Raises:
        UnknownNameError: nothing has that name; the message suggests the nearest.
        ArgumentError: the bend takes no such argument.

    Examples:
        >>> bend("golu", gamma=2.0)
        GoLU(gamma=2.0)
    """
    known = names()
    key = plain(name)
    if key not in known:
        raise UnknownNameError.of("bend", name, known)
    made = known[key]
    if isinstance(made, str):
        return _room().ClosedForm(made, **params)
    try:
        return made(**params)
    except TypeError as error:
        raise ArgumentError.of("params", params, f"arguments of {made.__name__}", str(error)) from error


def plain(name: str) -> str:
    """The name with nothing that does not count."""
    return name.lower().replace("_", "").replace("-", "")


def _room() -> Any:
    return import_module("unbend.activations")


@cache
def names() -> dict[str, type[Bend] | str]:
    """Every name, with its class, or with the name of its entry in the catalogue."""
    room = _room()
    found: dict[str, type[Bend] | str] = {}
    for export in exports("activations"):
        made = getattr(room, export)
        if isinstance(made, type) and issubclass(made, Bend) and made not in (Bend, room.ClosedForm):
            for name in (made.__name__, *made.aliases):
                other = found.setdefault(plain(name), made)
                if other is not made:
                    raise ArgumentError.of("aliases", name, f"a name that {other} does not have")
    for entry in catalogue().values():
        if entry.kind == "bend":
            found.setdefault(plain(entry.name), entry.name)
    return found
