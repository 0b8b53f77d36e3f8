"""A study as its store has it, without running anything: what `status`, `report`, `diff` and `export` look at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unbend.study._declared import Declared
from unbend.study._digest import digests
from unbend.study._plan import Plan, plan
from unbend.study._run import load_data
from unbend.study._spec import Study
from unbend.study._store import Store, runs_folder


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
            study that cannot be imported is taken as it was when it last ran.

    Raises:
        UnbendError: there is no such study, and no store of one.
    """
    store = Store(runs or runs_folder(), name)
    contents = store.read()
    declared = Declared.read(store.folder)
    notes = list(contents.problems)
    if live or declared is None or not declared.is_current():
        try:
            declared = _import(name, declared)
        except Exception as error:
            if declared is None and not contents.records:
                raise
            notes.append(f"as it was when it last ran, for now it cannot be imported: {error}")
            declared = declared or Declared.of(contents.records)
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
