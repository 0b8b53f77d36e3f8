"""Data files that no package ships: where they are looked for."""

import os
from pathlib import Path

from unbend._errors import MissingDataError

VARIABLE = "UNBEND_DATA"


def data_file(name: str, origin: str) -> Path:
    """Path of file `name` in the directory that $UNBEND_DATA names.

    Args:
        name: path of the file in that directory, such as `ett/ETTh1.csv.xz`.
        origin: where it can be had and how to pack it; part of the message when it is not there.

    Raises:
        MissingDataError: the variable is not set, or there is no such file.
    """
    home = os.environ.get(VARIABLE)
    path = Path(home or ".") / name
    if home and path.is_file():
        return path
    what = f"it is not in {home}" if home else f"${VARIABLE} is not set"
    raise MissingDataError(f"this needs the file {name}, but {what}. {origin}. Put it there and set ${VARIABLE}")
