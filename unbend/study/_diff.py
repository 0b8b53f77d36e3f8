"""What changed between two states of a study: verdicts and means."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unbend._errors import ArgumentError
from unbend.study._ledger import verdicts
from unbend.study._record import Record
from unbend.study._spec import Study
from unbend.study._store import Store
from unbend.study._summary import Cells, number
from unbend.study._verdict import judge
from unbend.study._view import look

# The ledger rounds what it keeps: a mean has changed when it differs by more than that.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Snapshot:
    """The verdict of each claim, and the mean of each metric by data set and arm."""

    verdicts: Mapping[str, str]
    means: Mapping[tuple[str, str, str], float]

    @classmethod
    def of(cls, study: Study, records: Sequence[Record]) -> "Snapshot":
        """The state that the records are in."""
        cells = Cells(study, records)
        means = {
            (data, arm, metric): mean
            for data in cells.data
            for arm in cells.arms
            for metric in cells.plain
            if (mean := cells.spread(metric, arm, data).mean) is not None
        }
        return cls({verdict.claim.text: verdict.verdict for verdict in judge(study, records)}, means)

    @classmethod
    def recorded(cls, content: Mapping[str, Any]) -> "Snapshot":
        """The state that the ledger has."""
        means = {
            (row["data"], row["arm"], row["metric"]): row["mean"] for row in content["arms"] if row["mean"] is not None
        }
        return cls({claim["claim"]: claim["verdict"] for claim in content["claims"]}, means)


def compare(
    name: str, old: str | Path | None, runs: str | Path | None, *, accept_stale: bool = False
) -> list[dict[str, Any]]:
    """How the store of a study in `runs` differs from that in the folder `old`, or else from what is recorded.

    Raises:
        ArgumentError: there is nothing to compare with.
    """
    new = _snapshot(name, runs, accept_stale)
    if old is not None:
        if not Store(old, name).path.exists():
            raise ArgumentError.of("old", str(old), f"a folder that holds {name}.jsonl")
        return diff(_snapshot(name, old, accept_stale), new)
    recorded = verdicts().get(name)
    if recorded is None:
        raise ArgumentError.of("old", "none", "a folder of stores", f"Nothing is recorded of {name} to compare with")
    return diff(Snapshot.recorded(recorded), new)


def _snapshot(name: str, runs: str | Path | None, accept_stale: bool) -> Snapshot:
    view = look(name, runs)
    return Snapshot.of(view.study, view.plan.current(accept_stale=accept_stale))


def diff(old: Snapshot, new: Snapshot) -> list[dict[str, Any]]:
    """Each difference as `{what, name, old, new}`: claims first, then means; what one side lacks is None."""
    rows: list[dict[str, Any]] = []
    for claim in dict.fromkeys([*new.verdicts, *old.verdicts]):
        before, after = old.verdicts.get(claim), new.verdicts.get(claim)
        if before != after:
            rows.append({"what": "verdict", "name": claim, "old": before, "new": after})
    for key in dict.fromkeys([*new.means, *old.means]):
        before, after = old.means.get(key), new.means.get(key)
        if before is None or after is None or not math.isclose(before, after, rel_tol=_ROUNDING, abs_tol=1e-12):
            data, arm, metric = key
            rows.append({"what": "mean", "name": f"{metric} of {arm} on {data}", "old": before, "new": after})
    return rows


def shown(value: str | float | None) -> str:
    """One side of a difference for readers."""
    return value if isinstance(value, str) else number(value, 6)
