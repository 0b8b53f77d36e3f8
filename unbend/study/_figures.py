"""The figures of a report: the gains of a claim, the arms on a data set, and learning curves."""

from typing import Any

import altair as alt
import numpy as np

from unbend.study._draw import HUES, INK, WIDTH, Figure, Rows, dash, draw, hue, rows
from unbend.study._stats import Bar, t_interval
from unbend.study._summary import Cells, measured
from unbend.study._verdict import Gain, Verdict

POINTS = 64
CURVE_WIDTH = 260
MOST_IN_LEGEND = 12


def gain_figure(verdict: Verdict, name: str) -> Figure | None:
    """Mean gain, its interval and the seeds of one claim, over all its data sets and on each."""
    claim = verdict.claim
    gains = list(verdict.per_data)
    if len(gains) > 1:
        overall = Gain("all data sets", (), verdict.gains, mean=verdict.mean, low=verdict.low, high=verdict.high)
        gains.insert(0, overall)
    gains = [gain for gain in gains if gain.mean is not None]
    if not gains:
        return None
    y = alt.Y("data:N", sort=[gain.data for gain in gains], title=None)
    title = f"gain of {claim.a} over {claim.b} in {claim.metric}"
    x = alt.X("gain:Q", title=title, axis=alt.Axis(titleAnchor="end"))
    layers = [
        rows("zero").mark_rule(color=INK, opacity=0.5).encode(x=x),
        rows("margin").mark_rule(color=INK, strokeDash=[3, 3]).encode(x=x),
        rows("seeds").mark_point(size=22, filled=True, color=INK, opacity=0.25).encode(x=x, y=y),
        rows("intervals").mark_rule(color=HUES[0], strokeWidth=3).encode(x=alt.X("low:Q"), x2="high:Q", y=y),
        rows("means").mark_point(size=70, filled=True, color=HUES[0], opacity=1).encode(x=x, y=y),
    ]
    bar = Bar.of(strict=claim.relation in (">", "<"), margin=claim.margin)
    return draw(
        alt.layer(*layers).properties(width=WIDTH, height=alt.Step(28)),
        name,
        f"gain on {claim.metric}" + (", margin dashed" if claim.margin else ""),
        zero=[{"gain": 0.0}],
        margin=[{"gain": bar.ceiling}] if claim.margin else [],
        seeds=[{"data": gain.data, "gain": value} for gain in gains for value in gain.gains],
        intervals=[{"data": g.data, "low": g.low, "high": g.high} for g in gains if g.low is not None],
        means=[{"data": gain.data, "gain": gain.mean} for gain in gains],
    )


def arms_figure(cells: Cells, metric: str, data: str, name: str) -> Figure | None:
    """What every arm measured on one data set: seeds, mean and 95 % interval of the mean."""
    means: list[dict[str, Any]] = []
    seeds: list[dict[str, Any]] = []
    for arm in cells.arms:
        found = [measured(record, metric) for record in cells.of(arm, data)]
        values = np.array([value for value in found if value is not None])
        seeds += [{"arm": arm, "value": float(value)} for value in values]
        if len(values) > 0:
            mean = float(values.mean())
            low, high = t_interval(values, cells.study.overlap) if len(values) > 1 else (mean, mean)
            means.append({"arm": arm, "value": mean, "low": low, "high": high})
    if not means:
        return None
    shown = [row["arm"] for row in means]
    y = alt.Y("arm:N", sort=shown, title=None)
    unit = cells.metric(metric).unit
    x = alt.X("value:Q", title=f"{metric}, {unit}" if unit else metric, scale=alt.Scale(zero=False))
    color = _colour(cells, shown)
    layers = [
        rows("seeds").mark_point(size=18, filled=True, opacity=0.3).encode(x=x, y=y, color=color),
        rows("means").mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=color),
        rows("means").mark_point(size=60, filled=True, opacity=1).encode(x=x, y=y, color=color),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH, height=_step(len(shown)), title=data)
    return draw(chart, name, f"{metric} on {data}", seeds=seeds, means=means)


