"""Verdicts: the rules at their edges, failures, pairing, data sets, and the null study."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.study._made import broken, pairs, record, shuffled, study
from unbend._errors import ArgumentError
from unbend.study._spec import ACCURACY, Claim, Metric
from unbend.study._stats import Bar, chances, interval
from unbend.study._verdict import Verdict, judge


def only(made_study, records) -> Verdict:
    (verdict,) = judge(made_study, records)
    return verdict


def claim(relation: str, margin: float = 0.0, **changes) -> Claim:
    values = {"text": "t", "metric": "accuracy", "a": "a", "relation": relation, "b": "b", "margin": margin}
    return Claim(**{**values, **changes})


def with_gains(gains, relation, margin, metric="accuracy") -> Verdict:
    """The verdict when arm a's metric exceeds arm b's by `gains`."""
    base = 0.5 + 0.01 * np.arange(len(gains))
    records = [
        record(arm, seed, metrics={metric: float(value)})
        for arm, values in (("a", base + np.asarray(gains)), ("b", base))
        for seed, value in enumerate(values)
    ]
    return only(study(claims=[claim(relation, margin, metric=metric)]), records)


UP = [0.050, 0.052, 0.048, 0.051, 0.049, 0.050]
NOISE = [0.05, -0.05, 0.04, -0.04, 0.03, -0.03]


@pytest.mark.parametrize(
    ("gains", "relation", "margin", "word"),
    [
        (UP, ">", 0.02, "holds"),
        (UP, ">", 0.04999, "holds"),
        (UP, ">", 0.0505, "inconclusive"),
        (UP, ">", 0.06, "does not hold"),
        (NOISE, ">", 0.02, "inconclusive"),
        (NOISE, ">", 0.5, "does not hold"),
        ([0.0] * 6, ">", 0.01, "does not hold"),
        ([0.0] * 6, ">", 0.0, "inconclusive"),
        ([0.01] * 6, ">", 0.01, "holds"),
        (UP, ">=", 0.0, "holds"),
        (NOISE, ">=", 0.0, "inconclusive"),
        (NOISE, ">=", 0.2, "holds"),
        ([0.0] * 6, ">=", 0.0, "inconclusive"),
        ([0.0] * 6, ">=", 0.001, "holds"),
        ([-g for g in UP], ">=", 0.02, "does not hold"),
        ([-g for g in UP], ">=", 0.05, "inconclusive"),
        (UP, "<", 0.02, "does not hold"),
        ([-g for g in UP], "<", 0.02, "holds"),
        ([-g for g in UP], "<=", 0.0, "holds"),
        (UP, "<=", 0.02, "does not hold"),
        (UP[:2], ">", 0.02, "inconclusive"),
        (UP[:1], ">", 0.02, "inconclusive"),
        ([], ">", 0.02, "not run"),
    ],
)
def test_the_rules(gains, relation, margin, word):
    assert with_gains(gains, relation, margin).verdict == word


def test_gain_is_oriented_by_the_relation_and_paired_by_seed():
    verdict = with_gains(UP, ">", 0.02)
    assert verdict.mean == pytest.approx(np.mean(UP))
    assert (verdict.low, verdict.high) == pytest.approx(interval(np.array(UP)))
    assert (verdict.seeds, verdict.wins) == (6, 6)
    other = with_gains(UP, "<", 0.02)
    assert other.mean == pytest.approx(-np.mean(UP))
    assert (other.low, other.high) == pytest.approx((-verdict.high, -verdict.low))
    assert other.wins == 0


def test_decimal_gains_meet_a_decimal_margin():
    # 0.87 - 0.86 > 0.01 in binary, 0.58 - 0.57 < 0.01: both are gains of a hundredth.
    assert only(study(), pairs([0.87, 0.58, 0.07], [0.86, 0.57, 0.06])).mean == 0.01
    assert only(study(), pairs([0.58] * 4, [0.57] * 4)).verdict == "holds"


def test_seeds_without_a_partner_are_left_out():
    records = [*pairs([0.9, 0.91, 0.92, 0.93], [0.8, 0.81, 0.82, 0.83]), record("a", 7, accuracy=0.1)]
    verdict = only(study(), records)
    assert verdict.seeds == 4
    assert verdict.mean == 0.1


def test_the_order_and_the_repetition_of_records_do_not_matter():
    records = pairs([0.9, 0.92, 0.94, 0.95], [0.8, 0.85, 0.81, 0.84])
    assert judge(study(), shuffled(records)) == judge(study(), records) == judge(study(), records + records)


def test_records_that_the_study_no_longer_names_are_ignored():
    records = pairs([0.9, 0.92, 0.94, 0.95], [0.8, 0.85, 0.81, 0.84])
    strangers = [
        record("c", 0, accuracy=0.0),
        record("a", 0, "other", accuracy=0.0),
        replace(records[0], version=2, metrics={"accuracy": 0.0}),
    ]
    assert judge(study(), records + strangers) == judge(study(), records)


@pytest.mark.parametrize("status", ["failed", "diverged", "killed", "timeout"])
def test_broken_cells_count_as_the_declared_worst_and_are_listed(status):
    records = [*pairs([0.9, 0.9, 0.9], [0.8, 0.8, 0.8]), broken("a", 3, status=status), record("b", 3, accuracy=0.8)]
    verdict = only(study(), records)
    assert verdict.gains == (0.1, 0.1, 0.1, -0.8)
    assert verdict.verdict == "inconclusive"
    (worst,) = verdict.failed
    assert (worst.arm, worst.data, worst.seed, worst.status, worst.value) == ("a", "digits", 3, status, 0.0)


def test_without_a_declared_worst_the_worst_observed_stands_in():
    made = study(claims=[claim("<", 0.0, metric="loss")])
    records = [record(arm, s, metrics={"loss": 1.0 + s}) for arm in "ab" for s in range(3)] + [
        broken("a", 3),
        record("b", 3, metrics={"loss": 2.5}),
    ]
    verdict = only(made, records)
    assert verdict.gains == (0, 0, 0, -0.5)
    assert verdict.failed[0].value == 3.0


def test_a_finished_cell_without_the_metric_counts_as_worst_too():
    records = pairs([0.9] * 3, [0.8] * 3)
    records[0] = replace(records[0], metrics={})
    verdict = only(study(), records)
    assert verdict.gains[0] == -0.8
    assert verdict.failed[0].status == "ok"


@pytest.mark.parametrize("metric", [ACCURACY, Metric("accuracy", "higher")])
@pytest.mark.parametrize("relation", [">", ">="])
def test_an_arm_that_finished_nothing_holds_no_claim(metric, relation):
    # Were the worst observed value to stand in for every cell, `a` would be no worse than a tight `b`.
    made = study(metrics=(metric,), claims=[claim(relation, 0.05)])
    b = [record("b", s, accuracy=0.9) for s in range(6)]
    verdict = only(made, b + [broken("a", s) for s in range(6)])
    assert verdict.verdict == "does not hold"
    assert len(verdict.failed) == 6


def test_nothing_finished_anywhere_is_not_run():
    for metric in (ACCURACY, Metric("accuracy", "higher")):
        made = study(metrics=(metric,), claims=[claim(">=", 0.05)])
        assert only(made, [broken(arm, s) for arm in "ab" for s in range(6)]).verdict == "not run"


def test_an_arm_may_win_because_its_rival_diverges():
    verdict = only(study(), [record("a", s, accuracy=0.9) for s in range(4)] + [broken("b", s) for s in range(4)])
    assert verdict.verdict == "holds"
    assert {worst.arm for worst in verdict.failed} == {"b"}


def test_data_sets_are_averaged_seed_by_seed_and_not_counted_as_repeats():
    two = study(data=["digits", "blobs"], claims=[claim(">", 0.01)])
    records = pairs([0.9, 0.92, 0.94], [0.8, 0.8, 0.8]) + pairs([0.5, 0.6, 0.7], [0.5, 0.5, 0.5], "blobs")
    verdict = only(two, records)
    assert verdict.gains == (0.05, 0.11, 0.17)
    assert verdict.seeds == 3
    assert [(g.data, g.mean, g.wins) for g in verdict.per_data] == [("digits", 0.12, 3), ("blobs", 0.1, 2)]
    one = only(study(data=["digits", "blobs"], claims=[claim(">", 0.01, data=("blobs",))]), records)
    assert one.gains == (0.0, 0.1, 0.2)


def test_gains_that_cancel_over_data_sets_leave_exactly_nothing():
    two = study(data=["digits", "blobs"], claims=[claim(">", 0.0)])
    records = pairs([0.7] * 4, [0.6] * 4) + pairs([0.2] * 4, [0.3] * 4, "blobs")
    assert only(two, records).gains == (0.0,) * 4


def test_a_data_set_that_is_still_to_run_holds_the_verdict_back():
    two = study(data=["digits", "blobs"], claims=[claim(">", 0.01)])
    verdict = only(two, pairs([0.9] * 4, [0.8] * 4))
    assert verdict.verdict == "not run"
    assert [len(gain.seeds) for gain in verdict.per_data] == [4, 0]


def test_a_data_set_that_an_arm_skipped_drops_out():
    two = study(data=["digits", "blobs"], claims=[claim(">", 0.01)])
    skipped = [record("a", s, "blobs", status="skipped") for s in range(4)]
    verdict = only(two, pairs([0.9] * 4, [0.8] * 4) + skipped)
    assert verdict.verdict == "holds"
    assert [gain.data for gain in verdict.per_data] == ["digits"]
    everywhere = [record("a", s, d, status="skipped") for s in range(4) for d in two.data]
    assert only(two, everywhere).verdict == "not run"


def test_holm_over_the_claims_and_timings_in_a_family_of_their_own():
    claims = [claim(">", 0.0), claim(">=", 0.0), claim("<", 0.0, metric="loss"), claim("<", 0.0, metric="step_ms")]
    values = np.random.default_rng(0).normal(size=(2, 8))
    records = [
        record(
            arm,
            seed,
            metrics={"accuracy": 0.5 + 0.01 * values[i, seed] + 0.02 * i, "loss": 1 + values[i, seed]},
            timings={"step_ms": 1.0 + seed + i},
        )
        for i, arm in enumerate("ba")
        for seed in range(8)
    ]
    raw = [judge(study(claims=[one]), records)[0].p for one in claims]
    together = [verdict.p for verdict in judge(study(claims=claims), records)]
    assert raw[2] < raw[0] == raw[1]
    assert together[:3] == pytest.approx([2 * raw[0], 2 * raw[1], 3 * raw[2]])
    assert together[3] == raw[3] == pytest.approx(2 / 2**8)


def test_needed_seeds_are_named_where_and_only_where_more_would_help():
    undecided = with_gains([0.05, -0.02, 0.04, 0.0, 0.03, -0.01], ">", 0.0)
    assert undecided.verdict == "inconclusive"
    assert undecided.needed is not None
    assert undecided.needed > 6
    assert with_gains(UP, ">", 0.02).needed is None
    assert with_gains(UP[:2], ">", 0.02).needed == study().seeds
    assert with_gains([0.0] * 6, ">", 0.0).needed is None


def test_overlapping_splits_widen_the_interval():
    records = pairs([0.9, 0.92, 0.91, 0.93, 0.92], [0.88, 0.91, 0.9, 0.9, 0.915])
    plain, corrected = only(study(), records), only(study(overlap=1.0), records)
    assert corrected.mean == plain.mean
    assert corrected.low < plain.low
    assert corrected.high > plain.high
    with pytest.raises(ArgumentError, match=r"overlap: got -1"):
        study(overlap=-1.0)


def test_a_worst_value_is_finite():
    with pytest.raises(ArgumentError, match="metric loss: worst: got inf"):
        Metric("loss", "lower", worst=math.inf)


def word(gains, relation, margin) -> str:
    return with_gains(gains, relation, margin).verdict


REPEATS = 200


def simulate(
    mean: float, relation: str, margin: float, seeds: int = 8, spread: float = 0.02, start: int = 0
) -> list[str]:
    rng = np.random.default_rng(start)
    return [word(rng.normal(mean, spread, seeds), relation, margin) for _ in range(REPEATS)]


@pytest.mark.parametrize(
    ("mean", "relation", "margin"),
    [(0.0, ">", 0.0), (0.0, "<", 0.0), (0.0, ">", 0.002), (0.0, ">=", 0.0), (-0.01, ">=", 0.01)],
)
def test_null_study_seldom_holds(mean, relation, margin):
    """A = B, 200 repeats: "holds" at most at 2.5 %, up to the 99 % quantile of that binomial (11 of 200)."""
    words = simulate(mean, relation, margin)
    assert words.count("holds") <= stats.binom.ppf(0.99, REPEATS, 0.025)


@pytest.mark.slow
@pytest.mark.parametrize(("mean", "relation", "margin"), [(0.0, ">", 0.0), (0.0, "<", 0.0), (-0.01, ">=", 0.01)])
def test_null_study_seldom_holds_whatever_the_random_numbers(mean, relation, margin):
    """The same over 20 streams of random numbers together, so that no single one of them decides."""
    held = sum(simulate(mean, relation, margin, start=start).count("holds") for start in range(20))
    assert held <= stats.binom.ppf(0.99, 20 * REPEATS, 0.025)


@pytest.mark.parametrize(
    ("mean", "relation", "margin", "expected"),
    [
        (0.03, ">", 0.005, "holds"),
        (0.01, ">", 0.04, "does not hold"),
        (0.0, ">=", 0.02, "holds"),
        (-0.05, ">=", 0.02, "does not hold"),
    ],
)
def test_stated_power_is_reached(mean, relation, margin, expected):
    """The stated chance of a known effect is met, down to the 1 % quantile of the binomial."""
    bar = Bar.of(strict=relation == ">", margin=margin)
    stated = chances(mean, 0.02, 8, bar)[expected == "does not hold"]
    assert 0.5 < stated < 1
    assert simulate(mean, relation, margin).count(expected) >= stats.binom.ppf(0.01, REPEATS, stated)
