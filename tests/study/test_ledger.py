"""The ledger: what is written is read back, differences are small, broken files are named, and it stays light."""

import json
import subprocess
import sys

import pytest

from tests.study._made import SPEED, broken, pairs, shuffled, study
from unbend import __version__
from unbend._errors import ArgumentError, UnbendError
from unbend.study import _ledger
from unbend.study._spec import ACCURACY

A, B = [0.9, 0.92, 0.94, 0.95], [0.8, 0.85, 0.81, 0.84]


def test_a_recorded_study_is_read_back(tmp_path):
    made = study(paper="golu", metrics=(ACCURACY, SPEED))
    path = _ledger.record(made, [*pairs(A, B), broken("b", 4, status="diverged")], tmp_path, date="2024-05-06")
    assert path == tmp_path / "made.json"
    ((name, entry),) = _ledger.verdicts(tmp_path).items()
    assert name == entry["study"] == "made"
    assert (entry["paper"], entry["version"], entry["date"]) == ("golu", __version__, "2024-05-06")
    assert entry["question"] == made.question
    (claim,) = entry["claims"]
    assert claim["claim"] == "a is better than b"
    assert claim["verdict"] == "holds"
    assert (claim["mean"], claim["seeds"], claim["wins"], claim["margin"]) == (0.1025, 4, 4, 0.01)
    assert 0 < claim["low"] < claim["mean"] < claim["high"]
    assert [(row["arm"], row["seeds"], row["broken"]) for row in entry["arms"]] == [("a", 4, 0), ("b", 5, 1)]
    assert {row["metric"] for row in entry["arms"]} == {"accuracy"}
    assert entry["environment"]["torch"] == "2.13.0"


@pytest.mark.parametrize("status", ["failed", "killed", "timeout"])
def test_a_run_with_unfinished_cells_is_not_recorded(tmp_path, status):
    with pytest.raises(UnbendError, match=f"made is not recorded: 1 of its cells.*{status}.*unbend study status made"):
        _ledger.record(study(), [*pairs(A, B), broken("b", 4, status=status)], tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_same_cells_give_the_same_file(tmp_path):
    records = pairs(A, B)
    first = _ledger.record(study(), records, tmp_path / "1", date="2024-05-06")
    second = _ledger.record(study(), shuffled(records), tmp_path / "2", date="2024-05-06")
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in first.parent.iterdir()] == ["made.json"]


def test_one_claim_is_one_line(tmp_path):
    lines = _ledger.record(study(), pairs(A, B), tmp_path).read_text().splitlines()
    changed = _ledger.record(study(), pairs(A[:3], B[:3]), tmp_path).read_text().splitlines()
    assert len(lines) == len(changed)
    different = [old for old, new in zip(lines, changed) if old != new]
    assert [json.loads(line.strip().rstrip(","))["seeds"] for line in different] == [4, 4, 4]


def test_a_study_without_cells_or_claims_is_recorded_as_such(tmp_path):
    _ledger.record(study(name="empty"), [], tmp_path)
    _ledger.record(study(name="mute", claims=[]), [], tmp_path)
    entries = _ledger.verdicts(tmp_path)
    assert entries["empty"]["claims"][0]["verdict"] == "not run"
    assert entries["mute"]["claims"] == []


def test_benchmarks_are_read_back_by_paper(tmp_path):
    rows = [{"peer": "p", "item": "forward", "ratio": 2.5, "peak": 10}, {"peer": "p", "item": "backward", "ratio": 0.5}]
    path = _ledger.save_benchmark("golu", rows, {"torch": "2.13.0"}, tmp_path)
    assert path == tmp_path / "benchmarks" / "golu.json"
    assert _ledger.benchmarks(tmp_path) == {"golu": rows}
    assert _ledger.verdicts(tmp_path) == {}


def test_a_benchmark_row_without_its_ratio_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="ratio"):
        _ledger.save_benchmark("golu", [{"peer": "p", "item": "i"}], {}, tmp_path)


def test_nothing_recorded_is_nothing_read(tmp_path):
    assert _ledger.verdicts(tmp_path / "absent") == {}
    assert _ledger.benchmarks(tmp_path / "absent") == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}'])
def test_a_broken_file_is_named(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UnbendError, match=r"x\.json"):
        _ledger.verdicts(tmp_path)


def test_the_checkouts_results_come_before_the_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(_ledger, "ROOT", tmp_path / "unbend")
    assert _ledger.results_folder() == tmp_path / "unbend" / "_results"
    (tmp_path / "pyproject.toml").touch()
    assert _ledger.results_folder() == tmp_path / "results"


def test_reading_needs_no_numbers_library():
    code = (
        "import sys; from unbend.study import _ledger; _ledger.verdicts(); _ledger.benchmarks();"
        "print(sorted({'numpy', 'scipy', 'torch', 'altair'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
