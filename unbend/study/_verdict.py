"""From the cells of a study to the verdict on each of its claims."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Literal

from unbend.study._record import Record
from unbend.study._spec import Claim, Study
from unbend.study._summary import Cells, number, plural

if TYPE_CHECKING:
    from unbend.study._stats import Array, Bar

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
    """Paired gains of arm `a` over arm `b`, positive where `a` is better, on one data set or averaged over several.

    `gains` holds one number per seed of `seeds`; `a` and `b` are the arms' mean values.
    """

    data: str
    seeds: tuple[int, ...]
    gains: tuple[float, ...]
    a: float | None = None
    b: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def wins(self) -> int:
        return sum(gain > 0 for gain in self.gains)


@dataclass(frozen=True)
class Verdict:
    """What the cells say about one claim.

    `mean`, `low` and `high` are the gain and its 95 % interval; `p` is the two-sided sign-flip probability of such
    a gain if the arms did not differ, Holm-adjusted over the claims (claims about timings apart); `needed` is the
    number of seeds that would probably decide an inconclusive claim, None where it is decided or no number would.
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
    """The verdict on every claim of the study, in the order of the claims.

    Gains are paired by (data set, seed) and averaged over the claim's data sets seed by seed, for data sets are not
    replications of each other: a seed counts once it is finished on all of them.

    With margin d, `>` and `<` hold where the interval lies above 0 and the mean reaches d, and do not hold where the
    interval lies below d; `>=` and `<=` hold where the interval lies above -d, and do not where it lies below. Any
    other claim is inconclusive, as is one with fewer than three seeds. Cells that failed, diverged, were killed or
    ran out of time count as the metric's worst value; an arm that finished no cell never holds a claim.
    """
    cells = Cells(study, records)
    verdicts = [_judge(claim, cells) for claim in study.claims]
    # Timings differ from run to run: were they in one family with the rest, they would move the others' p.
    families: dict[bool, list[int]] = {}
    for place, verdict in enumerate(verdicts):
        if verdict.p is not None:
            families.setdefault(cells.metric(verdict.claim.metric).timing, []).append(place)
    for family in families.values():
        _adjust(verdicts, family)
    return verdicts


def _adjust(verdicts: list[Verdict], family: list[int]) -> None:
    from unbend.study._stats import holm

    for place, p in zip(family, holm([verdicts[place].p or 0.0 for place in family]), strict=True):
        verdicts[place] = replace(verdicts[place], p=p)


def _judge(claim: Claim, cells: Cells) -> Verdict:
    # Imported late: `unbend.study` answers the command line without NumPy.
    from unbend.study import _stats

    overlap = cells.study.overlap
    scope = [d for d in claim.data or cells.data if not (cells.skipped(claim.a, d) or cells.skipped(claim.b, d))]
    per_data = [_gain(claim, cells, data) for data in scope]
    overall = _estimate(_average(per_data, claim), overlap)
    failed = _failed(claim, cells, scope)
    bar = _stats.Bar.of(strict=claim.relation in (">", "<"), margin=claim.margin)
    word, reason = _word(claim, cells, overall, bar, scope)
    needed = None
    if word == "inconclusive":
        enough = len(overall.gains) >= _stats.LEAST_SEEDS
        gains = _array(overall)
        needed = _stats.needed_seeds(gains, bar, overlap) if enough else max(_stats.LEAST_SEEDS, cells.study.seeds)
    return Verdict(
        claim=claim,
        verdict=word,
        mean=overall.mean,
        low=overall.low,
        high=overall.high,
        seeds=len(overall.gains),
        wins=overall.wins,
        p=_stats.sign_flip(_array(overall)) if overall.gains else None,
        needed=needed,
        reason=reason,
        gains=overall.gains,
        per_data=tuple(_estimate(gain, overlap) for gain in per_data),
        failed=failed,
    )


