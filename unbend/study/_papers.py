"""The catalogue of papers: each row with its public names, study, last recorded verdict and benchmark ratio."""

import csv
from dataclasses import asdict, dataclass, field
from typing import Any

from unbend._rooms import METHOD_ROOMS, ROOT, exports, study_files
from unbend.study import _ledger


@dataclass(frozen=True)
class Paper:
    """One row of the paper list, and what this installation has of it."""

    number: int
    name: str
    title: str
    arxiv: str | None
    room: str
    public: list[str] = field(default_factory=list[str])
    study: str | None = None
    verdicts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    version: str | None = None
    date: str | None = None
    benchmarks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def json(self) -> dict[str, Any]:
        return asdict(self)


def papers(room: str | None = None) -> list[Paper]:
    """Every paper of the list in its order, or those of one room; imports no method and no torch."""
    public: dict[str, list[str]] = {}
    for method_room in METHOD_ROOMS:
        for export in exports(method_room).values():
            if export.arxiv:
                public.setdefault(export.arxiv, []).append(export.dotted)
    studies: dict[str, list[str]] = {}
    for study in study_files().values():
        if study.paper:
            studies.setdefault(study.paper, []).append(study.name)
    verdicts, benchmarks = _ledger.verdicts(), _ledger.benchmarks()
    with (ROOT / "papers.tsv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if room in (None, row["room"])]
    return [_paper(row, public, studies, verdicts, benchmarks) for row in rows]


def _paper(
    row: dict[str, str],
    public: dict[str, list[str]],
    studies: dict[str, list[str]],
    verdicts: dict[str, dict[str, Any]],
    benchmarks: dict[str, list[dict[str, Any]]],
) -> Paper:
    own = studies.get(row["name"], [])
    recorded = [verdicts[study] for study in own if study in verdicts]
    return Paper(
        number=int(row["number"]),
        name=row["name"],
        title=row["title"],
        arxiv=row["arxiv"] or None,
        room=row["room"],
        public=sorted(public.get(row["arxiv"], [])) if row["arxiv"] else [],
        # A paper's main study bears its short name; further ones add their verdicts to the row.
        study=row["name"] if row["name"] in own else (own[0] if own else None),
        verdicts=[
            {"claim": c["claim"], "verdict": c["verdict"], "low": c["low"], "high": c["high"], "seeds": c["seeds"]}
            for entry in recorded
            for c in entry["claims"]
        ],
        version=recorded[-1]["version"] if recorded else None,
        date=recorded[-1]["date"] if recorded else None,
        benchmarks=[{k: b[k] for k in ("peer", "item", "ratio")} for b in benchmarks.get(row["name"], [])],
    )
