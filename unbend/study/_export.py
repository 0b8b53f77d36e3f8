"""The cells of a study for other programs."""

import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from unbend._errors import one_of
from unbend.study._csv import csv_text
from unbend.study._record import Record
from unbend.study._run import Run
from unbend.study._spec import Study
from unbend.study._summary import Cells
from unbend.study._tables import cells_rows
from unbend.study._verdict import Verdict, judge

FORMATS = ("csv", "json")


def export(study: Study, records: Collection[Record], to: str, stale: Collection[str] = ()) -> str:
    """The cells as CSV, one row each, or as JSON with curves, timings and verdicts.

    Args:
        study: whose cells.
        records: the cells that count.
        to: `csv` or `json`.
        stale: keys of the cells whose code has changed since.
    """
    one_of(FORMATS, to=to)
    cells = Cells(study, records)
    if to == "csv":
        return csv_text(cells_rows(cells, stale))
    content = {
        "study": study.name,
        "version": study.version,
        "question": study.question,
        "claims": [claim_json(verdict) for verdict in judge(study, cells.rows)],
        "cells": [{**asdict(record), "stale": record.key in stale} for record in cells.rows],
    }
    return json.dumps(content, indent=1)


def claim_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict with its claim as plain data."""
    names = ("verdict", "mean", "low", "high", "seeds", "wins", "p", "needed", "reason")
    return {**asdict(verdict.claim), **{name: getattr(verdict, name) for name in names}}


def run_json(run: Run, *, strict: bool = False) -> dict[str, Any]:
    """What a run found, as plain data; what `unbend study NAME --json` prints."""
    cells = Cells(run.study, run.records)
    return {
        "study": run.study.name,
        "version": run.study.version,
        "question": run.study.question,
        "cells": {
            "ran": run.ran, "before": run.before, "missing": run.missing, "broken": len(run.broken),
            "stale": len(run.stale),
        },
        "claims": [claim_json(verdict) for verdict in run.verdicts],
        "arms": [
            {"data": data, "arm": arm, "metric": metric.name, **asdict(cells.spread(metric.name, arm, data))}
            for data in cells.data
            for arm in cells.arms
            for metric in run.study.metrics
        ],
        "problems": list(run.problems),
        "report": str(run.report) if run.report else None,
        "exit_code": run.exit_code(strict=strict),
    }  # fmt: skip
