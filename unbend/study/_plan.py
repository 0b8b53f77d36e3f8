"""Which cells a study has, which of them are finished, and which are to be run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from unbend._errors import ArgumentError, UnknownNameError
from unbend.study._cell import Task
from unbend.study._record import Record, cell_key
from unbend.study._spec import Study

# A cell that failed, was killed or ran out of time may do better next time; one that diverged will diverge again.
KEPT = frozenset({"ok", "diverged", "skipped"})


@dataclass(frozen=True)
class Plan:
    """The cells of a study, seed by seed, and what the store says of each.

    `stale` are finished cells whose code has changed since; `failed` are those that ended without a result.
    """

    tasks: tuple[Task, ...]
    records: Mapping[str, Record]

    @property
    def finished(self) -> list[Task]:
        return [task for task in self.tasks if self._status(task) in KEPT and not self.is_stale(task)]

    @property
    def stale(self) -> list[Task]:
        return [task for task in self.tasks if self.is_stale(task)]

    @property
    def failed(self) -> list[Task]:
        return [t for t in self.tasks if t.key in self.records and self._status(t) not in KEPT and not self.is_stale(t)]

    @property
    def missing(self) -> list[Task]:
        return [task for task in self.tasks if task.key not in self.records]

    def is_stale(self, task: Task) -> bool:
        record = self.records.get(task.key)
        return record is not None and record.digest != task.digest

    def due(self, *, force: bool = False, accept_stale: bool = False) -> list[Task]:
        """What a run has to do."""
        if force:
            return list(self.tasks)
        done = {task.key for task in self.finished}
        if accept_stale:
            done |= {task.key for task in self.stale if self._status(task) in KEPT}
        return [task for task in self.tasks if task.key not in done]

    def current(self, *, accept_stale: bool = False) -> list[Record]:
        """The records that count."""
        return [
            self.records[task.key]
            for task in self.tasks
            if task.key in self.records and (accept_stale or not self.is_stale(task))
        ]

    def accepted(self, accept_stale: bool) -> frozenset[str]:
        """Keys of the stale cells that count all the same."""
        return frozenset(task.key for task in self.stale) if accept_stale else frozenset()

    def _status(self, task: Task) -> str | None:
        record = self.records.get(task.key)
        return record and record.status


def plan(
    study: Study,
    records: Mapping[str, Record],
    hashes: Mapping[str, str],
    digests: Mapping[str, str],
    seeds: Iterable[int],
) -> Plan:
    """All cells of the study, seed by seed, so that the first verdict comes early.

    Args:
        study: whose cells.
        records: what the store holds, by key.
        hashes: content hash of each data set.
        digests: digest of the code behind each arm.
        seeds: their numbers.
    """
    tasks: list[Task] = []
    for seed in seeds:
        for data in study.data:
            for arm in study.arms:
                key = cell_key(
                    study=study.name, version=study.version, arm=arm, params=study.arm(arm).params, data=data,
                    data_hash=hashes[data], seed=seed, budget=study.budget,
                )  # fmt: skip
                tasks.append(Task(arm, data, seed, key, digests[arm]))
    return Plan(tuple(tasks), records)


def only(study: Study, text: str | None) -> Callable[[Task], bool]:
    """The filter that `text` stands for: `arm=golu,data=digits`, or patterns of arm names such as `golu,g*`.

    Several conditions on one field are alternatives; the fields are `arm`, `data` and `seed`.

    Raises:
        ArgumentError: a field that cells do not have.
        UnknownNameError: a pattern that no arm or data set fits.
    """
    wanted: dict[str, list[str]] = {}
    for part in (text or "").split(","):
        name, equals, pattern = part.strip().rpartition("=")
        name = name.strip() if equals else "arm"
        if name not in ("arm", "data", "seed"):
            raise ArgumentError.of("only", text, "arm=..., data=... or seed=..., with commas between")
        if pattern:
            wanted.setdefault(name, []).append(pattern.strip())
    _check(wanted.get("arm", []), study.arms, f"arm of study {study.name}")
    _check(wanted.get("data", []), study.data, f"data set of study {study.name}")

    def chosen(task: Task) -> bool:
        return all(
            any(fnmatchcase(str(getattr(task, name)), pattern) for pattern in patterns)
            for name, patterns in wanted.items()
        )

    return chosen


def _check(patterns: Sequence[str], known: Sequence[str] | Mapping[str, object], kind: str) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UnknownNameError.of(kind, pattern, known)
