"""Studies by name; each lives in a file of the studies room."""

from importlib import import_module
from typing import TYPE_CHECKING

from unbend._errors import UnbendError, UnknownNameError
from unbend._rooms import study_files

if TYPE_CHECKING:
    from unbend.study._spec import Study


def names() -> list[str]:
    """Names of the studies, known from the text of their files; imports no torch."""
    return sorted(study_files())


def find(name: str) -> "Study":
    """Import the study called `name`.

    Raises:
        UnknownNameError: there is none; the nearest names are suggested.
        UnbendError: its file cannot be imported, and why.
    """
    known = study_files()
    if name not in known:
        raise UnknownNameError.of("study", name, known, "`unbend papers` shows which paper has which study.")
    from unbend.study._spec import Study

    try:
        module = import_module(known[name].module)
    except ImportError as error:
        raise UnbendError(f"study {name}: {known[name].module} cannot be imported: {error}") from error
    return next(value for value in vars(module).values() if isinstance(value, Study) and value.name == name)
