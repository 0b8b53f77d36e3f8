"""The recorded results: one small JSON file per study, one per benchmarked paper. Imports no numbers library."""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from unbend import __version__
from unbend._errors import ArgumentError, UnbendError
from unbend._rooms import ROOT
from unbend.study._record import Record, budget_dict
from unbend.study._spec import Study
from unbend.study._summary import BROKEN, Cells
from unbend.study._verdict import Verdict, judge

FORMAT = 1


def results_folder() -> Path:
    """`results/` of the checkout that unbend runs from, else the copy that the installed package carries."""
    checkout = ROOT.parent / "results"
    return checkout if (ROOT.parent / "pyproject.toml").exists() else ROOT / "_results"


def record(
    study: Study,
    records: Iterable[Record],
    folder: str | Path = "results",
    *,
    date: str | None = None,
) -> Path:
    """Write `<folder>/<study>.json`: question, claims with their verdicts, arms, versions; today's date by default.

    Raises:
        UnbendError: a cell failed, was killed or ran out of time. A verdict on record is about the method, and such a
            cell may be about the code or the machine; one that diverged counts as the worst, and is recorded.
    """
    records = list(records)
    lost = [cell for cell in records if cell.status in ("failed", "killed", "timeout")]
    if lost:
        first = f"{lost[0].arm} on {lost[0].data}, seed {lost[0].seed}: {lost[0].status}"
        remedy = f"See `unbend study status {study.name}`, mend what is wrong, and run it again"
        raise UnbendError(f"{study.name} is not recorded: {len(lost)} of its cells did not finish ({first}). {remedy}")
    cells = Cells(study, records)
    content = {
        "format": FORMAT,
        "study": study.name,
        "study_version": study.version,
        "paper": study.paper,
        "question": study.question,
        "version": __version__,
        "date": date or datetime.date.today().isoformat(),
        "budget": budget_dict(study.budget),
        "environment": cells.environment,
        "claims": [_claim(verdict) for verdict in judge(study, cells.rows)],
        "arms": [_arm(cells, metric, data, arm) for metric in cells.plain for data in cells.data for arm in cells.arms],
    }
    return _write(Path(folder) / f"{study.name}.json", content)


def _claim(verdict: Verdict) -> dict[str, Any]:
    claim = verdict.claim
    return {
        "claim": claim.text,
        "verdict": verdict.verdict,
        "metric": claim.metric,
        "a": claim.a,
        "relation": claim.relation,
        "b": claim.b,
        "margin": claim.margin,
        "data": list(claim.data) if claim.data else None,
        "mean": _short(verdict.mean),
        "low": _short(verdict.low),
        "high": _short(verdict.high),
        "seeds": verdict.seeds,
        "wins": verdict.wins,
        "p": _short(verdict.p),
        "needed": verdict.needed,
        "counted_worst": len(verdict.failed),
    }


def _arm(cells: Cells, metric: str, data: str, arm: str) -> dict[str, Any]:
    spread = cells.spread(metric, arm, data)
    return {
        "arm": arm,
        "data": data,
        "metric": metric,
        "mean": _short(spread.mean),
        "deviation": _short(spread.deviation),
        "seeds": spread.count,
        "broken": cells.count(arm, data, *BROKEN),
    }


def _short(value: float | None) -> float | None:
    # Six digits are more than any verdict needs, and keep the differences between two recordings readable.
    return None if value is None else float(f"{value:.6g}")


def save_benchmark(
    paper: str,
    rows: Sequence[Mapping[str, Any]],
    environment: Mapping[str, str],
    folder: str | Path = "results",
) -> Path:
    """Write `<folder>/benchmarks/<paper>.json`.

    Args:
        paper: short name of the paper.
        rows: each with `peer`, `item` and `ratio` (the peer's time over ours), and whatever else was measured.
        environment: versions, threads and CPU of the machine that measured.
        folder: the results folder.
    """
    for row in rows:
        missing = [name for name in ("peer", "item", "ratio") if name not in row]
        if missing:
            raise ArgumentError.of("rows", dict(row), "peer, item and ratio in every row", f"Missing: {missing}")
    content = {"format": FORMAT, "paper": paper, "environment": dict(environment), "rows": [dict(row) for row in rows]}
    return _write(Path(folder) / "benchmarks" / f"{paper}.json", content)


def verdicts(root: str | Path | None = None) -> dict[str, dict[str, Any]]:
    """Every recorded study by its name: `paper`, `version` (of unbend), `date`, `question`, `claims`, `arms` and more.

    Each claim is a dict with `claim`, `verdict`, `mean`, `low`, `high`, `seeds` and the terms of the claim.
    """
    return {content["study"]: content for content in _read_all(root or results_folder())}


def benchmarks(root: str | Path | None = None) -> dict[str, list[dict[str, Any]]]:
    """Benchmark rows by the paper's short name; each has at least `peer, item, ratio`."""
    return {content["paper"]: content["rows"] for content in _read_all(Path(root or results_folder()) / "benchmarks")}


def _read_all(folder: str | Path) -> list[dict[str, Any]]:
    return [_read(path) for path in sorted(Path(folder).glob("*.json"))]


def _read(path: Path) -> dict[str, Any]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnbendError(f"{path} is not JSON ({error}); record it again, or remove the file") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UnbendError(f"{path} is not of format {FORMAT}; update unbend, or record it again")
    return cast("dict[str, Any]", content)


def _write(path: Path, content: Mapping[str, Any]) -> Path:
    """One line per entry, and per item of a list, so that a difference between two versions reads like one."""
    entries: list[str] = []
    for name, value in content.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"  {_json(item)}" for item in cast("list[Any]", value))
            entries.append(f" {_json(name)}: [\n{items}\n ]")
        else:
            entries.append(f" {_json(name)}: {_json(value)}")
    unfinished = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text("{\n" + ",\n".join(entries) + "\n}\n", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise UnbendError(f"{path} cannot be written: {error}; make room, or name another folder") from error
    return path


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
