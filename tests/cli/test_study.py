"""`unbend study`, as it is typed."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.study import _toys as toys
from unbend.cli import app
from unbend.study import Claim, Study, _find, _run as engine


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the command line find a study."""

    def found(study: Study) -> None:
        monkeypatch.setattr(_find, "find", lambda name: study)

    found(toys.study(paper="a paper"))
    return found


@pytest.fixture
def unbend(declare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Type a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNBEND_RUNS", raising=False)

    def typed(*words: str) -> Result:
        return CliRunner().invoke(app(), ["study", *words])

    return typed


INLINE = ("--on", "inline")


def test_a_study_by_its_name_alone_is_run(unbend: Any, tmp_path: Path) -> None:
    done = unbend("toy", *INLINE)
    assert done.exit_code == 0, done.output
    assert re.search(r"good +3 +0\.9\d+ ± 0\.\d+", done.stdout)
    assert re.search(r"holds +good is better than fair +gain 0\.1 \[0\.1, 0\.1\], 3 seeds", done.stdout)
    assert "reduced scale: tests the direction, not the paper's number" in done.stdout
    assert "report: unbend-runs/toy/report.html" in done.stdout
    assert (tmp_path / "unbend-runs" / "toy" / "report.html").exists()
    assert done.stderr.count("\n") == 13, "a line to begin with, and one for each cell"


def test_a_second_run_says_that_there_is_nothing_to_do(unbend: Any) -> None:
    unbend("toy", *INLINE)
    again = unbend("toy", *INLINE)
    assert again.exit_code == 0
    assert "12 cells finished before, nothing to run" in again.stdout
    assert again.stderr == ""


def test_run_may_be_said_and_options_may_come_first(unbend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["run", "toy", *INLINE], [*INLINE, "toy"], ["--quiet", "toy", *INLINE]):
        assert unbend(*words).exit_code == 0
    monkeypatch.setenv("UNBEND_RUNS", "elsewhere")
    assert "report: elsewhere/toy/report.html" in unbend("toy", *INLINE).stdout
    assert "report: here/toy/report.html" in unbend("toy", *INLINE, "--runs", "here").stdout


def test_quiet_is_quiet(unbend: Any) -> None:
    assert unbend("toy", *INLINE, "--quiet").stderr == ""


def test_json_is_all_there_is_on_the_standard_output(unbend: Any) -> None:
    done = unbend("toy", *INLINE, "--json")
    content = json.loads(done.stdout)
    assert content["claims"][0]["verdict"] == "holds"
    assert content["cells"]["ran"] == 12
    assert content["exit_code"] == done.exit_code == 0


def test_cells_without_a_result_end_in_one_and_the_first_traceback_is_shown_at_once(unbend: Any, declare: Any) -> None:
    declare(toys.study(arms={"good": toys.good, "fair": toys.raises}))
    done = unbend("toy", *INLINE)
    assert done.exit_code == 1
    assert done.stderr.count("Traceback") == 1
    before_the_next_cell = done.stderr.partition("2/12")[0]
    assert "ValueError: the arm is broken" in before_the_next_cell
    assert "first cell without a result: fair on x, seed 0: failed" in before_the_next_cell
    assert "6 cells without a result, counted as the worst value: fair (failed)" in done.stdout


def test_a_refuted_claim_is_an_error_to_the_strict_only(unbend: Any, declare: Any) -> None:
    declare(toys.study(claims=[Claim("fair is better", "accuracy", "fair", ">", "good")]))
    assert unbend("toy", *INLINE).exit_code == 0
    strict = unbend("toy", *INLINE, "--strict", "--json")
    assert strict.exit_code == json.loads(strict.stdout)["exit_code"] == 1


def test_seeds_only_and_until_decided(unbend: Any) -> None:
    done = unbend("toy", *INLINE, "--seeds", "1", "--only", "good")
    assert "2 cells still to run: repeat the command to go on" in done.stdout
    assert "1 seed, and a verdict takes 3" in unbend("toy", *INLINE, "--seeds", "1").stdout
    decided = json.loads(unbend("toy", *INLINE, "--seeds", "1", "--until-decided", "--json").stdout)
    assert decided["claims"][0]["verdict"] == "holds"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--deadline", "soon"], "--deadline"),
        (["--deadline", "0s"], "--deadline"),
        (["--only", "arm=gold"], "did you mean good"),
        (["--on", "lokal"], "Did you mean 'local'"),
        (["--seeds", "0"], "seeds: got 0"),
        (["--jobs", "0"], "jobs: got 0"),
    ],
)
def test_wrong_options_say_what_is_expected(unbend: Any, words: list[str], message: str) -> None:
    done = unbend("toy", *words)
    assert message in str(done.exception)


