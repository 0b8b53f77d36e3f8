"""A study as its store has it, without running anything: what `status`, `report`, `diff` and `export` look at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unbend._rooms import study_files
from unbend.study._declared import Declared
from unbend.study._digest import digests
from unbend.study._plan import Plan, plan
from unbend.study._run import Run, load_data
from unbend.study._spec import Study
from unbend.study._store import Store, runs_folder
from unbend.study._verdict import judge


@dataclass(frozen=True)
class View:
    """A study, the plan of its cells over all seeds that it asks for or has, and what should be said beside.

    `verdicts` are those of the last run.
    """

    study: Study
    plan: Plan
    store: Store
    notes: tuple[str, ...]
    verdicts: tuple[Mapping[str, Any], ...]
    command: str | None


def look(name: str, runs: str | Path | None = None, *, live: bool = True) -> View:
    """Look at the store of a study.

    Args:
        name: of the study.
        runs: folder of the stores; `$UNBEND_RUNS`, else `unbend-runs`.
        live: import the study, and torch with it; if not, only where its sources have changed since it last ran. A
            study that cannot be imported, or is none of this package, is taken as it was when it last ran.

    Raises:
        UnbendError: there is no such study, and no store of one.
    """
    store = Store(runs or runs_folder(), name)
    contents = store.read()
    declared = Declared.read(store.folder)
    notes = list(contents.problems)
    if name in study_files() and (live or declared is None or not declared.is_current()):
        try:
            declared = _import(name, declared)
        except Exception as error:
            if declared is None and not contents.records:
                raise
            notes.append(f"the study cannot be imported now; this is how it last ran ({error})")
    if declared is None:
        declared = Declared.of(contents.records) if contents.records else _import(name, None)
    seeds = {*range(declared.study.seeds), *(record.seed for record in contents.records.values())}
    found = plan(declared.study, contents.records, declared.hashes, declared.digests, sorted(seeds))
    return View(declared.study, found, store, tuple(notes), declared.verdicts, declared.command)


def _import(name: str, before: Declared | None) -> Declared:
    from unbend.study._find import find

    study = find(name)
    known = before.hashes if before else {}
    hashes = {data: known.get(data) or load_data(study, data).hash for data in study.data}
    if before:
        return replace(before, study=study, hashes=hashes, digests=digests(study))
    return Declared(study, hashes, digests(study))


def recall(name: str, runs: str | Path | None = None, seeds: int | None = None) -> Run | None:
    """What a run of a study of this package would find, where it would have nothing to do; imports no torch.

    None where it is not certain that there is nothing to do: something that the last run came from has changed, the
    store among it, or a cell is missing or failed.
    """
    store = Store(runs or runs_folder(), name)
    declared, report = Declared.read(store.folder), store.folder / "report.html"
    if name not in study_files() or declared is None or not report.exists():
        return None
    if declared.size != store.path.stat().st_size or not declared.is_current():
        return None
    study, contents = declared.study, store.read()
    count = study.seeds if seeds is None else seeds
    asked = plan(study, contents.records, declared.hashes, declared.digests, range(count))
    if count < 1 or asked.due():
        return None
    held = sorted({record.seed for record in contents.records.values()})
    records = plan(study, contents.records, declared.hashes, declared.digests, held).current()
    return Run(
        study, tuple(records), tuple(judge(study, records)), frozenset(), 0, len(asked.tasks), 0,
        problems=contents.problems, report=report,
    )  # fmt: skip


def write(view: View, *, accept_stale: bool = False) -> Path:
    """Write the report of what the store has."""
    from unbend.study._report import write_report

    records, stale = view.plan.current(accept_stale=accept_stale), view.plan.accepted(accept_stale)
    return write_report(view.study, records, view.store.folder, stale=stale, command=view.command)


def counts(view: View) -> list[dict[str, Any]]:
    """How many cells of each arm on each data set are finished, failed, stale or missing."""
    rows: dict[tuple[str, str], dict[str, Any]] = {
        (task.data, task.arm): {"data": task.data, "arm": task.arm, **dict.fromkeys(_STATES, 0)}
        for task in view.plan.tasks
    }
    for state in _STATES:
        for task in getattr(view.plan, state):
            rows[task.data, task.arm][state] += 1
    return list(rows.values())


_STATES = ("finished", "failed", "stale", "missing")
