"""Long-lived workers: the same records, and one that dies takes no other cell along."""

from typing import Any

import pytest

from tests.study import _toys as toys
from unbend.study import Study
from unbend.study._cell import Limits, Outcome, Task, Work, run_cell
from unbend.study._loky import loky


def ran(study: Study, **limits: Any) -> dict[Task, Outcome]:
    work = Work(study, {name: study.sources[name] for name in study.data})
    return dict(loky(work, toys.plan_of(study).tasks, Limits(**{"jobs": 2, "seconds": 60.0, **limits})))


def test_the_records_are_those_of_other_runners() -> None:
    study = toys.study(arms={"good": lambda: 0.9, "fair": toys.fair, "bad": toys.raises}, seeds=2)
    work = Work(study, study.sources)
    for task, outcome in ran(study).items():
        here = run_cell(work, task, 60)
        assert (outcome.status, outcome.metrics, outcome.curves) == (here.status, here.metrics, here.curves)


@pytest.mark.slow
def test_a_dead_worker_and_one_that_hangs_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from unbend.study import _loky

    monkeypatch.setattr(_loky, "_GRACE", 20.0)
    arms = {"good": toys.good, "quits": toys.quits, "fair": toys.fair, "hangs": toys.hangs}
    found = ran(toys.study(arms=arms, data=["x"], seeds=1), seconds=2.0)
    ends = {task.arm: outcome.status for task, outcome in found.items()}
    assert ends == {"good": "ok", "quits": "killed", "fair": "ok", "hangs": "timeout"}
