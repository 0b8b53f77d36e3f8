"""From a Vega-Lite chart to a figure: SVG that is the same on every run, and follows the page it stands in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert

INK = "#1c2126"
# Ten middle tones that stand out on white and on black, and from each other for the colour-blind neighbours apart.
HUES = (
    "#3b82c4",
    "#e08a1e",
    "#2a9d6f",
    "#d1495b",
    "#8d6cc9",
    "#45b3d6",
    "#a8753a",
    "#d970b0",
    "#94a335",
    "#8a8f98",
)
DASHES: tuple[list[int], ...] = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4])
WIDTH = 190

Rows = Sequence[dict[str, Any]]
Chart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.HConcatChart


@dataclass(frozen=True)
class Figure:
    """A figure under a file name of its own, with what it shows in words."""

    name: str
    caption: str
    svg: str

    @property
    def png(self) -> bytes:
        """The figure at twice its size."""
        return vl_convert.svg_to_png(self.svg, scale=2)

    @property
    def inline(self) -> str:
        """The SVG for a page: no background, and ink in the page's own colour, so that it follows light and dark."""
        body = re.sub(r'<rect width="[^"]*" height="[^"]*" fill="white"/>', "", self.svg, count=1)
        return body.replace(f'"{INK}"', '"currentColor"')


def hue(place: int) -> str:
    """Colour of the arm at `place` in its study; after ten they come again, with another dash."""
    return HUES[place % len(HUES)]


def dash(place: int) -> list[int]:
    """Dash of the line of the arm at `place` in its study."""
    return DASHES[place // len(HUES) % len(DASHES)]


def rows(name: str) -> alt.Chart:
    """A chart of the rows that `draw` is given under `name`; so Altair checks the chart, and not every number in it."""
    return alt.Chart(alt.NamedData(name=name))


def draw(chart: Chart, name: str, caption: str, **data: Rows) -> Figure:
    """Draw a chart over named rows."""
    spec = chart.to_dict(validate=False)
    spec["datasets"] = {key: list(value) for key, value in data.items()}
    spec["config"] = _CONFIG
    return Figure(name, caption, _steady_ids(vl_convert.vegalite_to_svg(spec), name))


def _steady_ids(svg: str, name: str) -> str:
    """Vega counts its identifiers on through the process: give each figure its own, from nought."""
    places = {old: place for place, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}

    def renamed(match: re.Match[str]) -> str:
        before, old = match.groups()
        return f"{before}{name}-{places[old]}" if old in places else match.group()

    return re.sub(r'(\bid="|url\(#|href="#)([^")]+)', renamed, svg)


_AXIS: dict[str, Any] = {
    "labelColor": INK,
    "titleColor": INK,
    "domainColor": INK,
    "tickColor": INK,
    "gridColor": INK,
    "gridOpacity": 0.1,
    "domainOpacity": 0.4,
    "tickOpacity": 0.4,
    "labelFontSize": 11,
    "titleFontSize": 11,
    "titleFontWeight": "normal",
    "labelLimit": 110,
    "titleLimit": 290,
    "labelOverlap": True,
}

_CONFIG: dict[str, Any] = {
    "aria": False,
    "background": "white",
    # Labels are measured in Liberation Sans, whose letters are as wide as those of Arial and Helvetica.
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "view": {"stroke": None},
    "axis": _AXIS,
    "axisX": {"tickCount": 5, "labelFlush": False},
    "axisY": {"grid": False},
    "legend": {"labelColor": INK, "labelFontSize": 11, "symbolStrokeWidth": 2, "symbolOpacity": 1},
    "title": {"color": INK, "fontSize": 12, "fontWeight": 600, "anchor": "start", "limit": 300},
}