def curves_figure(cells: Cells, curve: str, data: str, name: str) -> Figure | None:
    """Mean over the seeds of a logged value against the step; up to six arms with the range of the seeds around it."""
    points = [
        {"arm": arm, "step": step, "value": value, "low": low, "high": high}
        for arm in cells.arms
        for step, value, low, high in _mean_curve(cells, curve, arm, data)
    ]
    if not points:
        return None
    shown = [arm for arm in cells.arms if any(point["arm"] == arm for point in points)]
    places = [cells.arms.index(arm) for arm in shown]
    legend = alt.Legend(title=None, orient="bottom", columns=3, labelLimit=90, symbolType="stroke")
    if len(cells.arms) > MOST_IN_LEGEND:
        legend = None
    dashes = alt.Scale(domain=shown, range=[dash(place) for place in places])
    scale = alt.Scale(zero=False, type="log" if _spans_decades(points) else "linear")
    base = rows("points").encode(x=alt.X("step:Q", title="step"))
    # A line needs two points: runs too short for one show as dots.
    line = base.mark_line(strokeWidth=1.8, point=len(points) <= 2 * len(shown)).encode(
        y=alt.Y("value:Q", title=curve, scale=scale),
        color=_colour(cells, shown, legend),
        strokeDash=alt.StrokeDash("arm:N", scale=dashes, legend=legend if max(places) >= len(HUES) else None),
    )
    band = base.mark_area(opacity=0.15).encode(
        y=alt.Y("low:Q", title=curve, scale=scale), y2="high:Q", color=_colour(cells, shown)
    )
    layers = [band, line] if len(shown) <= 6 else [line]
    chart = alt.layer(*layers).resolve_legend(color="independent")
    chart = chart.properties(width=CURVE_WIDTH, height=170, title=data)
    return draw(chart, name, f"{curve} on {data}", points=points)


def legend_figure(cells: Cells, name: str) -> Figure | None:
    """Lines of the arms, for learning curves of more arms than fit into a legend below each of them."""
    if len(cells.arms) <= MOST_IN_LEGEND:
        return None
    dashes = alt.Scale(domain=cells.arms, range=[dash(place) for place in range(len(cells.arms))])
    lines = (
        rows("arms")
        .mark_rule(strokeWidth=2)
        .encode(
            x=alt.X("left:Q", axis=None),
            x2="right:Q",
            y=alt.Y("arm:N", sort=cells.arms, title=None),
            color=_colour(cells, cells.arms),
            strokeDash=alt.StrokeDash("arm:N", scale=dashes, legend=None),
        )
    )
    chart = lines.properties(width=60, height=_step(len(cells.arms)))
    arms = [{"arm": arm, "left": 0, "right": 1} for arm in cells.arms]
    return draw(chart, name, "the arms in the learning curves", arms=arms)


def _mean_curve(cells: Cells, curve: str, arm: str, data: str) -> list[tuple[float, float, float, float]]:
    """`(step, mean, lowest, highest)` over the seeds; curves with other steps are interpolated where all have some."""
    found = [
        np.asarray(record.curves[curve], dtype=float)
        for record in cells.of(arm, data)
        if record.status == "ok" and record.curves.get(curve)
    ]
    if not found:
        return []
    first, last = max(points[0, 0] for points in found), min(points[-1, 0] for points in found)
    steps = np.unique(np.concatenate([points[:, 0] for points in found]))
    steps = steps[(steps >= first) & (steps <= last)]
    if len(steps) > POINTS:
        steps = steps[np.linspace(0, len(steps) - 1, POINTS).round().astype(int)]
    values = np.array([np.interp(steps, points[:, 0], points[:, 1]) for points in found])
    columns = (steps, values.mean(axis=0), values.min(axis=0), values.max(axis=0))
    return [(step, mean, low, high) for step, mean, low, high in np.stack(columns, axis=1).tolist()]


def _step(arms: int) -> alt.Step:
    return alt.Step(20 if arms <= 20 else 13)


def _spans_decades(points: Rows) -> bool:
    lowest, highest = min(point["low"] for point in points), max(point["high"] for point in points)
    return lowest > 0 and highest > 100 * lowest


def _colour(cells: Cells, shown: list[str], legend: alt.Legend | None = None) -> alt.Color:
    hues = [hue(cells.arms.index(arm)) for arm in shown]
    return alt.Color("arm:N", scale=alt.Scale(domain=shown, range=hues), legend=legend)
