"""One cell: what a trial is handed, and what came of it."""

import math
import random
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from time import monotonic, perf_counter
from typing import Any

from unbend._errors import UnbendError
from unbend.study._environment import environment
from unbend.study._record import Record, Status, budget_dict, plain
from unbend.study._spec import Arm, Budget, Diverged, Metric, Skip, Study

# Measured by the clock, whether or not the study declares them.
TIMINGS = frozenset({"seconds", "ms_per_step"})
# What keeps the libraries below torch to one thread; they read it when they are loaded.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_POINTS = 64
_LONGEST = 20_000


@dataclass(frozen=True)
class Task:
    """The names of one cell, its key, and the digest of the code behind it."""

    arm: str
    data: str
    seed: int
    key: str
    digest: str

    def __str__(self) -> str:
        return f"{self.arm} on {self.data}, seed {self.seed}"


@dataclass(frozen=True)
class Work:
    """All that cells of one study share: the study, and its data sets loaded."""

    study: Study
    data: Mapping[str, Any]


class OutOfTime(UnbendError):
    """The cell's deadline has passed."""


@dataclass(frozen=True)
class Outcome:
    """What came of a cell, in the words of the record."""

    status: Status
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    timings: Mapping[str, float] = field(default_factory=dict[str, float])
    curves: Mapping[str, list[list[float]]] = field(default_factory=dict[str, list[list[float]]])
    error: Mapping[str, str] | None = None
    env: Mapping[str, str] = field(default_factory=environment)

    @classmethod
    def of(cls, error: BaseException) -> "Outcome":
        """What an error of the trial means."""
        match error:
            case Skip():
                return cls.broken("skipped", "Skip", str(error))
            case OutOfTime():
                return cls.broken("timeout", "OutOfTime", str(error))
            case Diverged():
                return cls.broken("diverged", "Diverged", str(error))
            case _:
                return cls.broken("failed", type(error).__name__, _message(error), _traceback(error))

    @classmethod
    def broken(cls, status: Status, kind: str, message: str, traceback: str = "") -> "Outcome":
        """A cell without a result, and why."""
        told = {"type": kind, "message": message[:_LONGEST], "traceback": traceback[-_LONGEST:]}
        return cls(status, error=told)


Ended = tuple[Task, Outcome]


@dataclass(frozen=True)
class Running:
    """A cell that is running: how many seconds it was given, and when (by `time.monotonic`) they are over."""

    task: Task
    seconds: float
    ends: float

    def too_long(self) -> Outcome:
        """What becomes of it when it does not look at the time."""
        return Outcome.broken("timeout", "OutOfTime", f"not finished after {self.seconds:.4g} s, and was ended")


@dataclass(frozen=True)
class Limits:
    """How many cells at once, how many seconds for one, and when (by `time.monotonic`) all of it ends."""

    jobs: int
    seconds: float
    ends: float = float("inf")

    def left(self) -> float:
        """Seconds for a cell that starts now."""
        return min(self.seconds, self.ends - monotonic())

    def start(self, task: Task) -> Running:
        left = self.left()
        return Running(task, left, monotonic() + left)

    def counts(self, running: Running, outcome: Outcome) -> bool:
        """Whether an outcome is the cell's own: one that only the end of the run cut off is none."""
        return outcome.status != "timeout" or running.seconds >= self.seconds


def record_of(study: Study, hashes: Mapping[str, str], task: Task, outcome: Outcome) -> Record:
    """The line that the store keeps of a cell."""
    return Record(
        key=task.key,
        digest=task.digest,
        study=study.name,
        version=study.version,
        arm=task.arm,
        params=plain(study.arm(task.arm).params),
        data=task.data,
        data_hash=hashes[task.data],
        seed=task.seed,
        budget=budget_dict(study.budget),
        dtype="float32",
        threads=1,
        status=outcome.status,
        metrics=outcome.metrics,
        timings=outcome.timings,
        curves=outcome.curves,
        error=outcome.error,
        env=outcome.env,
    )


