"""Draw a Kolmogorov-Arnold network: nodes in rows, and every learned curve in a box on its way."""

from collections.abc import Sequence
from typing import Any

import altair as alt

BOX, GAP, ROW = 34, 10, 130  # pixels

Point = tuple[float, float]


def draw(curves: Sequence[Sequence[Sequence[Sequence[Point]]]], strength: Sequence[Sequence[Sequence[float]]]) -> Any:
    """A chart of the network.

    Args:
        curves: `curves[l][i][j]`, the points of the edge from input i to output j of layer l, each axis from 0 to 1.
        strength: `strength[l][i][j]`, from 0 (not seen) to 1.
    """
    widths = [len(layer) for layer in curves] + [len(curves[-1][0])]
    across = max(len(layer) * len(layer[0]) for layer in curves) * (BOX + GAP)
    nodes = [
        {"x": _place(i, width, across), "y": -layer * ROW, "node": f"{layer}, {i}"}
        for layer, width in enumerate(widths)
        for i in range(width)
    ]
    lines, boxes, points = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for layer, edges in enumerate(curves):
        inputs, outputs = widths[layer], widths[layer + 1]
        for i in range(inputs):
            for j in range(outputs):
                edge, x, y = (
                    f"{layer}: {i} to {j}",
                    _place(i * outputs + j, inputs * outputs, across),
                    -(layer + 0.5) * ROW,
                )
                seen = {"edge": edge, "strength": strength[layer][i][j]}
                start, end = (_place(i, inputs, across), -layer * ROW), (_place(j, outputs, across), -(layer + 1) * ROW)
                lines += [
                    {**seen, "x": start[0], "y": start[1], "x2": x, "y2": y + BOX / 2},
                    {**seen, "x": x, "y": y - BOX / 2, "x2": end[0], "y2": end[1]},
                ]
                boxes.append({**seen, "x": x - BOX / 2, "x2": x + BOX / 2, "y": y - BOX / 2, "y2": y + BOX / 2})
                points += [
                    {**seen, "x": x + (u - 0.5) * (BOX - 6), "y": y + (v - 0.5) * (BOX - 6), "order": at}
                    for at, (u, v) in enumerate(edges[i][j])
                ]
    return _layers(nodes, lines, boxes, points, across, ROW * (len(widths) - 1))


def _place(number: int, count: int, across: float) -> float:
    return (number + 0.5) * across / count


def _layers(nodes: Any, lines: Any, boxes: Any, points: Any, width: float, height: float) -> Any:
    def at(rows: Any) -> alt.Chart:
        return alt.Chart(alt.Data(values=rows)).encode(
            alt.X("x:Q").axis(None).scale(domain=[0, width], nice=False),
            alt.Y("y:Q").axis(None).scale(domain=[-height - 12, 12], nice=False),
        )

    shown = alt.Opacity("strength:Q").scale(domain=[0, 1], range=[0, 1]).legend(None)
    between = at(lines).mark_rule(color="#666").encode(shown, x2="x2:Q", y2="y2:Q")
    frames = at(boxes).mark_rect(fill="white", stroke="#999").encode(shown, x2="x2:Q", y2="y2:Q")
    curves = (
        at(points)
        .mark_line(color="#1f5fa8", strokeWidth=1.5)
        .encode(shown, alt.Order("order:Q"), detail="edge:N", tooltip=["edge:N", "strength:Q"])
    )
    dots = at(nodes).mark_circle(size=70, color="#222", opacity=1).encode(tooltip=["node:N"])
    layers: Any = alt.layer(between, frames, curves, dots)
    return layers.properties(width=max(width, 120), height=height + 24).configure_view(stroke=None)
