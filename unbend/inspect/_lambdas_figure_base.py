"""Draw the lambdas of one example of one layer: the content lambda, and position lambdas where they were made."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import torch
from torch import Tensor

CELL = 12  # pixels of a matrix entry, at most
SIDE = 240  # pixels of a panel, about


def draw(
    title: Sequence[str],
    grid: tuple[int, ...],
    positions: Sequence[int],
    content: Tensor | None,
    position: Tensor | None,
    parts: dict[str, Tensor],
    image: Tensor | None,
) -> alt.VConcatChart:
    """Two rows: what the layer saw and where which part speaks; then the matrices.

    Args:
        title: a line, and lines below it.
        grid: of the queries, `(H, W)` or `(t,)`.
        positions: numbers of the positions whose lambdas are drawn.
        content: `(k, v)`, or `(n, k, v)` where each position has its own.
        position: `(n, k, v)`.
        parts: how large each part of the output is, at each position: `name -> (n,)`.
        image: `(c, H, W)`, what the network was given.
    """
    labels = [_label(number, grid) for number in positions]
    above = [*([] if image is None else [_image(image)]), *_maps(parts, grid, positions, labels)]
    below: list[alt.FacetChart] = []
    if content is not None and content.ndim == 2:
        below.append(_matrices(content[None], ["content lambda, everywhere"], 1))
    elif content is not None:
        below.append(_matrices(content[list(positions)], [f"content lambda at {label}" for label in labels], 3))
    if position is not None:
        below.append(_matrices(position[list(positions)], [f"position lambda at {label}" for label in labels], 3))
    rows = [alt.hconcat(*charts, spacing=28).resolve_scale(color="independent") for charts in (above, below)]
    head = alt.TitleParams(
        title[0], subtitle=list(title[1:]), anchor="start", offset=14, fontSize=15, subtitleFontSize=12
    )
    chart = alt.vconcat(*rows, title=head, spacing=24).resolve_scale(color="independent")
    return (
        chart.configure_view(strokeWidth=0)
        .configure_axis(grid=False, titleFontWeight="normal")
        .configure_title(fontSize=12, fontWeight="normal")
        .configure_legend(titleFontWeight="normal", gradientLength=120)
    )


def _label(number: int, grid: tuple[int, ...]) -> str:
    return f"({number // grid[1]}, {number % grid[1]})" if len(grid) == 2 else str(number)


def _matrices(matrices: Tensor, names: Sequence[str], columns: int) -> alt.FacetChart:
    """Matrices `(count, k, v)` side by side on one scale, whose middle is zero."""
    k, v = matrices.shape[1:]
    top = float(matrices.abs().nan_to_num(0, 0, 0).max()) or 1.0
    rows = [
        {"name": name, "k": i, "v": j, "value": value}
        for name, matrix in zip(names, matrices.tolist(), strict=True)
        for i, line in enumerate(matrix)
        for j, value in enumerate(line)
    ]
    wide, high = max(1, min(CELL, SIDE // v)), max(1, min(CELL, SIDE // (2 * k)))
    color = alt.Color("value:Q").scale(scheme="redblue", domain=[-top, top], reverse=True).title("entry")
    cells = alt.Chart(width=max(wide * v, 60), height=max(high * k, 60)).mark_rect()
    cells = cells.encode(
        alt.X("v:O").title(f"value ({v})").axis(labels=False, ticks=False, domain=False),
        alt.Y("k:O").title(f"key ({k})").axis(labels=False, ticks=False, domain=False),
        color,
        tooltip=["k:O", "v:O", "value:Q"],
    )
    header = alt.Header(title=None, labelFontSize=11, labelPadding=4)
    facet = alt.Facet("name:N", sort=list(names), header=header)
    return cells.facet(facet, columns=columns, data=alt.InlineData(values=rows))


def _maps(
    parts: dict[str, Tensor], grid: tuple[int, ...], positions: Sequence[int], labels: Sequence[str]
) -> list[Any]:
    """How large each part of the output is over the grid, the drawn positions marked."""
    if len(grid) == 1:
        return [_line(parts, positions)]
    height, width = grid
    side = max(1, SIDE // max(grid))
    top = max(float(sizes.nan_to_num(0, 0, 0).max()) for sizes in parts.values())
    marks = [{"row": n // width, "column": n % width, "label": label} for n, label in zip(positions, labels)]
    charts: list[Any] = []
    for name, sizes in parts.items():
        x = alt.X("column:O").title("column").axis(labels=False, ticks=False, domain=False)
        y = alt.Y("row:O").title("row").axis(labels=False, ticks=False, domain=False)
        values = [{"row": n // width, "column": n % width, "value": s} for n, s in enumerate(sizes.tolist())]
        heat = alt.Chart(alt.InlineData(values=values), width=side * width, height=side * height).mark_rect()
        color = alt.Color("value:Q").scale(scheme="viridis", domain=[0, top or 1.0]).title("size")
        heat = heat.encode(x, y, color, tooltip=["row:O", "column:O", "value:Q"])
        dots = alt.Chart(alt.InlineData(values=marks)).mark_point(size=34, color="white", filled=False, strokeWidth=1.5)
        charts.append(alt.layer(heat, dots.encode(x, y, tooltip="label:N"), title=f"output's {name} part"))
    return charts


def _line(parts: dict[str, Tensor], positions: Sequence[int]) -> Any:
    values: list[dict[str, Any]] = [
        {"t": t, "part": name, "value": s} for name, sizes in parts.items() for t, s in enumerate(sizes.tolist())
    ]
    lines = alt.Chart(alt.InlineData(values=values), width=2 * SIDE, height=SIDE / 2).mark_line()
    lines = lines.encode(
        alt.X("t:Q").title("token").scale(nice=False), alt.Y("value:Q").title("size"), alt.Color("part:N").title("part")
    )
    rules = alt.Chart(alt.InlineData(values=[{"t": t} for t in positions])).mark_rule(color="grey", strokeDash=[2, 3])
    return alt.layer(rules.encode(alt.X("t:Q")), lines, title="size of the output's parts")


def _image(image: Tensor) -> alt.Chart:
    """The input in grey, its channels averaged, at most 64 pixels a side."""
    grey = image.float().mean(0)
    factor = -(-max(grey.shape) // 64)
    if factor > 1:
        grey = torch.nn.functional.avg_pool2d(grey[None], factor, ceil_mode=True)[0]
    values = [{"row": i, "column": j, "value": v} for i, row in enumerate(grey.tolist()) for j, v in enumerate(row)]
    side = max(1, SIDE // max(grey.shape))
    pixels = alt.Chart(alt.InlineData(values=values), width=side * grey.shape[1], height=side * grey.shape[0])
    return (
        pixels.mark_rect()
        .encode(
            alt.X("column:O").title(None).axis(None),
            alt.Y("row:O").title(None).axis(None),
            alt.Color("value:Q").scale(scheme="greys", reverse=True).legend(None),
        )
        .properties(title="input, channels averaged")
    )
