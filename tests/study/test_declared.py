"""What is kept of a study beside its store."""

from pathlib import Path

import pytest

from tests.study import _toys as toys
from unbend._errors import UnbendError
from unbend.study import run
from unbend.study._declared import Declared
from unbend.study._view import counts, look

STUDY = toys.study()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    run(STUDY, runs=tmp_path, runner="inline", report=False)
    return tmp_path


def test_a_study_read_back_cannot_be_run(runs: Path) -> None:
    study = look("toy", runs).study
    with pytest.raises(UnbendError, match="cannot be run"):
        study.arm("good")()


def test_what_was_declared_is_read_back(runs: Path) -> None:
    found = Declared.read(runs / "toy")
    assert found
    for name in ("name", "question", "seeds", "minutes", "version", "budget", "overlap", "reference"):
        assert getattr(found.study, name) == getattr(STUDY, name)
    assert list(found.study.metrics) == list(STUDY.metrics)
    assert found.hashes == {"x": "0", "y": "0"}
    assert found.size == (runs / "toy.jsonl").stat().st_size


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"name": 3}', "[" * 100_000])
def test_a_broken_description_is_passed_over(runs: Path, text: str) -> None:
    (runs / "toy" / "study.json").write_text(text)
    assert Declared.read(runs / "toy") is None
    assert sum(row["finished"] for row in counts(look("toy", runs))) == 12
