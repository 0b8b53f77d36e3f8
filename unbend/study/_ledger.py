"""The recorded results: one small JSON file per study, one per benchmarked paper. Imports no numbers library."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unbend._errors import ArgumentError, UnbendError
from unbend._rooms import ROOT
from unbend.study._record import Record
from unbend.study._spec import Study

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
    """Write `<folder>/<study>.json`: question, claims with their verdicts, arms, versions; today's date by default."""
    raise NotImplementedError("the statistics are being written")


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
    """Every recorded study by its name: `study, paper, version, date, question, claims, arms, environment`.

    Each claim is a dict with at least `claim, verdict, mean, low, high, seeds`.
    """
    return {content["study"]: content for content in _read_all(root or results_folder())}


def benchmarks(root: str | Path | None = None) -> dict[str, list[dict[str, Any]]]:
    """Benchmark rows by the paper's short name; each has at least `peer, item, ratio`."""
    return {content["paper"]: content["rows"] for content in _read_all(Path(root or results_folder()) / "benchmarks")}


def _read_all(folder: str | Path) -> list[dict[str, Any]]:
    return [_read(path) for path in sorted(Path(folder).glob("*.json"))]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnbendError(f"{path} is not JSON ({error}); record it again or remove it") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UnbendError(f"{path} has another format than {FORMAT}; update unbend, or record it again")
    return content


def _write(path: Path, content: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path
