"""Studies and records made by hand, for the tests of statistics, report and ledger."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unbend.study._record import Record, cell_key
from unbend.study._spec import ACCURACY, Claim, Metric, Steps, Study

ENV = {"unbend": "0.1.0", "torch": "2.13.0", "python": "3.11.2", "cpu": "a processor"}
LOSS = Metric("loss", "lower")
SPEED = Metric("step_ms", "lower", "ms", timing=True)


def never_run(cell: Any) -> dict[str, float]:
    raise AssertionError("these tests do not run cells")


def study(**changes: Any) -> Study:
    """Two arms, one data set, one claim, unless told otherwise."""
    values: dict[str, Any] = {
        "name": "made",
        "question": "Is a better than b?",
        "data": ["digits"],
        "arms": {"a": dict, "b": dict},
        "trial": never_run,
        "budget": Steps(100),
        "claims": [Claim("a is better than b", "accuracy", "a", ">", "b", margin=0.01)],
        "metrics": (ACCURACY, LOSS, SPEED),
    }
    return Study(**{**values, **changes})


def record(arm: str, seed: int, data: str = "digits", *, accuracy: float | None = None, **changes: Any) -> Record:
    """One cell that went well, unless `changes` say otherwise."""
    named: dict[str, Any] = {
        "study": "made",
        "version": 1,
        "arm": arm,
        "params": {},
        "data": data,
        "data_hash": "0" * 8,
        "seed": seed,
        "threads": 1,
    }
    named |= {name: changes.pop(name) for name in list(changes) if name in named}
    key = cell_key(budget=Steps(100), **named)
    values: dict[str, Any] = {
        "key": key,
        "digest": "d",
        "budget": {"kind": "steps", "value": 100},
        "dtype": "float32",
        "status": "ok",
        "metrics": {} if accuracy is None else {"accuracy": accuracy},
        "env": ENV,
    }
    return Record(**{**named, **values, **changes})


def pairs(a: Sequence[float], b: Sequence[float], data: str = "digits") -> list[Record]:
    """Accuracies of arms `a` and `b`, seed by seed."""
    return [
        record(arm, seed, data, accuracy=value)
        for arm, values in (("a", a), ("b", b))
        for seed, value in enumerate(values)
    ]


def broken(arm: str, seed: int, data: str = "digits", status: str = "failed", **error: str) -> Record:
    """A cell that ended without a result."""
    told: Mapping[str, str] = {"type": "ValueError", "message": "no", "traceback": "Traceback: no", **error}
    return record(arm, seed, data, status=status, error=told)


def shuffled(records: Iterable[Record]) -> list[Record]:
    """The same records in another order, the same each time."""
    return sorted(records, key=lambda r: r.key)