class LiveCell:
    """The cell that a trial is handed; see `unbend.study.Cell`."""

    def __init__(self, work: Work, task: Task, seconds: float) -> None:
        study = work.study
        self.name = task.arm
        self.arm: Arm = study.arm(task.arm)
        self.reference: Arm = study.arm(study.reference or task.arm)
        self.data: Any = work.data[task.data]
        self.seed: int = seed_of(study.name, task.data, task.seed)
        self.budget: Budget = study.budget
        self.curves: dict[str, list[list[float]]] = {}
        self._ends = monotonic() + seconds
        self._seconds = seconds

    def log(self, step: int, **values: float) -> None:
        """Add a point to the curve of each name; the record keeps at most 64 points of a curve."""
        for name, value in values.items():
            number = float(value)
            if math.isfinite(number):
                self.curves.setdefault(name, []).append([float(step), number])

    def check_deadline(self) -> None:
        """Return while there is time; a trial calls this between steps.

        Raises:
            OutOfTime: the cell's time is over.
        """
        if monotonic() > self._ends:
            raise OutOfTime(f"not finished after {self._seconds:.4g} s")


def seed_of(study: str, data: str, seed: int) -> int:
    """The number that a cell draws from: named by data set and seed but not by the arm, so that arms are paired."""
    return int.from_bytes(sha256(f"{study}/{data}/{seed}".encode()).digest()[:4]) >> 1


def run_cell(work: Work, task: Task, seconds: float) -> Outcome:
    """Run one cell in this process; whatever the trial does short of ending the process is told in the outcome."""
    cell = LiveCell(work, task, seconds)
    _seed_everything(cell.seed)
    start = perf_counter()
    try:
        outcome = _sorted_out(work.study.trial(cell), work.study.metrics)
    except BaseException as error:
        outcome = Outcome.of(error)
    timings = {**outcome.timings, "seconds": perf_counter() - start}
    curves = {name: _thinned(curve) for name, curve in cell.curves.items()}
    return replace(outcome, timings=timings, curves=curves)


def _seed_everything(seed: int) -> None:
    import numpy as np
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (a trial may draw from the global generator; it must be the same each time)


def _sorted_out(returned: Any, declared: Sequence[Metric]) -> Outcome:
    """Metrics and timings apart; values that are not finite make the cell a diverged one."""
    if not isinstance(returned, Mapping):
        raise TypeError(f"the trial returned {type(returned).__name__}; expected a mapping of metric names to numbers")
    try:
        values = {str(name): float(value) for name, value in returned.items()}
    except (TypeError, ValueError) as error:
        raise TypeError(f"the trial returned a value that is not a number: {error}") from error
    missing = [metric.name for metric in declared if metric.name not in {**values, "seconds": 0.0}]
    if missing:
        raise KeyError(f"the trial returned {', '.join(values) or 'nothing'}; the study also asks for {missing[0]}")
    clocks = TIMINGS | {metric.name for metric in declared if metric.timing}
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    metrics = {name: value for name, value in finite.items() if name not in clocks}
    timings = {name: value for name, value in finite.items() if name in clocks}
    error = None
    if len(finite) < len(values):
        broken = ", ".join(f"{name} is {value}" for name, value in values.items() if name not in finite)
        error = {"type": "NotFinite", "message": broken, "traceback": ""}
    return Outcome("diverged" if error else "ok", metrics, timings, error=error)


def _message(error: BaseException) -> str:
    # A KeyError shows its message in quotes.
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


def _traceback(error: BaseException) -> str:
    """The traceback from the trial on; the frames of the engine say nothing to anyone.

    Of an error that is raised on purpose the message is enough, and the traceback of what it was raised from.
    """
    if isinstance(error, UnbendError):
        cause = error.__cause__
        return "".join([*traceback.format_exception(cause), f"{type(error).__name__}: {error}\n"]) if cause else ""
    inner = error.__traceback__.tb_next if error.__traceback__ else None
    return "".join(traceback.format_exception(type(error), error, inner))


def _thinned(curve: list[list[float]]) -> list[list[float]]:
    """At most 64 points of a curve, evenly spread, its first and last among them."""
    if len(curve) <= _POINTS:
        return curve
    last = len(curve) - 1
    return [curve[round(i * last / (_POINTS - 1))] for i in range(_POINTS)]
