"""Which cells there are, and which of them a run has to do."""

from dataclasses import replace
from typing import Any

import pytest

from tests.study import _toys as toys
from unbend._errors import ArgumentError, UnknownNameError
from unbend.study import Steps, Study
from unbend.study._cell import Outcome, Task, record_of
from unbend.study._plan import only
from unbend.study._record import Record

HASHES = {"x": "0", "y": "0"}


def stored(study: Study, statuses: dict[str, Any] | None = None) -> dict[str, Record]:
    """Every cell of the study as finished; those of an arm in `statuses` with that status."""
    outcome = Outcome("ok", {"accuracy": 0.5})
    return {
        task.key: record_of(study, HASHES, task, replace(outcome, status=(statuses or {}).get(task.arm, "ok")))
        for task in toys.plan_of(study).tasks
    }


def names(tasks: list[Task]) -> list[tuple[str, str, int]]:
    return [(task.arm, task.data, task.seed) for task in tasks]


def test_cells_come_seed_by_seed() -> None:
    tasks = names(list(toys.plan_of(toys.study()).tasks))
    assert tasks[:4] == [("good", "x", 0), ("fair", "x", 0), ("good", "y", 0), ("fair", "y", 0)]
    assert [seed for *_, seed in tasks] == sorted(seed for *_, seed in tasks)
    assert len(tasks) == len(set(tasks)) == 2 * 2 * 3


def test_all_is_missing_then_all_is_finished() -> None:
    study = toys.study()
    empty, full = toys.plan_of(study), toys.plan_of(study, stored(study))
    assert len(empty.missing) == len(empty.due()) == 12
    assert (empty.finished, empty.stale, empty.failed, empty.current()) == ([], [], [], [])
    assert len(full.finished) == len(full.current()) == 12
    assert full.due() == []
    assert len(full.due(force=True)) == 12


@pytest.mark.parametrize("change", ["reorder", "add", "drop", "seeds", "claims", "minutes"])
def test_a_change_of_the_study_runs_no_finished_cell_again(change: str) -> None:
    study = toys.study()
    arms = dict(study.arms)
    changed = {
        "reorder": lambda: replace(study, arms=dict(reversed(arms.items())), data=["y", "x"]),
        "add": lambda: replace(study, arms={"new": toys.takes_a_while, **arms}),
        "drop": lambda: replace(study, arms={"good": toys.good}, claims=[]),
        "seeds": lambda: replace(study, seeds=5),
        "claims": lambda: replace(study, claims=[], question="Another?"),
        "minutes": lambda: replace(study, minutes=1),
    }[change]()
    due = toys.plan_of(changed, stored(study)).due()
    new = {("new", seed) for seed in range(3)} if change == "add" else set()
    more = {(arm, seed) for arm in arms for seed in (3, 4)} if change == "seeds" else set()
    assert {(task.arm, task.seed) for task in due} == new | more


@pytest.mark.parametrize("change", ["version", "budget", "params", "hash"])
def test_a_change_of_what_is_run_runs_everything_again(change: str) -> None:
    study = toys.study()
    changed = {
        "version": lambda: replace(study, version=2),
        "budget": lambda: replace(study, budget=Steps(4)),
        "params": lambda: replace(study, arms={n: replace(study.arm(n), params={"p": 1}) for n in study.arms}),
        "hash": lambda: replace(study, sources={name: toys.Made(name, "1") for name in study.data}),
    }[change]()
    plan = toys.plan_of(changed, stored(study))
    assert len(plan.missing) == len(plan.due()) == 12
    assert plan.current() == []


def test_cells_whose_code_has_changed_are_stale() -> None:
    study = toys.study()
    before = stored(study)
    plan = toys.plan_of(replace(study, arms={**study.arms, "fair": toys.takes_a_while}), before)
    assert {task.arm for task in plan.stale} == {"fair"}
    assert names(plan.due()) == names(plan.stale)
    assert {record.arm for record in plan.current()} == {"good"}
    assert plan.accepted(False) == frozenset()
    assert plan.due(accept_stale=True) == []
    assert len(plan.current(accept_stale=True)) == 12
    assert plan.accepted(True) == {task.key for task in plan.stale}


@pytest.mark.parametrize(
    ("status", "again"),
    [("failed", True), ("killed", True), ("timeout", True), ("diverged", False), ("skipped", False)],
)
def test_failures_are_tried_again_and_results_are_kept(status: str, again: bool) -> None:
    study = toys.study()
    plan = toys.plan_of(study, stored(study, {"fair": status}))
    assert len(plan.due()) == (6 if again else 0)
    assert len(plan.failed) == (6 if again else 0)
    assert len(plan.current()) == 12, "a failed cell counts, as the worst value"


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        (None, 12),
        ("", 12),
        ("good", 6),
        ("arm=good", 6),
        ("arm=good,data=x", 3),
        ("g*, fair", 12),
        ("data=x,data=y", 12),
        ("seed=0", 4),
        ("arm=good,seed=1,data=y", 1),
    ],
)
def test_only_chooses_cells(text: str | None, chosen: int) -> None:
    study = toys.study()
    assert sum(map(only(study, text), toys.plan_of(study).tasks)) == chosen


def test_only_suggests_the_nearest() -> None:
    study = toys.study()
    with pytest.raises(UnknownNameError, match="did you mean good"):
        only(study, "arm=gold")
    with pytest.raises(UnknownNameError, match="data set of study toy 'z'"):
        only(study, "data=z")
    with pytest.raises(ArgumentError, match="only: got colour=red"):
        only(study, "colour=red")
