"""`unbend compare`: the options reach the study, results come as text or JSON, and errors are one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from unbend.cli import _compare

ROWS = ["a,b,left", *(f"{i % 7},{i % 5},{'yes' if i % 7 > i % 5 else 'no'}" for i in range(70))]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["unbend"])
    Path("churn.csv").write_text("\n".join(ROWS) + "\n")
    return "churn.csv"


def call(*words: str) -> Result:
    app = typer.Typer()
    _compare.register(app)
    sys.argv[1:] = ["compare", *words]
    return CliRunner().invoke(app, words, catch_exceptions=False)


def quick(table: str, *words: str) -> Result:
    usual = "--target left --budget 5steps --seeds 3 --on inline --runs r"
    return call("--data", table, *usual.split(), *words)


def test_plan_table_verdicts_and_report(table: str) -> None:
    done = quick(table, "--arms", "relu,golu", "--match", "params", "--lr", "0.01", "--width", "8")
    assert done.exit_code == 0
    for expected in (
        "network  small_mlp, the default for such data, width 8, with equal params",
        "budget   5 steps of training for each of 2 arms x 3 seeds",
        "golu is more accurate than relu, by 0.005 or more",
        "report: r/compare-churn/report.html",
    ):
        assert expected in done.output
    report = Path("r/compare-churn/report.html").read_text()
    assert "unbend compare --data churn.csv --target left" in report, "how to do it again"
    again = quick(table, "--arms", "relu,golu", "--match", "params", "--lr", "0.01", "--width", "8", "--quiet")
    assert "6 cells finished before, nothing to run" in again.stdout
    assert "network" not in again.output


def test_json_is_all_that_is_on_the_standard_output(table: str) -> None:
    done = quick(table, "--arms", "relu,golu", "--json", "--name", "mine", "--margin", "0.9")
    found = json.loads(done.stdout)
    assert (found["study"], found["cells"]["ran"]) == ("mine", 4), "two more seeds of each arm, after the first"
    assert [(claim["verdict"], claim["margin"]) for claim in found["claims"]] == [("does not hold", 0.9)]


def test_strict_is_told_by_the_exit_code(table: str) -> None:
    words = ("--arms", "relu,golu", "--margin", "0.9", "--quiet")
    assert quick(table, *words).exit_code == 0
    assert quick(table, *words, "--strict").exit_code == 1


def test_several_columns_and_models(table: str) -> None:
    Path("nets_of_the_cli.py").write_text(
        "from torch import nn\n"
        "def one(inputs, outputs): return nn.Linear(inputs, outputs)\n"
        "def two(inputs, outputs): return nn.Sequential(nn.Linear(inputs, 4), nn.GELU(), nn.Linear(4, outputs))\n"
    )
    done = quick(table, "--model", "nets_of_the_cli:one", "--model", "nets_of_the_cli:two", "--drop", "a")
    assert done.exit_code == 0
    assert "two is more accurate than one" in done.output
    assert "1 numbers" in done.output
    sys.modules.pop("nets_of_the_cli", None)


def program(*words: str) -> subprocess.CompletedProcess[str]:
    """The command as a user has it."""
    return subprocess.run(
        [sys.executable, "-c", "from unbend.cli import main; main()", "compare", *words],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


def test_bad_input_is_one_line_and_exit_code_2(table: str) -> None:
    done = program("--data", table, "--target", "lft", "--arms", "relu,gelu")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "unbend: unknown column of churn.csv 'lft'; did you mean left?\n"
    assert not Path("unbend-runs").exists()


TWENTY = (
    # Classes, learned ones, aliases, further names of the literature, and what only the catalogue has.
    "relu,gelu,GoLU,snake,prelu,swish,pelu,acon_c,taaf,blend,calu,felu,pvlu,quick_gelu,TeLU,mish,hard_swish,logish,"
    "softmodulus_q,squareplus"
)


def test_twenty_bends_by_name(table: str) -> None:
    done = quick(table, "--arms", TWENTY, "--width", "4", "--budget", "3steps", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert found["cells"]["ran"] == 40, "two more seeds of each, after the first"
    assert {claim["a"] for claim in found["claims"]} | {claim["b"] for claim in found["claims"]} == {*TWENTY.split(",")}
