"""The user's own data: which reader a path wants."""

import os
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from unbend._errors import ArgumentError, one_of
from unbend.data._arrays import Arrays
from unbend.data._folder import Folder
from unbend.data._goal import Task
from unbend.data._table import Missing, Table
from unbend.data._text import Text

Source = Table | Arrays | Folder | Text

_READERS: dict[str, tuple[type[Source], str]] = {
    ".csv": (Table, ""),
    ".tsv": (Table, ""),
    ".parquet": (Table, ""),
    ".npz": (Arrays, ""),
    "folder": (Folder, "classification"),
    ".txt": (Text, "next-token"),
    "next-token": (Text, "next-token"),
}
_KINDS = "a .csv, .tsv, .parquet, .npz or .txt file, or a folder with a folder of images for each class"


def source(
    path: str | Path,
    *,
    target: str | None = None,
    task: Task | Literal["next-token"] | None = None,
    test_fraction: float | None = None,
    missing: Missing = "refuse",
    drop: tuple[str, ...] = (),
    image_size: int | None = None,
) -> Source:
    """The reader for `path`: CSV, TSV, Parquet and NPZ by their ending, a folder as images, `.txt` as text.

    Args:
        path: the file or folder.
        target: what to predict; a table needs it, an NPZ file may, images and text have it in themselves.
        task: what kind of prediction, where the target alone does not say it as you mean it.
        test_fraction: share to test on; a quarter of rows and images, a tenth of a text.
        missing: what to do with missing values of a table.
        drop: columns of a table to leave out.
        image_size: side in pixels of the square that every image of a folder is made into.

    Raises:
        ArgumentError: no such file, an ending that no reader takes, or an option that does not suit the data.

    Examples:
        >>> source("/no/such.csv", target="y")
        Traceback (most recent call last):
        unbend._errors.ArgumentError: /no/such.csv: got no such file; expected ...
    """
    path = Path(path)
    if not path.exists():
        beside = {entry.name.lower(): entry for entry in path.parent.glob("*")}
        near = get_close_matches(path.name.lower(), beside, n=1)
        hint = f"Did you mean {beside[near[0]]}?" if near else ""
        raise ArgumentError.of(f"{path}", "no such file", _KINDS, hint)
    if not os.access(path, os.R_OK):
        raise ArgumentError.of(f"{path}", "a file that may not be read", "permission to read it")
    kind = "next-token" if task == "next-token" else "folder" if path.is_dir() else path.suffix.lower()
    if kind not in _READERS or (kind == "next-token" and path.is_dir()):
        raise ArgumentError.of(f"{path}", "a folder" if path.is_dir() else f"the ending {path.suffix!r}", _KINDS)
    reader, own_task = _READERS[kind]
    given: dict[str, Any] = {
        "target": target, "task": task, "test_fraction": test_fraction, "missing": missing, "drop": tuple(drop),
        "image_size": image_size,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value not in (None, (), "refuse")}
    if own_task and task:
        one_of((own_task,), task=given.pop("task"))
    for name in given.keys() - {field.name for field in fields(reader)}:
        raise ArgumentError.of(f"{path}: {name}", given[name], f"nothing: {reader.__name__} data has no {name}")
    return reader(path, **given)
