"""Bends by name."""

from functools import cache
from importlib import import_module
from typing import Any

from unbend._errors import ArgumentError, UnknownNameError
from unbend._rooms import exports
from unbend.activations._base import Bend


def bend(name: str, **params: Any) -> Bend:
    """Make the bend called `name`.

    Names are those of the classes and their aliases, of torch and of transformers where the function is the same; case,
    hyphens and underscores do not count.

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
    made, fixed = known[key]
    try:
        return made(**{**fixed, **params})
    except TypeError as error:
        raise ArgumentError.of("params", params, f"arguments of {made.__name__}", str(error)) from error


def plain(name: str) -> str:
    """The name with nothing that does not count."""
    return name.lower().replace("_", "").replace("-", "")


@cache
def names() -> dict[str, tuple[type[Bend], dict[str, Any]]]:
    """Every name, with its class and the arguments that the name stands for."""
    room = import_module("unbend.activations")
    found: dict[str, tuple[type[Bend], dict[str, Any]]] = {}
    for export in exports("activations"):
        made = getattr(room, export)
        if isinstance(made, type) and issubclass(made, Bend) and made is not Bend:
            for name, fixed in {made.__name__: {}, **made.aliases}.items():
                if plain(name) in found:
                    other = found[plain(name)][0].__name__
                    raise ArgumentError.of("aliases", name, f"a name that {other} does not have")
                found[plain(name)] = (made, dict(fixed))
    return found
