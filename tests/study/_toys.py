"""A study whose cells take no time, for the tests of the engine; its arms can misbehave in every way there is."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unbend.study import Claim, Diverged, Skip, Steps, Study
from unbend.study._cell import Task
from unbend.study._digest import digests
from unbend.study._plan import Plan, plan
from unbend.study._record import Record


@dataclass(frozen=True)
class Made:
    """A data set that is its own source."""

    name: str
    hash: str = "0"

    def load(self) -> "Made":
        return self


def good() -> float:
    return 0.9


def fair() -> float:
    return 0.8


def raises() -> float:
    raise ValueError("the arm is broken")


def diverges() -> float:
    raise Diverged("the loss is nan at step 3")


def skips() -> float:
    raise Skip("needs images")


def not_finite() -> float:
    return float("nan")


def infinite() -> float:
    return float("inf")


def quits() -> float:
    os._exit(3)


def kills_itself() -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def leaves_by_exit() -> float:
    raise SystemExit("enough")


def hangs() -> float:
    time.sleep(600)
    return 0.0


def takes_a_while() -> float:
    time.sleep(0.15)
    return 0.7


def returns_text() -> Any:
    return "very good"


BAD: dict[str, tuple[Any, str]] = {
    "raises": (raises, "failed"),
    "diverges": (diverges, "diverged"),
    "skips": (skips, "skipped"),
    "not finite": (not_finite, "diverged"),
    "infinite": (infinite, "diverged"),
    "quits": (quits, "killed"),
    "kills itself": (kills_itself, "killed"),
    "exits": (leaves_by_exit, "failed"),
    "text": (returns_text, "failed"),
}


def trial(cell: Any) -> Mapping[str, float]:
    """An accuracy that depends on the arm and, the same for all arms, on the seed."""
    for step in range(3):
        cell.log(step, loss=1.0 / (step + 1))
    value = cell.arm()
    if not isinstance(value, float):
        return {"accuracy": value}
    return {"accuracy": value + (cell.seed % 1000) / 1e5}


def study(**changes: Any) -> Study:
    """Two arms, two data sets, three seeds, one claim, unless told otherwise."""
    values: dict[str, Any] = {
        "name": "toy",
        "question": "Is good better than fair?",
        "data": ["x", "y"],
        "sources": {name: Made(name) for name in ("x", "y")},
        "arms": {"good": good, "fair": fair},
        "trial": trial,
        "budget": Steps(3),
        "claims": [Claim("good is better than fair", "accuracy", "good", ">", "fair", margin=0.01)],
        "seeds": 3,
    }
    return Study(**{**values, **changes})


def plan_of(made: Study, records: Mapping[str, Record] | None = None) -> Plan:
    """The plan of a study as `run` makes it."""
    hashes = {name: made.sources[name].load().hash for name in made.data}
    return plan(made, records or {}, hashes, digests(made), range(made.seeds))


def task(arm: str = "good", data: str = "x", seed: int = 0) -> Task:
    return Task(arm, data, seed, f"{arm}/{data}/{seed}", "digest")


def lines(path: Path) -> list[Record]:
    """What is in a store, line by line, without what may differ between runs."""
    found = [Record.parse(line) for line in path.read_text().splitlines()]
    return sorted((untimed(record) for record in found), key=lambda record: record.key)


def untimed(record: Record) -> Record:
    return replace(record, timings={})
