"""Data sets by name."""

from importlib import import_module

from unbend.data._about import loader
from unbend.data._dataset import Dataset


def load(name: str) -> Dataset:
    """Load data set `name`, such as `digits` or `shifted-digits`; `names()` lists them.

    Args:
        name: the name of its function in this room, with `-` for `_`.

    Raises:
        UnknownNameError: no data set is called so; the nearest names are suggested.
        MissingExtraError: the package that ships it is not installed.
        MissingDataError: no package ships it, and its file is not in the directory that $UNBEND_DATA names.

    Examples:
        >>> load("digits").shape
        (1, 8, 8)
    """
    found: Dataset = getattr(import_module("unbend.data"), loader(name).name)()
    return found