def _gain(claim: Claim, cells: Cells, data: str) -> Gain:
    """Gains on one data set, over the seeds that both arms have."""
    sign = 1.0 if claim.relation in (">", ">=") else -1.0
    seeds: list[int] = []
    left: list[float] = []
    right: list[float] = []
    for seed in cells.seeds:
        a = cells.counted(claim.metric, claim.a, data, seed)
        b = cells.counted(claim.metric, claim.b, data, seed)
        if a is not None and b is not None:
            seeds.append(seed)
            left.append(a.value)
            right.append(b.value)
    if not seeds:
        return Gain(data, (), ())
    # 0.87 - 0.86 is not 0.01 in binary: a gain is meant to twelve digits of what it is the difference of.
    scale = max(map(abs, chain(left, right)))
    gains = tuple(_tidy(sign * (a - b), scale) for a, b in zip(left, right, strict=True))
    return Gain(data, tuple(seeds), gains, sum(left) / len(left), sum(right) / len(right))


def _average(per_data: list[Gain], claim: Claim) -> Gain:
    """Gains averaged over data sets, over the seeds that are complete."""
    complete = sorted(set.intersection(*(set(gain.seeds) for gain in per_data))) if per_data else []
    if not complete:
        return Gain("all", (), ())
    by_seed = [dict(zip(gain.seeds, gain.gains, strict=True)) for gain in per_data]
    gains: list[float] = []
    for seed in complete:
        parts = [each[seed] for each in by_seed]
        gains.append(_tidy(sum(parts) / len(parts), max(map(abs, parts))))
    return Gain("all", tuple(complete), tuple(gains))


def _estimate(gain: Gain, overlap: float) -> Gain:
    """The same gain with its mean and, from two seeds on, its interval."""
    from unbend.study import _stats

    if not gain.gains:
        return gain
    gains, scale = _array(gain), max(map(abs, gain.gains))
    mean = _tidy(float(gains.mean()), scale)
    if len(gains) < 2:
        return replace(gain, mean=mean)
    low, high = (_tidy(limit, scale) for limit in _stats.interval(gains, overlap))
    return replace(gain, mean=mean, low=low, high=high)


def _failed(claim: Claim, cells: Cells, scope: list[str]) -> tuple[CountedWorst, ...]:
    found: list[CountedWorst] = []
    for data in scope:
        for arm in dict.fromkeys((claim.a, claim.b)):
            for seed in cells.seeds:
                counted = cells.counted(claim.metric, arm, data, seed)
                if counted is not None and counted.worst:
                    status = cells.by_name[arm, data, seed].status
                    found.append(CountedWorst(arm, data, seed, status, counted.value))
    return tuple(found)


def _word(claim: Claim, cells: Cells, gain: Gain, bar: "Bar", scope: list[str]) -> tuple[Word, str]:
    """The verdict and, in half a sentence, why."""
    from unbend.study._stats import LEAST_SEEDS

    if not scope:
        return "not run", "an arm skipped every data set"
    if gain.mean is None:
        return "not run", "no seed is finished in both arms" + (" on every data set" if len(scope) > 1 else "")
    if gain.low is None or gain.high is None or len(gain.gains) < LEAST_SEEDS:
        return "inconclusive", f"{plural(len(gain.gains), 'seed')}, and a verdict takes {LEAST_SEEDS}"
    finished = [arm for arm in (claim.a, claim.b) if any(cells.count(arm, data, "ok") for data in scope)]
    if claim.a not in finished:
        word: Word = "does not hold" if finished else "not run"
        return word, f"{claim.a} finished no cell" if finished else "neither arm finished a cell"
    if gain.low > bar.floor and gain.mean >= bar.least:
        reached = f" and the mean gain reaches {number(bar.least)}" if claim.margin and bar.least > 0 else ""
        return "holds", f"the interval lies above {number(bar.floor)}{reached}"
    if gain.high < bar.ceiling:
        return "does not hold", f"the interval lies below {number(bar.ceiling)}"
    if gain.low <= bar.floor:
        return "inconclusive", f"the interval contains {number(bar.floor)}"
    return "inconclusive", f"better, but by less than {number(bar.least)} so far, which the interval still contains"


def _array(gain: Gain) -> "Array":
    import numpy as np

    return np.asarray(gain.gains, dtype=np.float64)


def _tidy(value: float, scale: float) -> float:
    """`value` rounded to twelve digits of `scale`."""
    return round(value, 12 - math.ceil(math.log10(scale))) if scale > 0 else 0.0
