"""One process per cell: whatever a cell does to its process, the others finish."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.study import _toys as toys
from unbend._errors import UnbendError
from unbend.study import Study
from unbend.study._cell import Limits, Outcome, Task, Work
from unbend.study._local import local

LOG = Path("toy") / "output.log"


def ran(study: Study, log: Path | None = None, **limits: Any) -> dict[Task, Outcome]:
    work = Work(study, {name: study.sources[name] for name in study.data})
    return dict(local(work, toys.plan_of(study).tasks, Limits(**{"jobs": 2, "seconds": 60.0, **limits}), log))


def small(arms: dict[str, Callable[..., Any]], **changes: Any) -> Study:
    return toys.study(**{"arms": arms, "claims": [], "data": ["x"], "seeds": 1, **changes})


def offspring() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.fixture
def clean() -> Iterator[None]:
    before = offspring()
    yield
    left = offspring() - before
    assert not left, f"processes were left behind: {left}"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """One cell of every kind there is, all run together, as a start of the server takes its time."""
    folder = tmp_path_factory.mktemp("local")
    factor = 0.5

    def speaks() -> float:
        print("here I am")
        return factor

    def starts_another() -> float:
        process = subprocess.Popen(["sleep", "600"])
        (folder / "process").write_text(str(process.pid))
        return 0.5

    def dies_once() -> float:
        try:
            (folder / "been here").touch(exist_ok=False)
        except FileExistsError:
            return 0.5
        os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    def threads() -> float:
        # Of the process that is forked: with more than one, a lock could be held for ever in its children.
        return float(len(psutil.Process(os.getppid()).threads()))

    def omp() -> float:
        return float(os.environ["OMP_NUM_THREADS"])

    def tested() -> float:
        return float("_pytest" in sys.modules)

    good = {"good": toys.good, "speaks": speaks, "starts another": starts_another, "dies once": dies_once}
    looks = {"threads": threads, "omp": omp, "tested": tested, "lambda": lambda: 3.0}
    bad = {"hangs": toys.hangs, **{kind: arm for kind, (arm, _) in toys.BAD.items()}}
    study = small({**good, **looks, **bad}, trial=lambda cell: {"accuracy": cell.arm()})
    before = offspring()
    outcomes = {task.arm: outcome for task, outcome in ran(study, log=folder / LOG, seconds=1.0).items()}
    assert outcomes.keys() == study.arms.keys()
    assert offspring() == before
    assert not psutil.pid_exists(int((folder / "process").read_text()))
    assert (folder / LOG).read_text().count("here I am\n") == 1
    return outcomes


@pytest.mark.parametrize("kind", toys.BAD)
def test_a_bad_arm_is_contained_and_named(found: dict[str, Outcome], kind: str) -> None:
    assert found[kind].status == toys.BAD[kind][1]
    assert (found[kind].error or {})["message"]


@pytest.mark.parametrize("kind", ["good", "speaks", "starts another", "dies once", "lambda"])
def test_the_others_finish(found: dict[str, Outcome], kind: str) -> None:
    assert found[kind].status == "ok"


def test_what_ended_a_process_is_told(found: dict[str, Outcome]) -> None:
    told = {kind: (outcome.error or {}).get("message", "") for kind, outcome in found.items()}
    assert "exit code 3" in told["quits"]
    assert "SIGKILL" in told["kills itself"]
    assert found["hangs"].status == "timeout"
    assert "not finished after 1 s" in told["hangs"]


def test_a_cell_is_forked_from_a_clean_process_with_one_thread(found: dict[str, Outcome]) -> None:
    assert {kind: found[kind].metrics["accuracy"] for kind in ("threads", "omp", "tested")} == {
        "threads": 1.0,
        "omp": 1.0,
        "tested": 0.0,
    }


def test_the_server_is_replaced_when_it_is_killed(tmp_path: Path) -> None:
    def fells_the_tree(_: Any) -> dict[str, float]:
        try:
            (tmp_path / "felled").touch(exist_ok=False)
        except FileExistsError:
            return {"accuracy": 1.0}
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
        return {}

    outcomes = ran(small({"good": toys.good}, trial=fells_the_tree, seeds=3), jobs=1)
    assert [outcome.status for outcome in outcomes.values()] == ["ok"] * 3


def test_the_end_of_the_run_is_kept_and_what_it_cuts_off_is_not_told(clean: None) -> None:
    study = small({"good": toys.good, "fair": toys.hangs}, seeds=4)
    start = time.monotonic()
    outcomes = ran(study, ends=start + 5)
    # A tenth of the time, and what it takes to end two processes on a machine that has other things to do.
    assert 5 <= time.monotonic() - start < 5.5 + 3
    assert {task.arm for task in outcomes} <= {"good"}


def test_a_study_that_cannot_be_loaded_there_is_told(clean: None) -> None:
    class Unloadable:
        hash = "0"

        def __reduce__(self) -> Any:
            return (int, ("not a number",))

    study = toys.study()
    work = Work(study, {"x": Unloadable(), "y": Unloadable()})
    with pytest.raises(UnbendError, match="not a number"):
        list(local(work, toys.plan_of(study).tasks, Limits(1, 60)))


def test_a_run_that_is_given_up_ends_its_cells() -> None:
    before = offspring()
    study = toys.study(arms={"good": toys.good, "fair": toys.hangs}, seeds=4)
    with closing(local(Work(study, study.sources), toys.plan_of(study).tasks, Limits(2, 60))) as ended:
        next(ended)
        assert offspring() - before, "nothing was running that could be ended"
    assert not offspring() - before
