"""Data sets by name: every public `def name() -> Dataset:` of this room is one."""

import re
from functools import cache
from importlib import import_module

from unbend._errors import UnknownNameError
from unbend._rooms import Export, exports
from unbend.data._dataset import Dataset


def load(name: str) -> Dataset:
    """Load data set `name`, such as `digits` or `shifted-digits`; `names()` lists them.

    Args:
        name: the name of its function in this room, with `-` for `_`.

    Raises:
        UnknownNameError: no data set is called so; the nearest names are suggested.
        MissingExtraError: the package that ships it is not installed.

    Examples:
        >>> load("digits").shape
        (1, 8, 8)
    """
    known = _loaders()
    if name not in known:
        raise UnknownNameError.of("data set", name, known)
    found: Dataset = getattr(import_module("unbend.data"), known[name].name)()
    return found


def names() -> list[str]:
    """Names of the data sets that `load` knows, sorted; imports no torch."""
    return sorted(_loaders())


@cache
def _loaders() -> dict[str, Export]:
    return {
        name.replace("_", "-"): export
        for name, export in exports("data").items()
        if re.search(rf"^def {name}\(\) -> Dataset:", export.path.read_text(), re.MULTILINE)
    }
