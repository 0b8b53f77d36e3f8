"""Write the report of a study: HTML, Markdown, CSV and figures, as a pure function of its records."""

from collections.abc import Iterable
from pathlib import Path

from unbend.study._record import Record
from unbend.study._spec import Study


def write_report(
    study: Study,
    records: Iterable[Record],
    folder: str | Path,
    *,
    stale: frozenset[str] = frozenset(),
    command: str | None = None,
) -> Path:
    """Write `report.html`, `report.md`, `cells.csv`, `claims.csv`, `timings.csv` and `figures/` into `folder`.

    Args:
        study: what was asked; names outside it (arms or data sets since removed) are left out.
        records: the cells that are finished, in any order.
        folder: made when absent; files of an earlier report are replaced.
        stale: keys of cells whose code has changed since and that were accepted all the same.
        command: what reproduces the report; `unbend study NAME` when not given.

    Returns:
        The path of `report.html`.
    """
    raise NotImplementedError("the report is being written")
