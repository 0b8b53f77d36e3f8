"""What differs between two stores, or between a store and the recorded results."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.study import _toys as toys
from unbend._errors import UnbendError
from unbend.study import run
from unbend.study._diff import Snapshot, compare, diff
from unbend.study._view import look

STUDY = toys.study()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    run(STUDY, runs=tmp_path, runner="inline", report=False)
    return tmp_path


def test_two_stores_are_compared(runs: Path, tmp_path: Path) -> None:
    worse = replace(STUDY, arms={"good": toys.takes_a_while, "fair": toys.fair})
    run(worse, runs=tmp_path / "other", runner="inline", report=False)
    assert compare("toy", runs, runs) == []
    rows = compare("toy", runs, tmp_path / "other")
    assert [(row["what"], row["name"]) for row in rows] == [
        ("verdict", "good is better than fair"),
        ("mean", "accuracy of good on x"),
        ("mean", "accuracy of good on y"),
    ]
    assert (rows[0]["old"], rows[0]["new"]) == ("holds", "does not hold")
    assert rows[1]["new"] - rows[1]["old"] == pytest.approx(-0.2)


def test_a_store_is_compared_with_what_is_recorded(runs: Path, tmp_path: Path) -> None:
    from unbend.study._ledger import record, verdicts

    view = look("toy", runs)
    record(view.study, view.plan.current(), tmp_path / "results")
    recorded = Snapshot.recorded(verdicts(tmp_path / "results")["toy"])
    assert diff(recorded, Snapshot.of(view.study, view.plan.current())) == []
    assert diff(recorded, Snapshot({}, {}))[0]["new"] is None


def test_nothing_to_compare_with_is_an_error(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UnbendError, match=r"toy\.jsonl"):
        compare("toy", tmp_path / "nowhere", runs)
    with pytest.raises(UnbendError, match="Nothing is recorded of toy"):
        compare("toy", None, runs)
