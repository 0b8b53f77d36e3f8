"""What a study is: a value that says the question, the arms, the data, the budget and the claims."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from unbend._errors import ArgumentError, UnbendError, UnknownNameError, at_least, positive

Relation = Literal[">=", ">", "<=", "<"]


@dataclass(frozen=True)
class Steps:
    """Budget: so many optimiser steps per cell."""

    steps: int

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)


@dataclass(frozen=True)
class Seconds:
    """Budget: so many seconds of training per cell; evaluation is not counted."""

    seconds: float

    def __post_init__(self) -> None:
        positive(seconds=self.seconds)


@dataclass(frozen=True)
class Operations:
    """Budget: so many counted operations of training per cell (matrix products and elementwise work alike)."""

    operations: float

    def __post_init__(self) -> None:
        positive(operations=self.operations)


Budget = Steps | Seconds | Operations


@dataclass(frozen=True)
class Claim:
    """One sentence with a direction and a margin, fixed before the run.

    `Claim("golu is at least as accurate as gelu", "accuracy", "golu", ">=", "gelu", margin=0.005)` compares the
    metric of arm `a` with that of arm `b`. `>` and `<` ask for a gain of at least `margin`; `>=` and `<=` ask for
    no loss of more than `margin`. `data` restricts the claim to some of the study's data sets.
    """

    text: str
    metric: str
    a: str
    relation: Relation
    b: str
    margin: float = 0.0
    data: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Arm:
    """A way to make the thing under test: a callable and the keyword values that are part of its identity."""

    make: Callable[..., Any]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __call__(self, *args: Any, **more: Any) -> Any:
        return self.make(*args, **{**self.params, **more})


class Cell(Protocol):
    """What a trial is handed: one arm, on one data set, with one seed, under one budget."""

    @property
    def arm(self) -> Arm: ...
    @property
    def name(self) -> str: ...
    @property
    def data(self) -> Any: ...
    @property
    def seed(self) -> int: ...
    @property
    def budget(self) -> Budget: ...
    @property
    def reference(self) -> Arm: ...
    def log(self, step: int, **values: float) -> None: ...
    def check_deadline(self) -> None: ...


class Diverged(UnbendError, FloatingPointError):
    """Training left the finite numbers; the cell counts as the worst value of each metric."""


class Skip(UnbendError):
    """Raised by a trial with the reason why this arm cannot run on these data; the cell counts for no claim."""


class Source(Protocol):
    """Data that have no name in `unbend.data`: the user's own file, or anything else that loads the same each time."""

    @property
    def name(self) -> str: ...
    def load(self) -> Any: ...


@runtime_checkable
class Trial(Protocol):
    """Run one cell and return its metrics. A shared building block such as `classify(...)`, or any function."""

    def __call__(self, cell: Cell, /) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Metric:
    """How to read one metric: which way is better, its unit, and whether it is a timing.

    A timing differs from run to run on the same code: it goes into the timing table, and never into the part of the
    report that must be byte-equal between runs. `worst` is what a failed or diverged cell counts as.
    """

    name: str
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""
    timing: bool = False
    worst: float | None = None

    def __post_init__(self) -> None:
        if self.worst is not None and not math.isfinite(self.worst):
            remedy = "None stands for the worst value that any cell had."
            raise ArgumentError.of(f"metric {self.name}: worst", self.worst, "a finite number or None", remedy)


ACCURACY = Metric("accuracy", "higher", worst=0.0)


@dataclass(frozen=True)
class Study:
    """One question, put to the test: arms x data x seeds -> cells -> claims -> report.

    `overlap` is the ratio of test to training rows where the seeds are re-splits of one table: their results are not
    independent, and the intervals are widened for it. It is 0 where each seed draws fresh randomness on fixed splits.

    `data` are names; each is one of `unbend.data.names()` or a key of `sources`, which says how to load it.
    """

    name: str
    question: str
    data: Sequence[str]
    arms: Mapping[str, Arm | Callable[..., Any]]
    trial: Trial
    budget: Budget
    claims: Sequence[Claim]
    metrics: Sequence[Metric] = (ACCURACY,)
    seeds: int = 8
    minutes: float = 5.0
    paper: str | None = None
    version: int = 1
    reference: str | None = None
    baselines: Sequence[str] = ()
    notes: str = ""
    overlap: float = 0.0
    sources: Mapping[str, Source] = field(default_factory=dict[str, Source])

    def __post_init__(self) -> None:
        if not self.arms:
            raise ArgumentError.of(f"study {self.name}: arms", dict(self.arms), "at least one arm")
        for what, names in (("data", [*self.data]), ("metrics", [metric.name for metric in self.metrics])):
            if not names or len(set(names)) < len(names):
                raise ArgumentError.of(f"study {self.name}: {what}", names, "at least one, and each name once")
        at_least(1, seeds=self.seeds)
        positive(minutes=self.minutes)
        for arm in (self.reference, *self.baselines):
            if arm is not None and arm not in self.arms:
                raise UnknownNameError.of(f"arm in reference or baselines of study {self.name}", arm, self.arms)
        object.__setattr__(
            self, "arms", {name: arm if isinstance(arm, Arm) else Arm(arm) for name, arm in self.arms.items()}
        )
        if not 0 <= self.overlap < float("inf"):
            raise ArgumentError.of(f"study {self.name}: overlap", self.overlap, "a finite number >= 0")
        for claim in self.claims:
            for side in (claim.a, claim.b):
                if side not in self.arms:
                    raise UnknownNameError.of(f"arm in claim {claim.text!r}", side, self.arms)
            if claim.metric not in {metric.name for metric in self.metrics}:
                raise UnknownNameError.of(
                    f"metric in claim {claim.text!r}", claim.metric, [m.name for m in self.metrics]
                )
            for name in claim.data or ():
                if name not in self.data:
                    raise UnknownNameError.of(f"data set in claim {claim.text!r}", name, self.data)
            if claim.margin < 0:
                raise ArgumentError.of(f"margin of claim {claim.text!r}", claim.margin, "a number >= 0")

    def arm(self, name: str) -> Arm:
        """The arm called `name`."""
        if name not in self.arms:
            raise UnknownNameError.of(f"arm of study {self.name}", name, self.arms)
        found = self.arms[name]
        assert isinstance(found, Arm)
        return found
