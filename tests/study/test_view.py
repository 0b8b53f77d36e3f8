"""Looking at a store without running anything, with the study at hand or without."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.study import _toys as toys
from unbend._errors import UnknownNameError
from unbend._rooms import StudyFile
from unbend.study import Study, _declared, _find, _view, run
from unbend.study._view import counts, look, recall, write

STUDY = toys.study()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    run(STUDY, runs=tmp_path, runner="inline", report=False)
    return tmp_path


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a study one that this package declares; returns how."""

    def declare(study: Study | Exception) -> None:
        def find(name: str) -> Study:
            if isinstance(study, Exception):
                raise study
            if name != study.name:
                raise UnknownNameError.of("study", name, [study.name])
            return study

        files = {"toy": StudyFile("toy", __name__, None)}
        monkeypatch.setattr(_find, "find", find)
        for module in (_view, _declared):
            monkeypatch.setattr(module, "study_files", lambda: files)

    return declare


def total(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in ("finished", "failed", "stale", "missing")}


def test_a_study_of_this_package_is_looked_at_as_it_is_now(runs: Path, named: Any) -> None:
    named(replace(STUDY, seeds=4, arms={"good": toys.good, "fair": toys.takes_a_while}))
    view = look("toy", runs)
    assert total(counts(view)) == {"finished": 6, "failed": 0, "stale": 6, "missing": 4}
    assert [row["arm"] for row in counts(view)] == ["good", "fair", "good", "fair"]
    assert view.notes == ()
    assert view.verdicts[0]["verdict"] == "holds"


def test_failed_cells_are_counted_apart(tmp_path: Path, named: Any) -> None:
    bad = replace(STUDY, arms={"good": toys.good, "fair": toys.raises})
    run(bad, runs=tmp_path, runner="inline", report=False)
    named(bad)
    assert total(counts(look("toy", tmp_path))) == {"finished": 6, "failed": 6, "stale": 0, "missing": 0}


def test_a_study_that_cannot_be_imported_is_as_it_last_ran(runs: Path, named: Any) -> None:
    named(ImportError("no module named peer"))
    view = look("toy", runs)
    assert "no module named peer" in view.notes[0]
    assert total(counts(view))["finished"] == 12
    assert (view.study.question, list(view.study.claims)) == (STUDY.question, list(STUDY.claims))
    (written,) = [path for path in (write(view),) if path.exists()]
    assert STUDY.claims[0].text in written.read_text()


def test_a_study_that_is_no_file_is_as_it_last_ran(runs: Path) -> None:
    view = look("toy", runs)
    assert view.notes == ()
    assert total(counts(view))["finished"] == 12


def test_of_a_store_alone_the_cells_are_told(runs: Path) -> None:
    (runs / "toy" / "study.json").unlink()
    view = look("toy", runs)
    assert total(counts(view))["finished"] == 12
    assert [metric.name for metric in view.study.metrics] == ["accuracy"]
    assert write(view).exists()


def test_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean lambda"):
        look("lamda", tmp_path)


def settled(tmp_path: Path, named: Any) -> Path:
    """A finished run, with its report, of a study that this module declares."""
    named(STUDY)
    run(STUDY, runs=tmp_path, runner="inline")
    return tmp_path


def test_a_settled_study_is_recalled(tmp_path: Path, named: Any) -> None:
    runs = settled(tmp_path, named)
    again = run(STUDY, runs=runs, runner="inline")
    found = recall("toy", runs)
    assert found
    assert (found.ran, found.before, found.missing, found.report) == (0, 12, 0, again.report)
    assert (found.verdicts, found.exit_code()) == (again.verdicts, 0)
    assert {record.key for record in found.records} == {record.key for record in again.records}
    assert recall("toy", runs, seeds=2)
    assert recall("toy", runs, seeds=4) is None


@pytest.mark.parametrize("change", ["store", "source", "version", "report", "study", "failed"])
def test_what_may_have_changed_is_not_recalled(
    tmp_path: Path, named: Any, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    runs = settled(tmp_path, named)
    if change == "store":
        with open(runs / "toy.jsonl", "a") as file:
            file.write("more\n")
    elif change == "source":
        content = json.loads((runs / "toy" / "study.json").read_text())
        content["files"][__file__] = "another hash"
        (runs / "toy" / "study.json").write_text(json.dumps(content))
    elif change == "version":
        monkeypatch.setattr(_declared, "versions", lambda: {"torch": "9"})
    elif change == "report":
        (runs / "toy" / "report.html").unlink()
    elif change == "study":
        run(replace(STUDY, claims=[]), runs=runs, runner="inline")
    else:
        run(replace(STUDY, arms={"good": toys.good, "fair": toys.raises}), runs=runs, runner="inline")
    assert recall("toy", runs) is None


def test_status_needs_the_study_only_when_something_changed(tmp_path: Path, named: Any) -> None:
    runs = settled(tmp_path, named)
    named(ImportError("it was imported"))
    assert look("toy", runs, live=False).notes == ()
    assert "it was imported" in look("toy", runs).notes[0]
