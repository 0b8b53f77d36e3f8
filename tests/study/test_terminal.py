"""What is printed, and that nothing in it can disturb the terminal."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.study import _toys as toys
from unbend.study import Event, Run, run
from unbend.study._summary import Cells
from unbend.study._terminal import Teller, arms_table, notes, show


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(toys.study(), runs=tmp_path_factory.mktemp("runs"), runner="inline", report=False)


def shown(found: Run, width: int = 200) -> str:
    out = io.StringIO()
    show(found, Console(file=out, width=width, highlight=False))
    return out.getvalue()


def test_means_have_half_of_their_interval(found: Run) -> None:
    import statistics

    values = [r.metrics["accuracy"] for r in found.records if (r.arm, r.data) == ("good", "x")]
    # Student's t for three values at 97.5 % is 4.3027.
    half = 4.3027 * statistics.stdev(values) / 3**0.5
    assert f"{statistics.fmean(values):.4g} ± {half:.2g}" in shown(found)


def test_nothing_is_cut_off_on_a_narrow_terminal(found: Run) -> None:
    assert "…" not in shown(found, width=30)


def test_the_reduced_scale_is_said_of_papers(found: Run) -> None:
    assert "reduced scale" not in shown(found)
    assert "reduced scale" in shown(replace(found, study=replace(found.study, paper="a paper")))


def test_names_with_brackets_are_names(found: Run) -> None:
    study = toys.study(arms={"a[red]": toys.good, "[/]": toys.fair}, claims=[], data=["x"])
    table = arms_table(Cells(study, []), "x")
    out = io.StringIO()
    Console(file=out, width=100).print(table)
    assert "a[red]" in out.getvalue()
    assert "[/]" in out.getvalue()


def test_notes_say_what_the_verdicts_stand_on(found: Run) -> None:
    assert notes(found) == []
    assert notes(replace(found, ran=0, before=12)) == ["12 cells finished before, nothing to run"]
    said = notes(replace(found, stale=frozenset("k"), missing=3, problems=("line 3",), looks=4, report=Path("r.html")))
    assert said == [
        "line 3",
        "1 cell kept although the code behind it has changed since",
        "3 cells still to run: repeat the command to go on",
        "the claims were judged 4 times, seeds being added in between: each look is a chance to be wrong",
        "report: r.html",
    ]


def test_only_the_first_traceback_is_told(tmp_path: Path) -> None:
    out = io.StringIO()
    told: list[Event] = []
    arms = {"good": toys.good, "fair": toys.raises}
    run(toys.study(arms=arms), runs=tmp_path, runner="inline", report=False, on_event=told.append)
    with Teller(quiet=True, console=Console(file=out, width=200)) as tell:
        for event in told:
            tell(event)
    assert out.getvalue().count("Traceback") == 1
    assert out.getvalue().count("\n") < 15
    assert tell.done == 12
