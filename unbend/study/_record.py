"""One line of the store: what was run, under which key, and what came of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from unbend.study._spec import Budget

Status = Literal["ok", "failed", "diverged", "killed", "timeout", "skipped"]

FORMAT = 1


@dataclass(frozen=True)
class Record:
    """A finished cell. Frozen, JSON all through, and enough by itself to draw the report.

    `curves` holds `name -> [[step, value], ...]`, thinned to at most 64 points. `metrics` holds finite numbers only;
    a cell whose status is not `ok` has an `error` of `{type, message, traceback}` and counts as the worst value.
    `timings` (seconds, milliseconds per step, peak bytes) may differ between two runs of the same code.
    """

    key: str
    digest: str
    study: str
    version: int
    arm: str
    params: Mapping[str, Any]
    data: str
    data_hash: str
    seed: int
    budget: Mapping[str, Any]
    dtype: str
    threads: int
    status: Status
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    timings: Mapping[str, float] = field(default_factory=dict[str, float])
    curves: Mapping[str, list[list[float]]] = field(default_factory=dict[str, list[list[float]]])
    error: Mapping[str, str] | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    format: int = FORMAT

    def line(self) -> str:
        """The record as one line of canonical JSON, without the line's end."""
        return canonical(asdict(self))


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; refuses NaN, so that equal values always give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def cell_key(
    *,
    study: str,
    version: int,
    arm: str,
    params: Mapping[str, Any],
    data: str,
    data_hash: str,
    seed: int,
    budget: Budget,
    dtype: str = "float32",
    threads: int = 1,
) -> str:
    """SHA-256 over everything that names a cell; the code behind it is hashed apart, in `digest`."""
    named = {
        "study": study,
        "version": version,
        "arm": arm,
        "params": {name: plain(value) for name, value in params.items()},
        "data": data,
        "data_hash": data_hash,
        "seed": seed,
        "budget": budget_dict(budget),
        "dtype": dtype,
        "threads": threads,
    }
    return hashlib.sha256(canonical(named).encode()).hexdigest()


def budget_dict(budget: Budget) -> dict[str, Any]:
    """`Steps(300)` as `{"kind": "steps", "value": 300}`."""
    ((kind, value),) = asdict(budget).items()
    return {"kind": kind, "value": value}


def plain(value: Any) -> Any:
    """A parameter as JSON: numbers, text and sequences as they are, anything callable by its dotted name."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', repr(value))}"
    return repr(value)
