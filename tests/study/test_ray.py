"""Cells as tasks of a Ray cluster: the same verdicts, also when a worker is lost on the way."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.study import _toys as toys
from unbend._errors import MissingExtraError
from unbend.study import Run, run

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Any:
    ray = pytest.importorskip("ray")
    from unbend.study._cell import THREADS

    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False,
        runtime_env={"env_vars": dict.fromkeys(THREADS, "1")},
    )  # fmt: skip
    yield ray
    ray.shutdown()


def told(found: Run) -> list[tuple[str, str, float | None, float | None, float | None]]:
    return [(v.claim.text, v.verdict, v.mean, v.low, v.high) for v in found.verdicts]


def test_a_lost_worker_changes_no_verdict(cluster: Any, tmp_path: Path) -> None:
    victim = tmp_path / "victim"

    def trial(cell: Any) -> Any:
        if cell.name == "fair" and cell.data.name == "y":
            try:
                victim.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                victim.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
        return toys.trial(cell)

    study = toys.study(trial=trial)
    found = run(study, runs=tmp_path / "ray", runner="ray", report=False)
    assert victim.read_text(), "no worker was killed"
    assert (found.ran, found.missing, found.broken) == (12, 0, [])
    here = run(study, runs=tmp_path / "local", runner="local", jobs=2, report=False)
    assert told(found) == told(here)
    assert toys.lines(tmp_path / "ray" / "toy.jsonl") == toys.lines(tmp_path / "local" / "toy.jsonl")


def test_bad_cells_are_contained(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unbend.study import _ray

    monkeypatch.setattr(_ray, "_GRACE", 20.0)
    arms = {"good": toys.good, "raises": toys.raises, "quits": toys.quits, "hangs": toys.hangs, "fair": toys.fair}
    found = run(toys.study(arms=arms, data=["x"], seeds=1), runs=tmp_path, runner="ray", report=False, cell_seconds=2.0)
    assert {record.arm: record.status for record in found.records} == {
        "good": "ok",
        "raises": "failed",
        "quits": "killed",
        "hangs": "timeout",
        "fair": "ok",
    }


def test_without_a_cluster_one_is_started_here(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    assert not ray.is_initialized()
    found = run(toys.study(seeds=1), runs=tmp_path, runner="ray", jobs=2, report=False)
    assert (found.ran, found.broken) == (4, [])
    assert not ray.is_initialized()


def test_a_missing_ray_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"unbend\[cluster\]"):
        run(toys.study(), runs=tmp_path, runner="ray")
