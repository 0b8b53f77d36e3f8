"""What there is to load, and what it is; known from the text of the sources alone."""

import re
from functools import cache

from unbend._docs import source
from unbend._errors import UnknownNameError
from unbend._rooms import Export, exports


def names() -> list[str]:
    """Names of the data sets that `load` knows, sorted; imports no torch."""
    return sorted(loaders())


def about(name: str) -> str:
    """Source, licence and preprocessing of data set `name`: the docstring of its function, as one line.

    Raises:
        UnknownNameError: no data set is called so; the nearest names are suggested.
    """
    return " ".join(source(loader(name).path)[loader(name).name][0].split())


def loader(name: str) -> Export:
    """The function that loads data set `name`."""
    if name not in loaders():
        raise UnknownNameError.of("data set", name, loaders())
    return loaders()[name]


@cache
def loaders() -> dict[str, Export]:
    """Every public `def name() -> Dataset:` of this room, with `-` for `_` in its name."""
    return {
        name.replace("_", "-"): export
        for name, export in exports("data").items()
        if re.search(rf"^def {name}\(\) -> Dataset:", export.path.read_text(), re.MULTILINE)
    }
