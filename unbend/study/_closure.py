"""The import closure of a definition: all code of ours that it can reach by name, read as text."""

import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from unbend._rooms import ROOT
from unbend.study._source import Chain, Link, Source, Uses, text, uses


@dataclass(frozen=True)
class Unit:
    """A definition in a file; all of the file when `name` is empty, and what its import does when it is `!`."""

    path: Path
    name: str


@dataclass
class Reached:
    """What a piece of code reaches: units of ours, and names from elsewhere as `name=module.name`."""

    units: set[Unit] = field(default_factory=set[Unit])
    outside: set[str] = field(default_factory=set[str])


class Closure:
    """Follows names through the files of the package and of the user, and hashes what it comes by.

    A name that a room exports leads to the one file that defines it, so that using one method of a room does not
    depend on the others. Code of installed packages is not followed. Where a file stands does not count.

    Args:
        root: folder of the package.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._sources: dict[Path, Source] = {}
        self._units: dict[Unit, tuple[str, Reached]] = {}

    @property
    def files(self) -> list[Path]:
        """The files that were read."""
        return sorted(self._sources)

    def hashes(self, start: Iterable[Unit]) -> list[str]:
        """The hash of every unit that `start` reaches, itself included; sorted."""
        roots = set(start)
        own = {unit.path for unit in roots if not self._is_library(unit.path)}
        waiting, seen = list(roots), set[Unit]()
        while waiting:
            unit = waiting.pop()
            if unit in seen:
                continue
            seen.add(unit)
            waiting += self._unit(unit)[1].units
            # What the file of a study or a script does when it is imported is the study itself: not part of an arm.
            if unit.path not in own:
                waiting.append(Unit(unit.path, "!"))
        return sorted({self._unit(unit)[0] for unit in seen} - {_EMPTY})

    def source(self, path: Path) -> Source:
        if path not in self._sources:
            self._sources[path] = Source.of(path)
        return self._sources[path]

    def file(self, module: str, level: int = 0, at: Path | None = None) -> Path | None:
        """The file of a module, when it is ours; `at` is the file that says `level` dots."""
        parts = module.split(".") if module else []
        if level and at:
            return _python(at.parents[level - 1].joinpath(*parts))
        if parts and parts[0] == self._root.name:
            return _python(self._root.parent.joinpath(*parts))
        return _users(module)

    def reached(self, path: Path, used: Uses) -> Reached:
        """What code that stands in the file `path` reaches."""
        found = Reached()
        source = self.source(path)
        bound = {**source.links, **used.links}
        for chain in used.chains:
            if chain[0] in bound:
                self._follow(path, bound[chain[0]], chain, found)
            elif chain[0] in source.definitions:
                found.units.add(Unit(path, chain[0]))
        return found

    def _is_library(self, path: Path) -> bool:
        return path.is_relative_to(self._root) and path.parent.name != "studies"

    def _unit(self, unit: Unit) -> tuple[str, Reached]:
        if unit not in self._units:
            source = self.source(unit.path)
            if unit.name == "!":
                nodes = source.effects
            else:
                nodes = source.definitions[unit.name] if unit.name else source.tree.body
            reached = self.reached(unit.path, uses(*nodes))
            body = text(nodes)
            named = "\n".join([unit.name, body, *sorted(reached.outside)])
            self._units[unit] = (sha256(named.encode()).hexdigest() if body else _EMPTY, reached)
        return self._units[unit]

    def _follow(self, path: Path, link: Link, chain: Chain, found: Reached) -> None:
        """Add what `chain` stands for, whose first name was imported in `path` by `link`."""
        target = self.file(link.module, link.level, path)
        if target is None:
            found.outside.add(f"{chain[0]}={link}")
            return
        rest = list(chain[1:])
        # `from room import _file` and `import package.room` name modules: go down as long as the names do.
        names = ([link.name] if link.name else []) + rest
        while names and (deeper := _python(target.parent / names[0])) and target.name == "__init__.py":
            target = deeper
            names.pop(0)
        if names:
            self._member(target, names[0], found)
        elif target.name != "__init__.py":
            found.units.add(Unit(target, ""))

    def _member(self, path: Path, name: str, found: Reached) -> None:
        source = self.source(path)
        if name in source.definitions:
            found.units.add(Unit(path, name))
        elif name in source.links:
            self._follow(path, source.links[name], (name,), found)
        elif path.name != "__init__.py":
            # Made in a way that text does not show, or imported by a star.
            found.units.add(Unit(path, ""))


_EMPTY = "empty"


def _python(path: Path) -> Path | None:
    for candidate in (path / "__init__.py", path.parent / f"{path.name}.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _users(module: str) -> Path | None:
    """The file of a module that is neither installed nor part of Python."""
    top = module.partition(".")[0]
    if not top or top in sys.stdlib_module_names:
        return None
    loaded = sys.modules.get(module)
    place = getattr(loaded, "__file__", None)
    if loaded is None:
        try:
            spec = find_spec(top)
            if spec is None or is_installed(spec.origin or ""):
                return None
            spec = find_spec(module)
        except (ImportError, ValueError):
            return None
        place = spec.origin if spec else None
    return Path(place) if place and place.endswith(".py") and not is_installed(place) else None


def is_installed(path: str) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    parts = Path(path).parts
    return "site-packages" in parts or "dist-packages" in parts or path.startswith(sysconfig.get_path("stdlib"))
