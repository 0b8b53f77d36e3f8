"""A study from beginning to end: resumed, ended at any moment, on every runner, until every claim is decided."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.study import _toys as toys
from unbend._errors import ArgumentError, UnknownNameError
from unbend.study import Claim, Event, Run, Store, StoreError, Study, run

CHECKOUT = Path(__file__).parents[2]


def quick(study: Study, runs: Path, **options: Any) -> Run:
    """Without processes of its own, unless told otherwise, and without a report."""
    return run(study, runs=runs, **{"jobs": 2, "report": False, "runner": "inline", **options})


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run, list[Event]]:
    """An undisturbed run of the toy study, its folder, and what it told."""
    runs, told = tmp_path_factory.mktemp("first"), list[Event]()
    return runs, quick(toys.study(), runs, runner="local", on_event=told.append), told


@pytest.fixture
def runs(first: tuple[Path, Run, list[Event]], tmp_path: Path) -> Path:
    """A copy of the folder of the undisturbed run."""
    for path in first[0].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_a_run_finds_what_the_arms_give(first: tuple[Path, Run, list[Event]]) -> None:
    _, found, told = first
    assert (found.ran, found.before, found.missing, found.broken) == (12, 0, 0, [])
    assert [(verdict.claim.a, verdict.verdict, verdict.seeds) for verdict in found.verdicts] == [("good", "holds", 3)]
    assert found.verdicts[0].mean == pytest.approx(0.1)
    assert (found.exit_code(), found.exit_code(strict=True)) == (0, 0)
    assert [event.done for event in told] == list(range(13))
    assert {event.total for event in told} == {12}
    assert {event.record.key for event in told if event.record} == {record.key for record in found.records}


def test_a_second_run_has_nothing_to_do(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    before = (runs / "toy.jsonl").read_bytes()
    found = quick(toys.study(), runs, runner="local")
    assert (found.ran, found.before, found.missing) == (0, 12, 0)
    assert (runs / "toy.jsonl").read_bytes() == before


def test_only_what_is_missing_runs(runs: Path) -> None:
    lines = (runs / "toy.jsonl").read_text().splitlines(keepends=True)
    (runs / "toy.jsonl").write_text("".join(lines[:7]) + lines[7][:50])
    found = quick(toys.study(), runs)
    assert (found.ran, found.before) == (5, 7)
    assert len(toys.lines(runs / "toy.jsonl")) == 12


def test_reordered_arms_run_nothing_and_a_new_arm_runs_alone(runs: Path) -> None:
    study = toys.study(arms={"new": toys.infinite, "fair": toys.fair, "good": toys.good})
    found = quick(study, runs)
    assert (found.ran, found.before) == (6, 12)
    assert {record.arm for record in found.broken} == {"new"}
    assert found.exit_code() == 1


def test_only_and_seeds(runs: Path) -> None:
    found = quick(toys.study(), runs, seeds=4, only="arm=good,data=x")
    assert (found.ran, found.before, found.missing) == (1, 12, 3)
    # What was run once counts, though this time fewer seeds are asked for.
    assert len(quick(toys.study(), runs, seeds=1).records) == 13


def test_force_runs_finished_cells_again(runs: Path) -> None:
    found = quick(toys.study(), runs, force=True, only="good")
    assert (found.ran, found.missing) == (6, 0)
    assert len(Store(runs, "toy").read().records) == 12
    assert len(toys.lines(runs / "toy.jsonl")) == 18


def test_stale_cells_run_again_or_are_accepted(runs: Path) -> None:
    changed = toys.study(arms={"good": toys.good, "fair": toys.takes_a_while})
    accepted = quick(changed, runs, accept_stale=True)
    assert (accepted.ran, len(accepted.stale), len(accepted.records)) == (0, 6, 12)
    assert {record.arm for record in accepted.records if record.key in accepted.stale} == {"fair"}
    left = quick(changed, runs, only="good")
    assert (left.ran, len(left.records), left.missing) == (0, 6, 6)
    again = quick(changed, runs)
    assert (again.ran, again.stale, len(again.records)) == (6, frozenset(), 12)
    assert {round(record.metrics["accuracy"], 1) for record in again.records if record.arm == "fair"} == {0.7}


def test_accepted_stale_cells_are_named_in_the_report(runs: Path) -> None:
    changed = toys.study(arms={"good": toys.good, "fair": toys.takes_a_while})
    found = run(changed, runs=runs, accept_stale=True, command="make toy")
    assert found.report == runs / "toy" / "report.html"
    text = (runs / "toy" / "report.md").read_text()
    assert "make toy" in text
    assert (runs / "toy" / "cells.csv").read_text().count(",yes,") == 6


def test_one_job_and_two_and_none_give_equal_stores(first: tuple[Path, Run, list[Event]], tmp_path: Path) -> None:
    quick(toys.study(), tmp_path / "one", runner="local", jobs=1)
    quick(toys.study(), tmp_path / "none")
    for kind in ("one", "none"):
        assert toys.lines(tmp_path / kind / "toy.jsonl") == toys.lines(first[0] / "toy.jsonl")


def test_cat_of_two_stores_has_the_report_of_the_union(runs: Path, tmp_path: Path) -> None:
    run(toys.study(), runs=runs)
    lines = (runs / "toy.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "toy.jsonl").write_text("".join([*lines[6:], *lines[:8]]))
    assert run(toys.study(), runs=tmp_path / "both").ran == 0
    assert report(tmp_path / "both") == report(runs)


def test_bad_arms_are_counted_as_the_worst_and_tried_again(tmp_path: Path) -> None:
    told: list[Event] = []
    arms = {"good": toys.good, "raises": toys.raises, "quits": toys.quits, "nan": toys.not_finite, "skips": toys.skips}
    claims = [Claim("good is better", "accuracy", "good", ">", "raises")]
    study = toys.study(arms=arms, claims=claims, data=["x"])
    found = quick(study, tmp_path, runner="local", on_event=told.append)
    ends = {record.arm: record.status for record in found.records}
    assert ends == {"good": "ok", "raises": "failed", "quits": "killed", "nan": "diverged", "skips": "skipped"}
    assert len(found.broken) == 9
    assert found.exit_code() == 1
    assert "in raises" in next(e.record.error["traceback"] for e in told if e.record and e.record.error)
    again = quick(study, tmp_path, runner="local")
    assert again.ran == 6, "what failed or was killed is tried again; what diverged would diverge again"
    assert again.verdicts == found.verdicts


def test_a_refuted_claim_matters_to_the_strict_only(runs: Path) -> None:
    claims = [Claim("fair is better", "accuracy", "fair", ">", "good", margin=0.01)]
    found = quick(toys.study(claims=claims), runs)
    assert found.verdicts[0].verdict == "does not hold"
    assert (found.exit_code(), found.exit_code(strict=True)) == (0, 1)


def test_data_that_cannot_be_loaded_say_so_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean digits"):
        quick(toys.study(data=["digts"], sources={}), tmp_path)
    assert not (tmp_path / "toy.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": -1}, "seeds: got -1"),
        ({"jobs": -2}, "jobs: got -2"),
        ({"deadline": -5.0}, "deadline: got -5"),
        ({"cell_seconds": float("inf")}, "cell_seconds: got inf"),
        ({"runner": "lokal"}, "runner: got lokal.*Did you mean 'local'"),
        ({"only": "colour=red"}, "only: got colour=red"),
        ({"max_seeds": 1, "until_decided": True}, "max_seeds: got 1"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        quick(toys.study(), tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def noisy(cell: Any) -> dict[str, float]:
    """Arms that differ by 0.1, in noise of 0.08 that they do not share."""
    return {"accuracy": cell.arm() + 0.08 * random.Random(f"{cell.name} {cell.seed}").gauss(0, 1)}


def test_seeds_are_added_until_every_claim_is_decided(tmp_path: Path) -> None:
    study = toys.study(trial=noisy, data=["x"], seeds=4)
    few = quick(study, tmp_path)
    assert few.verdicts[0].verdict == "inconclusive"
    enough = quick(study, tmp_path, until_decided=True, max_seeds=200)
    assert enough.verdicts[0].verdict in ("holds", "does not hold")
    assert enough.looks > 1
    assert few.verdicts[0].seeds < enough.verdicts[0].seeds <= 200
    assert enough.missing == 0


def test_seeds_are_added_no_further_than_said(tmp_path: Path) -> None:
    twins = {"good": toys.good, "fair": toys.good}
    study = toys.study(arms=twins, trial=noisy, data=["x"], seeds=4)
    found = quick(study, tmp_path, until_decided=True, max_seeds=9)
    assert found.verdicts[0].seeds == 9
    assert found.verdicts[0].verdict == "inconclusive"


def driver(runs: Path, **options: Any) -> "subprocess.Popen[str]":
    told = json.dumps({"runs": str(runs), "jobs": 2, "report": False, **options})
    return subprocess.Popen(
        [sys.executable, "-m", "tests.study._driver", told],
        cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def wait_for_cells(process: "subprocess.Popen[str]", count: int) -> None:
    assert process.stdout
    for _ in range(1 + count):  # The first line says how many there are.
        assert process.stdout.readline(), "it ended before the cells were there"


def report(runs: Path) -> dict[str, bytes]:
    """The report, without what was timed."""
    files = {
        str(path.relative_to(runs / "toy")): path.read_bytes()
        for path in sorted((runs / "toy").rglob("*"))
        if path.is_file() and path.name not in ("study.json", "output.log") and not path.name.startswith("timings")
    }
    files["report.html"] = re.sub(rb'<section id="timings">.*?</section>', b"", files["report.html"], flags=re.DOTALL)
    files["report.md"] = files["report.md"].partition(b"<!-- timings -->")[0]
    return files


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill a run, and see that its cells end with it: the next run must not meet them."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, f"{alive} outlived the run"


def finish(runs: Path) -> None:
    assert "missing 0" in driver(runs, report=True).communicate()[0]


def assert_equal(disturbed: Path, undisturbed: Path) -> None:
    assert toys.lines(disturbed / "toy.jsonl") == toys.lines(undisturbed / "toy.jsonl")
    left, right = report(disturbed), report(undisturbed)
    assert left.keys() == right.keys()
    assert [name for name in left if left[name] != right[name]] == []


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    for number in range(2):
        process = driver(tmp_path / "killed", report=True)
        wait_for_cells(process, 3 + number)
        time.sleep(random.Random(number).random() / 5)
        kill(process)
    for name in ("killed", "undisturbed"):
        finish(tmp_path / name)
    assert_equal(tmp_path / "killed", tmp_path / "undisturbed")


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    start = time.monotonic()
    finish(tmp_path / "undisturbed")
    whole = time.monotonic() - start
    moments, kills, folder = random.Random(20), 0, 0
    while kills < 20:
        process = driver(tmp_path / f"{folder}", report=True)
        try:
            told, _ = process.communicate(timeout=moments.uniform(0, whole))
        except subprocess.TimeoutExpired:
            kill(process)
            kills += 1
        else:
            # It came through: compare, and begin anew, so that every kill has something to disturb.
            assert "missing 0" in told
            assert_equal(tmp_path / f"{folder}", tmp_path / "undisturbed")
            folder += 1
    finish(tmp_path / f"{folder}")
    assert_equal(tmp_path / f"{folder}", tmp_path / "undisturbed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_ends_a_run_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process = driver(tmp_path)
    wait_for_cells(process, 2)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert told.endswith("interrupted\n")
    assert psutil.wait_procs(family, timeout=10)[1] == []
    kept = len(toys.lines(tmp_path / "toy.jsonl"))
    assert kept >= 2
    assert Store(tmp_path, "toy").read().problems == ()


def test_a_second_process_is_refused_with_the_first_ones_number(tmp_path: Path) -> None:
    process = driver(tmp_path)
    try:
        wait_for_cells(process, 1)
        with pytest.raises(StoreError, match=rf"process {process.pid}\b"):
            quick(toys.study(), tmp_path)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def within(tmp_path: Path, deadline: float, slack: float) -> None:
    study = toys.study(arms={"good": toys.good, "hangs": toys.hangs}, claims=[], seeds=500)
    start = time.monotonic()
    found = run(study, runs=tmp_path, jobs=2, deadline=deadline)
    assert deadline <= time.monotonic() - start < 1.1 * deadline + slack
    assert found.missing > 0
    assert found.report
    assert {record.status for record in found.records} <= {"ok"}, "what the deadline cut off has not failed"


def test_a_deadline_is_kept(tmp_path: Path) -> None:
    # The slack is for a busy machine: ending two processes and writing the report take a second or two of their own.
    within(tmp_path, 6, slack=6)


@pytest.mark.slow
def test_a_deadline_of_a_minute_is_kept_within_six_seconds(tmp_path: Path) -> None:
    within(tmp_path, 60, slack=0)


def test_two_data_sets_of_one_name_and_other_content_do_not_share_cells(runs: Path) -> None:
    other = {name: toys.Made(name, "another hash") for name in ("x", "y")}
    study = toys.study(sources=other)
    assert quick(study, runs, only="seed=0").ran == 4


def test_the_store_of_another_study_is_not_touched(runs: Path) -> None:
    before = (runs / "toy.jsonl").read_bytes()
    assert quick(replace(toys.study(), name="other"), runs, seeds=1, only="good,data=x").ran == 1
    assert (runs / "toy.jsonl").read_bytes() == before
