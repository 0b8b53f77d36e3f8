"""Statistics against SciPy, against enumeration by hand, and against simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from unbend.study._stats import (
    Bar,
    bootstrap_interval,
    chances,
    holm,
    interval,
    needed_seeds,
    sign_flip,
    t_interval,
)

SIZES = pytest.mark.parametrize("n", [2, 3, 5, 8, 13])
FINITE = st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=2, max_size=8).map(np.array)


def sample(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 1.0, n)


@SIZES
def test_t_interval_is_scipys(n):
    expected = stats.ttest_1samp(sample(n), 0.0).confidence_interval(0.95)
    assert t_interval(sample(n)) == pytest.approx(tuple(expected), rel=1e-12)


@pytest.mark.parametrize("n", [5, 8, 13])
def test_bootstrap_is_scipys_bca_draw_for_draw(n):
    # Sums of sixty-fourths are exact, so SciPy sees the ties that rounding would hide from it.
    gains = np.sort(np.round(64 * sample(n)) / 64)
    expected = stats.bootstrap(
        (gains,), np.mean, n_resamples=9_999, method="BCa", rng=np.random.default_rng(7)
    ).confidence_interval
    assert bootstrap_interval(gains, np.random.default_rng(7)) == pytest.approx(tuple(expected), rel=1e-9)


def test_bootstrap_of_many_gains_is_drawn_in_parts_and_agrees_with_t():
    gains = sample(600)
    assert bootstrap_interval(gains) == pytest.approx(t_interval(gains), abs=0.02)


def test_corrected_interval_is_nadeau_and_bengios():
    # Ten splits into 90 % and 10 %: the variance factor 1/10 becomes 1/10 + 1/9.
    gains = sample(10)
    half = stats.t.ppf(0.975, 9) * gains.std(ddof=1) * np.sqrt(1 / 10 + 1 / 9)
    assert t_interval(gains, overlap=1 / 9) == pytest.approx((gains.mean() - half, gains.mean() + half))
    assert interval(gains, overlap=1 / 9) == pytest.approx(t_interval(gains, overlap=1 / 9))


@settings(max_examples=50, deadline=None)
@given(FINITE)
def test_interval_encloses_both_and_the_mean_whatever_the_order(gains):
    low, high = interval(gains)
    for inner in (t_interval(gains), bootstrap_interval(gains)):
        assert low <= inner[0] <= inner[1] <= high
    slack = 1e-9 * np.abs(gains).max()
    assert low - slack <= gains.mean() <= high + slack
    assert interval(gains[::-1]) == pytest.approx((low, high), abs=slack)


@given(FINITE, st.floats(-100, 100))
def test_intervals_shift_and_mirror_with_the_gains(gains, shift):
    low, high = t_interval(gains)
    assert t_interval(gains + shift) == pytest.approx((low + shift, high + shift), abs=1e-8)
    assert t_interval(-gains) == pytest.approx((-high, -low), abs=1e-8)


def test_equal_gains_have_an_interval_of_no_width():
    assert interval(np.full(5, 0.25)) == (0.25, 0.25)
    assert interval(np.zeros(5)) == (0.0, 0.0)


@SIZES
def test_sign_flip_counts_every_pattern(n):
    gains = sample(n)
    patterns = [abs(np.dot(signs, gains)) for signs in itertools.product((-1, 1), repeat=n)]
    expected = np.mean([pattern >= abs(gains.sum()) - 1e-9 for pattern in patterns])
    assert sign_flip(gains) == expected


def test_sign_flip_is_scipys_permutation_test():
    gains = sample(8)
    expected = stats.permutation_test(
        (gains, np.zeros(8)), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", n_resamples=1000
    )
    assert sign_flip(gains) == expected.pvalue


@pytest.mark.parametrize("n", [1, 5, 8, 16])
def test_sign_flip_cannot_go_below_its_floor(n):
    assert sign_flip(np.full(n, 0.3)) == 2 / 2**n


def test_sign_flip_of_nothing_is_one():
    assert sign_flip(np.zeros(6)) == 1.0
    assert sign_flip(np.array([1.0, -1.0])) == 1.0


def test_sign_flip_beyond_sixteen_is_sampled_reproducibly_and_never_zero():
    gains = sample(24)
    normal = 2 * stats.norm.sf(abs(gains.sum()) / np.sqrt(np.sum(gains**2)))
    assert sign_flip(gains) == sign_flip(gains[::-1]) == pytest.approx(normal, abs=0.02)
    assert sign_flip(np.full(40, 1.0)) == 1e-5


def test_holm_steps_down():
    # By hand: 3 * 0.01, 2 * 0.02, then the running maximum.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_never_lowers_and_keeps_the_order(values):
    adjusted = holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, adjusted))
    for i, j in itertools.combinations(range(len(values)), 2):
        assert (values[i] - values[j]) * (adjusted[i] - adjusted[j]) >= 0


@pytest.mark.parametrize("n", [4, 8, 30])
def test_chance_without_a_margin_is_the_noncentral_t(n):
    bar = Bar.of(strict=True, margin=0.0)
    expected = stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, 0.8 * np.sqrt(n))
    assert chances(0.8, 1.0, n, bar)[0] == pytest.approx(expected, abs=2e-3)


def test_chance_at_the_margin_stays_a_coin_toss():
    bar = Bar.of(strict=True, margin=0.5)
    assert chances(0.5, 0.1, 500, bar)[0] == pytest.approx(0.5, abs=0.01)


def test_chances_without_spread_are_certain():
    bar = Bar.of(strict=True, margin=0.1)
    assert chances(0.1, 0.0, 5, bar) == (1.0, 0.0)
    assert chances(0.0, 0.0, 5, bar) == (0.0, 1.0)


def test_needed_seeds_is_the_first_number_that_suffices():
    gains, bar = sample(8), Bar.of(strict=True, margin=0.5)
    mean, spread = gains.mean(), gains.std(ddof=1)
    needed = needed_seeds(gains, bar)
    assert needed is not None
    assert sum(chances(mean, spread, needed, bar)) >= 0.8 > sum(chances(mean, spread, needed - 1, bar))


def test_needed_seeds_may_be_beyond_reach():
    gains = sample(8)
    at_the_margin = Bar.of(strict=True, margin=float(gains.mean()))
    assert needed_seeds(gains, at_the_margin) is None
    # With overlapping splits the interval keeps a width however many there are.
    assert needed_seeds(gains, Bar.of(strict=False, margin=0.0), overlap=1.0) is None


REPEATS = 2_000


@pytest.mark.parametrize("n", [4, 8, 16])
def test_coverage_of_normal_gains(n):
    """95 % intervals miss the truth at either side in at most 2.5 %, up to the binomial's 99.9 % quantile."""
    rng = np.random.default_rng(n)
    limits = np.array([interval(rng.normal(0.0, 1.0, n)) for _ in range(REPEATS)])
    bound = stats.binom.ppf(0.999, REPEATS, 0.025)
    assert np.sum(limits[:, 0] > 0) <= bound
    assert np.sum(limits[:, 1] < 0) <= bound
    # Nor are they needlessly wide: they miss it, together, in at least 3.5 %.
    assert np.sum((limits[:, 0] > 0) | (limits[:, 1] < 0)) >= stats.binom.ppf(0.001, REPEATS, 0.045)


def test_sampled_needed_seeds_decide_as_often_as_they_say():
    """A known effect: with the number of seeds that the power function asks for, 80 % of the runs decide."""
    bar = Bar.of(strict=True, margin=0.2)
    needed = next(n for n in range(3, 200) if chances(0.6, 1.0, n, bar)[0] >= 0.8)
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(500):
        gains = rng.normal(0.6, 1.0, needed)
        held += interval(gains)[0] > bar.floor and gains.mean() >= bar.least
    assert held >= stats.binom.ppf(0.01, 500, 0.8)
