"""Cells in this process."""

import os
from time import monotonic
from typing import Any

from tests.study import _toys as toys
from unbend.study._cell import Limits, Work
from unbend.study._inline import inline


def test_cells_run_here_one_after_the_other() -> None:
    study = toys.study(trial=lambda _: {"accuracy": float(os.getpid())})
    tasks = toys.plan_of(study).tasks
    ended = list(inline(Work(study, study.sources), tasks, Limits(1, 60)))
    assert [task for task, _ in ended] == list(tasks)
    assert {outcome.metrics["accuracy"] for _, outcome in ended} == {float(os.getpid())}


def test_the_end_of_the_run_cuts_off_what_looks_at_it() -> None:
    def waits(cell: Any) -> dict[str, float]:
        while cell.name == "fair":
            cell.check_deadline()
        return {"accuracy": 1.0}

    study = toys.study(trial=waits)
    tasks = toys.plan_of(study).tasks
    ended = list(inline(Work(study, study.sources), tasks, Limits(1, 60, monotonic() + 0.05)))
    assert [task for task, _ in ended] == list(tasks[:1])
