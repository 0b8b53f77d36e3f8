"""The rooms: what they hold, what they export, and which way imports may point. Imports no torch."""

import ast
import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from unbend._errors import UnknownNameError

ROOT = Path(__file__).parent

# Shelves from left to right: a file imports from its own room's `_base.py` and from shelves to the left.
SHELVES: dict[str, tuple[str, ...]] = {
    "leaf": ("data", "kernels"),
    "numbers": ("special", "linalg"),
    "parts": ("autodiff", "activations", "layers", "mixers", "equivariant", "operators", "fields", "losses", "optim"),
    "wholes": ("models", "generative", "incontext", "estimators", "bandits", "rl"),
    "instruments": ("surgery", "inspect", "verify", "search"),
    "engine": ("testing", "study"),
    "top": ("studies", "cli"),
}

# Rooms that hold methods (as against the engine and its surroundings), in the order in which they are listed.
METHOD_ROOMS: tuple[str, ...] = tuple(
    room for shelf in ("numbers", "parts", "wholes", "instruments") for room in SHELVES[shelf]
)

ROOMS: tuple[str, ...] = tuple(
    room for rooms in SHELVES.values() for room in rooms if (ROOT / room / "__init__.py").exists()
)


@dataclass(frozen=True)
class Export:
    """One public name of a room, known from the text of its source alone."""

    name: str
    room: str
    path: Path
    summary: str
    arxiv: str | None

    @property
    def dotted(self) -> str:
        return f"unbend.{self.room}.{self.name}"


def lazy(name: str, verbs: Mapping[str, str]) -> Any:
    """Import room `name`, or fetch verb `name` from its room; what `unbend.__getattr__` calls."""
    if name in ROOMS:
        return import_module(f"unbend.{name}")
    if name in verbs:
        return getattr(import_module(f"unbend.{verbs[name]}"), name)
    error = UnknownNameError.of("attribute of unbend", name, [*ROOMS, *verbs])
    raise AttributeError(str(error))


@cache
def exports(room: str) -> dict[str, Export]:
    """Public names of `room`, read from the `import X as X` lines of its `__init__.py`."""
    init = ROOT / room / "__init__.py"
    if not init.exists():
        return {}
    found: dict[str, Export] = {}
    for node in ast.parse(init.read_text()).body:
        if not (isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"unbend.{room}.")):
            continue
        path = ROOT.joinpath(*node.module.split(".")[1:]).with_suffix(".py")
        documented = definitions(path)
        for alias in node.names:
            if alias.asname == alias.name:
                summary, arxiv = documented.get(alias.name, ("", None))
                found[alias.name] = Export(alias.name, room, path, summary, arxiv)
    return found


# From a definition to its docstring, without passing another definition that has none.
_DEFINITION = re.compile(
    r'^(?:class|def)\s+(\w+)(?:(?!\n(?:class|def|@)).)*?:\n\s+r?"""(.*?)"""', re.MULTILINE | re.DOTALL
)
_REFERENCE = re.compile(r"^\s*References:\s*$(.*)", re.MULTILINE | re.DOTALL)
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


@cache
def definitions(path: Path) -> dict[str, tuple[str, str | None]]:
    """`name -> (first docstring line, first arXiv id under References)` for every top-level definition of a file.

    A regular expression, not a parser: this runs at every `unbend list` and `unbend papers`.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for name, doc in _DEFINITION.findall(path.read_text()):
        references = _REFERENCE.search(doc)
        arxiv = _ARXIV.search(references.group(1)) if references else None
        found[name] = (doc.strip().split("\n")[0], arxiv.group(1) if arxiv else None)
    return found


@cache
def closed_forms(room: str) -> dict[str, str]:
    """`name -> formula` of the bends that a room keeps as data, in its `catalogue.tsv`."""
    path = ROOT / room / "catalogue.tsv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["name"]: row["stable"] or row["formula"] for row in rows if row["kind"] == "bend"}


@dataclass(frozen=True)
class StudyFile:
    """One study as its file declares it, known from the text alone."""

    name: str
    module: str
    paper: str | None


_STUDY = re.compile(r"^(\w+)(?:\s*:\s*\w+)?\s*=\s*Study\((.*?)^\)", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\s+(name|paper)=\"([^\"]+)\"", re.MULTILINE)


@cache
def study_files() -> dict[str, StudyFile]:
    """Every `x = Study(name="...", ..., paper="...")` of the studies room, by study name."""
    found: dict[str, StudyFile] = {}
    for path in sorted((ROOT / "studies").glob("[a-z]*.py")):
        for _, body in _STUDY.findall(path.read_text()):
            declared = dict(_FIELD.findall(body))
            name = declared["name"]
            found[name] = StudyFile(name, f"unbend.studies.{path.stem}", declared.get("paper"))
    return found


def room_summary(room: str) -> str:
    """The first line of a room's docstring."""
    init = ROOT / room / "__init__.py"
    return (ast.get_docstring(ast.parse(init.read_text())) or "").split("\n")[0] if init.exists() else ""
