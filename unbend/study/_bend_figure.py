"""A picture of one bend: its curves, how it is bounded on an interval, and its facts."""

import math
from html import escape
from pathlib import Path
from typing import Any

import altair as alt
import torch

from unbend._errors import ArgumentError, UnbendError
from unbend.activations import Bend
from unbend.study._curve import Curve
from unbend.study._draw import HUES, INK, Chart, Figure, draw, rows
from unbend.study._html import asset, document
from unbend.study._mathml import mathml
from unbend.study._portrait import Portrait, made, portraits
from unbend.study._portrait_words import fact_rows, parameters_text

ENDS = -2.0, 1.0  # of the interval on which bounds are shown: to the left of zero a bend bends
_REACH = 4.0
_ORDERS = ("f", "f′", "f″")
_DASHES = [[1, 0], [6, 3], [2, 2]]
_COLOURS = [INK, HUES[0], HUES[1]]
_FORMATS = (".html", ".svg", ".png")
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille letter, by row and column


def write_picture(name: str, out: str | Path) -> Path:
    """Draw the bend of that name into a file; its ending says whether as HTML, SVG or PNG.

    Args:
        name: a name that `unbend.bend` knows.
        out: ends in .html, .svg or .png.

    Returns:
        The path.
    """
    path = Path(out)
    if path.suffix.lower() not in _FORMATS:
        raise ArgumentError.of("out", str(out), f"a file that ends in {', '.join(_FORMATS)}")
    portrait = drawable(name)
    figure = picture(portrait)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".png":
            path.write_bytes(figure.png)
        else:
            text = figure.svg if path.suffix.lower() == ".svg" else _page(portrait, figure)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnbendError(f"{path} cannot be written: {error}; make room, or name another file") from error
    return path


def told(name: str) -> str:
    """The bend of that name for a terminal: its formula, its curve, its facts."""
    portrait = drawable(name)
    rows = fact_rows(portrait)
    if portrait.parameters:
        rows.insert(0, ("parameters", parameters_text(portrait)))
    rows.append(("formula", portrait.status))
    facts = "\n".join(f"{label:20}{text}" for label, text in rows)
    return f"{portrait.title}\n{portrait.formula}\n\n{terminal(portrait)}\n\n{facts}"


def drawable(name: str) -> Portrait:
    """The portrait of a bend that has a curve."""
    (portrait,) = portraits([name])
    if portrait.faces is None:
        raise ArgumentError.of(
            "name", name, "a function of one number", f"{portrait.title} takes more, and has no curve."
        )
    return portrait


def picture(portrait: Portrait) -> Figure:
    """Curve with its derivatives; the bounds on an interval; the facts."""
    assert portrait.faces is not None
    bend, curve = made(portrait.name), portrait.faces.curve
    facts = [{"at": place, "label": label, "text": text} for place, (label, text) in enumerate(fact_rows(portrait))]
    value = next(points for order, points in enumerate(_points(curve)) if order == 0)
    top, bottom = max(point["y"] for point in value), min(point["y"] for point in value)
    margin = max(0.08 * (top - bottom), 0.3)
    window = alt.Scale(domain=[bottom - margin, top + margin], nice=False)
    chart = alt.hconcat(_curves(window), _bounds(window), _facts(len(facts)), spacing=34, title=_title(portrait))
    points = [point for part in _points(curve) for point in part]
    return draw(chart, portrait.name, f"{portrait.title} and its faces", points=points, facts=facts, **_bounded(bend))


