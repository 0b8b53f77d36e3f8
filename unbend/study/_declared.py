"""What a study was when it last ran, kept beside its store: status and report then need neither torch nor its file."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from unbend._errors import UnbendError
from unbend._rooms import ROOT, study_files
from unbend.study._record import Record, budget_dict, plain
from unbend.study._spec import Arm, Budget, Claim, Metric, Operations, Seconds, Steps, Study

_BUDGETS: dict[str, type[Budget]] = {"steps": Steps, "seconds": Seconds, "operations": Operations}
_PLAIN = ("name", "question", "seeds", "minutes", "paper", "version", "reference", "notes", "overlap")


@dataclass(frozen=True)
class Declared:
    """A study with what its last run knew of it; its arms are names that cannot be run.

    `files` are the sources that its cells, data and report came from, each with a hash of its bytes; `size` is that of
    the store.
    """

    study: Study
    hashes: Mapping[str, str]
    digests: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    verdicts: tuple[Mapping[str, Any], ...] = ()
    command: str | None = None
    size: int = 0

    @classmethod
    def of(cls, records: Mapping[str, Record]) -> "Declared":
        """What the records alone tell: arms, data and metrics, but no claims."""
        found = list(records.values())
        if not found:
            raise UnbendError("the store is empty")
        last = found[-1]
        rows = [record for record in found if record.version == last.version]
        study = Study(
            name=last.study,
            question="",
            data=_unique(record.data for record in rows),
            arms={record.arm: Arm(_absent, record.params) for record in rows},
            trial=_absent,
            budget=_BUDGETS[last.budget["kind"]](last.budget["value"]),
            claims=(),
            metrics=[Metric(name) for name in _unique(name for record in rows for name in record.metrics)],
            version=last.version,
            seeds=1 + max(record.seed for record in rows),
        )
        return cls(
            study, {record.data: record.data_hash for record in rows}, {record.arm: record.digest for record in rows}
        )

    @classmethod
    def read(cls, folder: Path) -> "Declared | None":
        """What `write` left in the folder; None when there is nothing that can be read."""
        try:
            found = json.loads((folder / "study.json").read_text())
            study = Study(
                **{name: found[name] for name in _PLAIN},
                data=list(found["hashes"]),
                arms={name: Arm(_absent, params) for name, params in found["arms"].items()},
                trial=_absent,
                budget=_BUDGETS[found["budget"]["kind"]](found["budget"]["value"]),
                claims=[_claim(claim) for claim in found["claims"]],
                metrics=[Metric(**metric) for metric in found["metrics"]],
                baselines=found["baselines"],
            )
            rest = {name: found[name] for name in ("hashes", "digests", "files", "versions", "command", "size")}
            return cls(study, **rest, verdicts=tuple(found["verdicts"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, UnbendError):
            return None

    def write(self, folder: Path) -> None:
        """Leave it in the folder for `read`."""
        content = {
            **{name: getattr(self.study, name) for name in _PLAIN},
            "arms": {name: plain(self.study.arm(name).params) for name in self.study.arms},
            "budget": budget_dict(self.study.budget),
            "claims": [asdict(claim) for claim in self.study.claims],
            "metrics": [asdict(metric) for metric in self.study.metrics],
            "baselines": list(self.study.baselines),
            "hashes": dict(self.hashes),
            "digests": dict(self.digests),
            "files": dict(self.files),
            "versions": dict(self.versions),
            "verdicts": list(self.verdicts),
            "command": self.command,
            "size": self.size,
        }
        folder.mkdir(parents=True, exist_ok=True)
        # Not a name that another process uses, nor one that a reader may find half written.
        draft = folder / f"study.json.{os.getpid()}"
        draft.write_text(json.dumps(content, indent=1))
        draft.replace(folder / "study.json")

    def is_current(self) -> bool:
        """Whether sources and packages are still what the last run came from."""
        return bool(self.files) and dict(self.versions) == versions() and dict(self.files) == file_hashes(self.files)


def sources(study: Study) -> set[Path]:
    """The files, beside those that the digests are taken of, that cells, data and report of a study come from.

    Empty for a study that is not as a file of this package declares it: then no file says what it is.
    """
    found = study_files().get(study.name)
    module = sys.modules.get(found.module) if found else None
    if module is None or not any(value is study for value in vars(module).values()):
        return set()
    return {Path(module.__file__ or ""), *(ROOT / "data").glob("*.py"), *(ROOT / "study").glob("*.*")}


def versions() -> dict[str, str]:
    """The packages that compute, and those that data come with."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for package in ("torch", "numpy", "scipy", "scikit-learn", "mlxtend"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def file_hashes(files: Iterable[str | Path]) -> dict[str, str]:
    """A hash of the bytes of each file; of one that is gone, nothing."""
    return {str(path): _file_hash(Path(path)) for path in files}


def _file_hash(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _absent(*_: object, **__: object) -> NoReturn:
    raise UnbendError("this study was read back from its store: its arms cannot be run")


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _claim(found: dict[str, Any]) -> Claim:
    values: dict[str, Any] = {**found, "data": tuple(found["data"]) if found["data"] else None}
    return Claim(**values)
