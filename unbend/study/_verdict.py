"""From the cells of a study to the verdict on each of its claims."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from unbend.study._record import Record
from unbend.study._spec import Claim, Study

Word = Literal["holds", "does not hold", "inconclusive", "not run"]


@dataclass(frozen=True)
class CountedWorst:
    """A cell that gave no value of the metric, and what it was counted as."""

    arm: str
    data: str
    seed: int
    status: str
    value: float


@dataclass(frozen=True)
class Gain:
    """Paired gains of arm `a` over arm `b`, oriented so that positive is better for `a`, on one data set or over several.

    `a` and `b` are the arms' mean values; `gains` holds one number per seed, in the order of the seeds.
    """

    data: str
    seeds: int
    wins: int
    gains: tuple[float, ...]
    a: float | None
    b: float | None
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Verdict:
    """What the cells say about one claim.

    `mean`, `low` and `high` are the gain and its 95 % interval; `p` is the two-sided sign-flip probability of such
    a gain if the arms did not differ, Holm-adjusted over the claims; `needed` is the number of seeds that would
    probably decide an inconclusive claim (None where it is decided, or where no number would).
    """

    claim: Claim
    verdict: Word
    mean: float | None
    low: float | None
    high: float | None
    seeds: int
    wins: int
    p: float | None
    needed: int | None
    reason: str
    gains: tuple[float, ...]
    per_data: tuple[Gain, ...]
    failed: tuple[CountedWorst, ...]


def judge(study: Study, records: Iterable[Record]) -> list[Verdict]:
    """The verdict on every claim of the study, in the order of the claims."""
    raise NotImplementedError("the statistics are being written")