def terminal(portrait: Portrait, width: int = 60, height: int = 12) -> str:
    """The curve on [-4, 4] in braille letters, each two dots wide and four high."""
    assert portrait.faces is not None
    curve, shown = portrait.faces.curve, _shown(portrait.faces.curve)
    low, high = min(float(shown.min()), 0.0), max(float(shown.max()), 0.0)
    high = max(high, low + 1.0)
    canvas = [[0] * width for _ in range(height)]
    last: int | None = None
    for column in range(2 * width):
        value = _value(curve, -_REACH + 2 * _REACH * column / (2 * width - 1))
        place = None if math.isnan(value) else _row_of(value, low, high, height)
        # A steep curve fills the column between the last place and this one.
        for row in _between(last, place):
            if 0 <= row < 4 * height:
                canvas[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
        last = place
    zero = _row_of(0.0, low, high, height) // 4
    labels = {height - 1: f"{low:.3g}", 0: f"{high:.3g}", zero: "0"}
    lines = [
        f"{labels.get(number, ''):>7} {'┼' if number == zero else '│'}{''.join(chr(0x2800 + dots) for dots in row)}"
        for number, row in enumerate(canvas)
    ]
    ends = f"{-_REACH:<{width // 2}g}{_REACH:>{width - width // 2}g}"
    return "\n".join([*lines, f"{'':8}└{'─' * width}", f"{'':9}{ends}"])


def _row_of(value: float, low: float, high: float, height: int) -> int:
    """Row of dots, from the top; at most one screen outside, so that a pole does not fill the memory."""
    share = min(max((high - value) / (high - low), -1.0), 2.0)
    return round(share * (4 * height - 1))


def _between(last: int | None, place: int | None) -> range:
    if place is None:
        return range(0)
    if last is None or last == place:
        return range(place, place + 1)
    return range(last + 1, place + 1) if last < place else range(place, last)


def _page(portrait: Portrait, figure: Figure) -> str:
    told = "".join(f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in fact_rows(portrait))
    given = parameters_text(portrait)
    body = f"""<h1>{escape(portrait.title)}</h1>
<p>{escape(portrait.summary or portrait.family)}</p>
<p>{mathml(portrait.formula)}</p>
{f"<p>Parameters: {escape(given)}</p>" if given else ""}
<p class="scale">Formula: {escape(portrait.status)}.</p>
<figure><div class="scroll">{figure.inline}</div></figure>
<h2>Facts</h2>
<table>{told}</table>"""
    return document(portrait.title, body, styles=asset("report.css"), script="")


def _title(portrait: Portrait) -> alt.TitleParams:
    doubt = [] if portrait.verified else [portrait.status]
    given = parameters_text(portrait)
    lines = [*portrait.formula.splitlines()[:3], *([given] if given else []), *doubt]
    return alt.TitleParams(
        portrait.title, subtitle=lines, subtitleColor=INK, fontSize=16, subtitleFontSize=12, offset=12, limit=760
    )


def _value(curve: Curve, at: float) -> float:
    place = round((at - curve.low) / (curve.high - curve.low) * (len(curve.x) - 1))
    return float(curve.orders[0][min(max(place, 0), len(curve.x) - 1)])


def _shown(curve: Curve) -> torch.Tensor:
    """The values that the window is laid out for: none far outside the square of the axes."""
    value = curve.orders[0][curve.x.abs() <= _REACH]
    return value[value.isfinite()].clamp(-1.5 * _REACH, 1.5 * _REACH)


def _points(curve: Curve) -> list[list[dict[str, Any]]]:
    shown = _shown(curve)
    low, high = float(shown.min()) - 0.5, float(shown.max()) + 0.5
    return [
        [
            {"x": x, "y": y, "order": _ORDERS[order]}
            for x, y in zip(curve.x.tolist(), values.tolist())
            if abs(x) <= _REACH and low <= y <= high
        ]
        for order, values in enumerate(curve.orders)
    ]


def _curves(window: alt.Scale) -> Chart:
    colour = alt.Color(
        "order:N", scale=alt.Scale(domain=_ORDERS, range=_COLOURS), legend=alt.Legend(title=None, orient="top-left")
    )
    dashes = alt.StrokeDash("order:N", scale=alt.Scale(domain=_ORDERS, range=_DASHES), legend=None)
    line = rows("points").mark_line(strokeWidth=1.8, clip=True)
    line = line.encode(
        x=alt.X("x:Q", title="x"), y=alt.Y("y:Q", title=None, scale=window), color=colour, strokeDash=dashes
    )
    return alt.layer(_axes(), line).properties(width=300, height=250)


def _axes() -> Chart:
    rule = alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(color=INK, opacity=0.35)
    return alt.layer(rule.encode(x="at:Q"), rule.encode(y="at:Q"))


def _bounds(window: alt.Scale) -> Chart:
    """The curve, the box of its interval bounds, and the band between its linear bounds."""
    x = alt.X("x:Q", title=f"bounds on [{ENDS[0]:g}, {ENDS[1]:g}]".replace("-", "−"))
    y = alt.Y("y:Q", title=None, scale=window)
    box = rows("box").mark_rect(color=HUES[7], opacity=0.14, clip=True)
    band = rows("band").mark_area(color=HUES[2], opacity=0.3, clip=True)
    line = rows("points").transform_filter(alt.datum.order == "f").mark_line(strokeWidth=1.8, color=INK, clip=True)
    return alt.layer(
        _axes(),
        box.encode(x=x, x2="x2", y=y, y2="y2"),
        band.encode(x=x, y=y, y2="y2"),
        line.encode(x=x, y=y),
    ).properties(width=210, height=250)


def _bounded(bend: Bend) -> dict[str, list[dict[str, Any]]]:
    low, high = (torch.tensor(end, dtype=torch.float64) for end in ENDS)
    least, most = (float(end.detach()) for end in bend.bounds(low, high))
    lines = bend.relax(low, high)
    ends = [{"x": float(x), "y": float(lines.lower(x)), "y2": float(lines.upper(x))} for x in (low, high)]
    return {"box": [{"x": ENDS[0], "x2": ENDS[1], "y": least, "y2": most}], "band": ends}


def _facts(count: int) -> Chart:
    y = alt.Y("at:O", axis=None)
    text = rows("facts").mark_text(align="left", fontSize=11, color=INK, limit=200)
    labels = text.encode(y=y, text="label:N", x=alt.value(0), opacity=alt.value(0.65))
    return alt.layer(labels, text.encode(y=y, text="text:N", x=alt.value(125))).properties(width=310, height=16 * count)
