"""Write the report of a study: HTML, Markdown, CSV and figures, as a pure function of its records."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from unbend._errors import UnbendError
from unbend.study._record import Record
from unbend.study._spec import Study

if TYPE_CHECKING:
    from unbend.study._draw import Figure


def write_report(
    study: Study,
    records: Iterable[Record],
    folder: str | Path,
    *,
    stale: frozenset[str] = frozenset(),
    command: str | None = None,
) -> Path:
    """Write `report.html`, `report.md`, `cells.csv`, `claims.csv`, `timings.csv` and `figures/` into `folder`.

    The same study and records give the same bytes, whatever order the records come in. What was timed, claims about
    timings included, stands in `<section id="timings">`, after `<!-- timings -->`, and in files named `timings*`.

    Args:
        study: what was asked; records of arms, data sets or versions outside it are left out.
        records: the cells that were run.
        folder: made when absent; the files of an earlier report are replaced.
        stale: keys of cells whose code has changed since and that were accepted all the same.
        command: what reproduces the report; `unbend study NAME` when not given.

    Returns:
        The path of `report.html`.
    """
    # Imported late: drawing needs libraries that the command line does without until there is something to draw.
    from unbend.study._contents import Contents
    from unbend.study._csv import csv_text
    from unbend.study._html import html
    from unbend.study._markdown import markdown
    from unbend.study._tables import cells_rows, claims_rows, timings_rows

    contents = Contents(study, records, stale, command)
    files = {
        "claims.csv": csv_text(claims_rows([judged.verdict for judged in contents.claims])),
        "cells.csv": csv_text(cells_rows(contents.cells, stale)),
    }
    timed = {"timings.csv": csv_text(timings_rows(contents.cells))}
    if contents.timing_claims:
        timed["timings-claims.csv"] = csv_text(claims_rows([judged.verdict for judged in contents.timing_claims]))
    texts = {**files, **timed, "report.md": markdown(contents), "report.html": html(contents, files, timed)}
    try:
        _write(Path(folder), texts, contents.figures)
    except OSError as error:
        raise UnbendError(f"the report cannot be written into {folder}: {error}; make room, or name another") from error
    return Path(folder) / "report.html"


def _write(folder: Path, texts: Mapping[str, str], figures: Sequence["Figure"]) -> None:
    drawn = folder / "figures"
    drawn.mkdir(parents=True, exist_ok=True)
    for old in (*drawn.glob("*.svg"), *drawn.glob("*.png"), *folder.glob("timings*.csv")):
        old.unlink()
    with ThreadPoolExecutor(2) as pool:
        for figure, png in zip(figures, pool.map(attrgetter("png"), figures), strict=True):
            (drawn / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
            (drawn / f"{figure.name}.png").write_bytes(png)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