def test_status_tells_what_there_is(unbend: Any) -> None:
    unbend("toy", *INLINE, "--seeds", "2")
    shown = unbend("status", "toy")
    assert shown.exit_code == 0
    assert re.search(r"x +good +2 +1 *\n", shown.stdout)
    assert "8 finished, 4 missing" in shown.stdout
    content = json.loads(unbend("status", "toy", "--json").stdout)
    assert sum(row["missing"] for row in content["cells"]) == 4
    assert [verdict["claim"] for verdict in content["verdicts"]] == ["good is better than fair"]


def test_report_is_written_again(unbend: Any, tmp_path: Path) -> None:
    unbend("toy", *INLINE)
    page = tmp_path / "unbend-runs" / "toy" / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert unbend("report", "toy").stdout == "unbend-runs/toy/report.html\n"
    assert page.read_bytes() == before


def test_diff_tells_what_changed(unbend: Any, declare: Any) -> None:
    unbend("toy", *INLINE, "--runs", "old")
    assert "no verdict and no mean differs" in unbend("diff", "toy", "old", "--runs", "old").stdout
    declare(toys.study(arms={"good": toys.takes_a_while, "fair": toys.fair}))
    unbend("toy", *INLINE)
    lines = unbend("diff", "toy", "old").stdout.splitlines()
    assert lines[0] == "verdict: good is better than fair: holds -> does not hold"
    assert re.fullmatch(r"mean: accuracy of good on x: 0\.90\d+ -> 0\.70\d+", lines[1])
    assert json.loads(unbend("diff", "toy", "old", "--json").stdout)[0]["new"] == "does not hold"


def test_export_writes_tables_and_json(unbend: Any, tmp_path: Path) -> None:
    unbend("toy", *INLINE)
    table = unbend("export", "toy").stdout
    assert len(table.splitlines()) == 13
    assert unbend("export", "toy", "--to", "json", "-o", "cells.json").stdout == ""
    assert len(json.loads((tmp_path / "cells.json").read_text())["cells"]) == 12


def test_verdicts_are_recorded_when_asked_for(unbend: Any, tmp_path: Path) -> None:
    assert "recorded: results/toy.json" in unbend("toy", *INLINE, "--record").stdout
    assert json.loads((tmp_path / "results" / "toy.json").read_text())["claims"][0]["verdict"] == "holds"


def test_an_interrupted_run_says_what_is_kept(unbend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "judge", stop)
    done = unbend("toy", *INLINE)
    assert done.exit_code == 130
    assert "interrupted: the 12 cells finished now are kept" in done.stderr


def test_no_study_is_called_like_a_command(unbend: Any) -> None:
    commands = re.findall(r"^\W+(\w+)  ", unbend("--help").stdout, re.MULTILINE)
    assert {"run", "status", "report", "diff", "export"} <= set(commands)
    assert not set(commands) & set(_find.names())


def command(*words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    code = "from unbend.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "study", *words], capture_output=True, text=True, check=False, **options
    )


def test_an_unknown_study_suggests_the_nearest(tmp_path: Path) -> None:
    done = command("lamda", cwd=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"unbend: unknown study 'lamda'; did you mean lambda[^\n]*\n", done.stderr)


def test_a_store_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = command("lambda", "--runs", "file/runs", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("unbend: cannot ")
    assert done.stderr.count("\n") == 1


def test_status_needs_neither_torch_nor_much_time(tmp_path: Path) -> None:
    """What `status` imports where nothing has changed since the last run."""
    code = (
        "import sys\n"
        "from unbend.study import _find, _terminal, _view\n"
        "import unbend.cli\n"
        "unbend.cli.app()\n"
        "heavy = {'torch', 'numpy', 'scipy', 'sklearn', 'altair', 'joblib', 'cloudpickle'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_terminal_gets_one_moving_line(tmp_path: Path) -> None:
    """On a pseudo-terminal the cells' lines do not pile up."""
    code = (
        "import sys; from tests.study import _toys as toys; from unbend.study import run\n"
        "from unbend.study._terminal import Teller\n"
        "with Teller() as tell:\n"
        "    run(toys.study(), runs=sys.argv[1], runner='inline', report=False, on_event=tell)"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # The other side has closed the terminal.
        pass
    assert process.wait() == 0, shown
    assert b"\x1b[2K" in shown, "the line is wiped and written again"
    assert b"12/12" in shown
    assert shown.count(b"\n") < 6
