"""Paired statistics on plain arrays: intervals, the sign-flip test, Holm, and how many seeds would decide.

`gains` is always a one-dimensional array with one paired difference per seed, positive where the claim's first arm is
better. With n gains, mean m and standard deviation s (n - 1 in its denominator):

    t interval    m -/+ t(0.975, n - 1) * s * sqrt(1/n + overlap)
    bootstrap     bias-corrected and accelerated (BCa), 9,999 resamples of the gains
    interval      the wider of the two on either side: from the lower low to the higher high
    sign flip     share of the 2^n sign patterns whose mean is at least as far from 0 as m

`overlap` is the ratio of test to training rows when the seeds are re-splits of one table (Nadeau and Bengio, 2003,
doi:10.1023/A:1024068626366): such gains are not independent, and 1/n alone makes the interval too narrow. It is 0 for
seeds that draw fresh randomness.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

RESAMPLES = 9_999
EXACT_UP_TO = 16
LEAST_SEEDS = 3
MOST_SEEDS = 1_000


class Bar(NamedTuple):
    """What a gain must clear: lower limit above `floor`, mean at `least`; an upper limit under `ceiling` refutes."""

    floor: float
    least: float
    ceiling: float

    @classmethod
    def of(cls, *, strict: bool, margin: float) -> "Bar":
        """The bar of "better by at least `margin`" (strict), or of "worse by no more than `margin`"."""
        return cls(0.0, margin, margin) if strict else cls(-margin, -np.inf, -margin)


def t_interval(gains: Array, overlap: float = 0.0) -> tuple[float, float]:
    """95 % interval of the mean by Student's t; corrected for overlapping splits when `overlap` > 0."""
    half = float(special.stdtrit(len(gains) - 1, 0.975)) * _spread(gains) * np.sqrt(1 / len(gains) + overlap)
    return float(gains.mean() - half), float(gains.mean() + half)


def bootstrap_interval(gains: Array, rng: np.random.Generator | None = None) -> tuple[float, float]:
    """95 % BCa interval of the mean (Efron, 1987); without `rng` its random numbers are seeded by the gains."""
    gains = np.sort(gains)
    mean = gains.mean()
    if _spread(gains) == 0:
        return float(mean), float(mean)
    means = _resampled_means(gains, rng or _generator(gains))
    # Ties count half. Gains on a lattice, as accuracies are, tie often, and rounding must not break the tie.
    tie = 1e-12 * np.ptp(gains)
    below = (np.count_nonzero(means < mean - tie) + np.count_nonzero(means <= mean + tie)) / (2 * len(means))
    bias = special.ndtri(below)
    # Leaving out one gain moves the mean by (mean - gain) / (n - 1); the constants cancel in the acceleration.
    pull = (gains - mean) / np.ptp(gains)
    acceleration = np.sum(pull**3) / (6 * np.sum(pull**2) ** 1.5)
    shifted = bias + special.ndtri(np.array([0.025, 0.975]))
    low, high = np.quantile(means, special.ndtr(bias + shifted / (1 - acceleration * shifted)))
    return float(low), float(high)


def interval(gains: Array, overlap: float = 0.0) -> tuple[float, float]:
    """The wider, on either side, of the t and the bootstrap interval of the mean; needs two gains.

    On either side, for the bootstrap may be the longer one and yet begin higher: picking it whole would let a claim
    hold too often (2.8 % instead of 2.5 % for heavy tails at 16 seeds).
    """
    lows, highs = zip(t_interval(gains, overlap), bootstrap_interval(gains), strict=True)
    return min(lows), max(highs)


def sign_flip(gains: Array) -> float:
    """Two-sided probability of a mean this far from 0 if every gain could as well have the other sign.

    All 2^n sign patterns for up to 16 gains, 99,999 random ones beyond (where the observed pattern counts as one).
    """
    # Patterns that tie with the observed one in exact arithmetic must not drop out by rounding.
    reach = abs(gains.sum()) - 1e-12 * np.abs(gains).sum()
    if len(gains) <= EXACT_UP_TO:
        sums = np.zeros(1)
        for gain in gains:
            sums = np.concatenate([sums + gain, sums - gain])
        return float(np.mean(np.abs(sums) >= reach))
    gains = np.sort(gains)
    rng, hits, draws = _generator(gains), 0, 99_999
    for rows in _batches(draws, len(gains)):
        signs = rng.choice((-1.0, 1.0), (rows, len(gains)))
        hits += np.count_nonzero(np.abs(signs @ gains) >= reach)
    return (1 + hits) / (1 + draws)


def holm(values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values, in the order given."""
    adjusted, running = [0.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        running = max(running, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = running
    return adjusted


def chances(mean: float, spread: float, seeds: int, bar: Bar, overlap: float = 0.0) -> tuple[float, float]:
    """Chance that a claim holds, and that it does not hold, with so many seeds.

    For normal gains of true mean `mean` and standard deviation `spread`, judged by the t interval. Given the sample's
    s, the sample mean is normal, so both chances are normal integrals averaged over the chi-square law of s.
    """
    scale = spread * np.sqrt(1 / seeds + overlap)
    if scale == 0:
        return float(mean > bar.floor and mean >= bar.least), float(mean < bar.ceiling)
    midpoints = (np.arange(200) + 0.5) / 200
    ratio = np.sqrt(2 * special.gammaincinv((seeds - 1) / 2, midpoints) / (seeds - 1))
    half = float(special.stdtrit(seeds - 1, 0.975)) * scale * ratio
    holds = special.ndtr((mean - np.maximum(bar.least, bar.floor + half)) / scale)
    fails = special.ndtr((bar.ceiling - half - mean) / scale)
    return float(holds.mean()), float(fails.mean())


def needed_seeds(gains: Array, bar: Bar, overlap: float = 0.0, power: float = 0.8) -> int | None:
    """Smallest number of seeds, more than there are, that decides with chance `power`, taking m and s as the truth.

    None where no number up to 1,000 does: the gain lies too close to the bar, or the splits overlap too much.
    """
    mean, spread = float(gains.mean()), _spread(gains)

    def decides(seeds: int) -> bool:
        return sum(chances(mean, spread, seeds, bar, overlap)) >= power

    low = max(len(gains), LEAST_SEEDS - 1)
    high = low + 1
    while not decides(high):
        if high >= MOST_SEEDS:
            return None
        low, high = high, min(2 * high, MOST_SEEDS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def _spread(gains: Array) -> float:
    return float(gains.std(ddof=1)) if np.ptp(gains) > 0 else 0.0


def _generator(gains: Array) -> np.random.Generator:
    # Seeded by the sorted values: the same gains give the same interval in whichever order they come.
    digest = hashlib.sha256(np.sort(gains).tobytes()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _resampled_means(gains: Array, rng: np.random.Generator) -> Array:
    n = len(gains)
    return np.concatenate([gains[rng.integers(0, n, (rows, n))].mean(axis=1) for rows in _batches(RESAMPLES, n)])


def _batches(rows: int, width: int) -> list[int]:
    """`rows` in parts of at most about two million numbers each."""
    most = max(1, 2_000_000 // width)
    return [min(most, rows - start) for start in range(0, rows, most)]
