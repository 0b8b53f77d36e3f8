"""Cells and verdicts for other programs."""

import json
from pathlib import Path

import pytest

from tests.study import _toys as toys
from unbend._errors import UnbendError
from unbend.study import Store, run
from unbend.study._export import export, run_json
from unbend.study._view import look

STUDY = toys.study()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    run(STUDY, runs=tmp_path, runner="inline", report=False)
    return tmp_path


def test_cells_are_exported(runs: Path) -> None:
    view = look("toy", runs)
    records = view.plan.current()
    table = export(view.study, records, "csv").splitlines()
    assert len(table) == 13
    assert table[0].startswith("data,arm,seed,status,stale,accuracy")
    content = json.loads(export(view.study, records, "json", {records[0].key}))
    assert [cell["stale"] for cell in content["cells"]].count(True) == 1
    assert {cell["key"] for cell in content["cells"]} == set(Store(runs, "toy").read().records)
    assert content["claims"][0]["verdict"] == "holds"
    with pytest.raises(UnbendError, match="to: got benchopt"):
        export(view.study, records, "benchopt")


def test_a_run_is_plain_data(runs: Path) -> None:
    found = run(STUDY, runs=runs, runner="inline", report=False)
    content = json.loads(json.dumps(run_json(found), allow_nan=False))
    assert content["cells"] == {"ran": 0, "before": 12, "missing": 0, "broken": 0, "stale": 0}
    assert content["claims"][0]["low"] == found.verdicts[0].low
    assert len(content["arms"]) == 4
