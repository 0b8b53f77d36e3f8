"""Bends by name."""

from functools import cache
from importlib import import_module
from typing import Any

from torch import nn

from unbend._errors import ArgumentError, UnknownNameError
from unbend._rooms import exports
from unbend.activations._base import Bend
from unbend.activations._catalogue_base import Entry, catalogue


def bend(name: str, **params: Any) -> Any:
    """Make the bend called `name`.

    Names are those of the classes and their aliases, of torch and of transformers where the function is the same, and
    those of the catalogue, its gated and vector-valued entries among them; case, hyphens and underscores do not count.

    Args:
        name: such as "golu", "GELU", "gelu_tanh", "swish".
        params: arguments of the class.

    Returns:
        A `Bend`; for an entry that is no function of one number, the module that computes it.

    Raises:
        UnknownNameError: nothing has that name; the message suggests the nearest.
        ArgumentError: the bend takes no such argument, or lacks one that it needs.

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
        return carrier(catalogue()[made])(made, **params)
    try:
        return made(**params)
    except TypeError as error:
        raise ArgumentError.of("params", params, f"arguments of {made.__name__}", str(error)) from error


def plain(name: str) -> str:
    """The name with nothing that does not count."""
    return name.lower().replace("_", "").replace("-", "")


def carrier(entry: Entry) -> Any:
    """The class that makes an entry of the catalogue which has no class of its own."""
    return _room().ClosedForm if entry.kind == "bend" else _room().GatedForm


def _room() -> Any:
    return import_module("unbend.activations")


@cache
def names() -> dict[str, type[nn.Module] | str]:
    """Every name, with its class, or with the name of its entry in the catalogue.

    A class that is no `Bend` has a name here when it declares `aliases`, or when a vector-valued entry is called as it
    is: `unbend.bend` need not make layers.
    """
    found: dict[str, type[nn.Module] | str] = {}
    vectors = {plain(entry.name) for entry in catalogue().values() if entry.kind == "vector"}
    for export in exports("activations"):
        made = getattr(_room(), export)
        if not (isinstance(made, type) and issubclass(made, nn.Module)) or export in ("Bend", "ClosedForm"):
            continue
        if issubclass(made, Bend) or hasattr(made, "aliases") or plain(export) in vectors:
            for name in (export, *getattr(made, "aliases", ())):
                other = found.setdefault(plain(name), made)
                if other is not made:
                    raise ArgumentError.of("aliases", name, f"a name that {other} does not have")
    entries = [entry for entry in catalogue().values() if entry.kind != "vector"]
    for entry in entries:
        found.setdefault(plain(entry.name), entry.name)
    for entry in entries:
        for name in entry.also:
            found.setdefault(plain(name), found[plain(entry.name)])
    return found
