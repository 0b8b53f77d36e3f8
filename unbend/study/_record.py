"""One line of the store: what was run, under which key, and what came of it."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import partial
from typing import Any, Literal, get_args

from unbend._errors import UnbendError
from unbend.study._spec import Budget

Status = Literal["ok", "failed", "diverged", "killed", "timeout", "skipped"]

FORMAT = 1


class NewerFormatError(UnbendError):
    """A record that a later version of unbend wrote."""


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

    @classmethod
    def parse(cls, line: str) -> "Record":
        """Read what `line` wrote; the text may come from anywhere.

        Raises:
            NewerFormatError: a later version of unbend wrote it.
            ValueError: anything else that is not a record, and why.
        """
        try:
            value = json.loads(line, parse_constant=_refuse)
        except RecursionError:
            raise ValueError("nested too deep") from None
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        if isinstance(value.get("format"), int) and value["format"] > FORMAT:
            raise NewerFormatError(f"format {value['format']}; this version of unbend reads up to format {FORMAT}")
        for name, needed in _NEEDED.items():
            if name not in value:
                if needed:
                    raise ValueError(f"no {name!r}")
            elif not _CHECKS[name](value[name]):
                raise ValueError(f"{name!r} is not what it should be")
        unknown = value.keys() - _NEEDED.keys()
        if unknown:
            raise ValueError(f"unknown {', '.join(map(repr, sorted(unknown)[:3]))}")
        return cls(**value)


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
    """A parameter as JSON: numbers, text and sequences as they are, anything callable by its dotted name.

    Private files are no part of a name, so that they may be renamed; nor is an object's place in memory. Two things
    that get one name are still told apart by the digest of their code.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, partial):
        return {"call": plain(value.func), "args": plain(value.args), "keywords": plain(value.keywords)}
    if hasattr(value, "__qualname__"):
        module = str(getattr(value, "__module__", ""))
        return ".".join([*(part for part in module.split(".") if not part.startswith("_")), value.__qualname__])
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a finite number")


def _whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 1 << 53


def _finite(value: Any) -> bool:
    return _whole(value) or (type(value) is float and math.isfinite(value))


def _text(value: Any) -> bool:
    return type(value) is str


def _json(value: Any) -> bool:
    return type(value) is dict


def _each(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) is dict and all(map(check, value.values()))


def _curve(value: Any) -> bool:
    return type(value) is list and all(
        type(point) is list and len(point) == 2 and _finite(point[0]) and _finite(point[1]) for point in value
    )


_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("key", "digest", "study", "arm", "data", "data_hash", "dtype"), _text),
    **dict.fromkeys(("version", "seed", "threads", "format"), _whole),
    "params": _json,
    "budget": lambda value: _json(value) and _text(value.get("kind")) and _finite(value.get("value")),
    **dict.fromkeys(("metrics", "timings"), _each(_finite)),
    "curves": _each(_curve),
    "env": _each(_text),
    "error": lambda value: value is None or _each(_text)(value),
    "status": lambda value: value in get_args(Status),
}
# Name of each field, and whether a line must have it.
_NEEDED = {f.name: f.default is MISSING and f.default_factory is MISSING for f in fields(Record)}
