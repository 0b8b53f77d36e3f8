"""The report as one HTML page that needs nothing beside it."""

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

from unbend.study._contents import Contents, Judged
from unbend.study._draw import Figure, hue
from unbend.study._tables import (
    ARMS_DRAWN,
    ARMS_LISTED,
    SCALE,
    Table,
    Value,
    claim_terms,
    error,
    findings,
    gains_table,
    printed,
)

MARKS = {"holds": "✓", "does not hold": "✗", "inconclusive": "?", "not run": "…"}
MOST_ROWS = 300
MOST_EMBEDDED = 200_000

# The page could not load anything from anywhere even if a name in it tried to.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def html(contents: Contents, files: Mapping[str, str], timed: Mapping[str, str]) -> str:
    """The page; `files` and `timed` are the CSV files beside it, offered for download from within it where small."""
    sections = [
        _section("verdicts", "Verdicts", _claims(contents.claims)),
        _section("arms", "Arms", _arms(contents)),
        _section("data", "Data sets", *(_data(contents, table) for table in contents.data)),
        _section("curves", "Learning curves", _figures(contents.curve_figures)),
        _section("ended", contents.ended.title, _ended(contents)),
        _section("timings", "Timings", _timings(contents, timed)),
        _section("environment", "Environment", _side_by_side(contents.environment, contents.inputs)),
        _section("reproduce", "Reproduce", _reproduce(contents, files)),
    ]
    body = "\n".join([_head(contents), *filter(None, sections)])
    title = f"{contents.study.name}: {contents.study.question}"
    return document(title, body, styles=asset("report.css"), script=asset("report.js"))


def document(title: str, body: str, *, styles: str, script: str) -> str:
    """A page of that body that can load nothing from anywhere."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{styles}</style>
</head>
<body>
<main>
{body}
</main>
<script>
{script}</script>
</body>
</html>
"""


def _head(contents: Contents) -> str:
    study = contents.study
    paper = ""
    if contents.paper is not None:
        title, arxiv = contents.paper
        link = f', <a href="https://arxiv.org/abs/{escape(arxiv)}">arXiv:{escape(arxiv)}</a>' if arxiv else ""
        paper = f'<p>Paper: <cite>{escape(title)}</cite>{link}</p><p class="scale">{SCALE}</p>'
    notes = f"<p>{escape(study.notes)}</p>" if study.notes else ""
    return f"""<header>
<p class="kicker">{escape(contents.about)}</p>
<h1>{escape(study.question)}</h1>
{paper}{notes}<p>{escape(contents.progress)}; {escape(contents.tally)}.</p>
</header>"""


def _section(name: str, title: str, *parts: str) -> str:
    body = "\n".join(filter(None, parts))
    return f'<section id="{name}">\n<h2>{escape(title)}</h2>\n{body}\n</section>' if body else ""


def _claims(claims: Sequence[Judged]) -> str:
    return "\n".join(_claim(judged) for judged in claims)


def _claim(judged: Judged) -> str:
    verdict = judged.verdict
    kind = verdict.verdict.replace(" ", "-")
    badge = f'<p class="badge"><span aria-hidden="true">{MARKS[verdict.verdict]}</span> {verdict.verdict}</p>'
    figure = _figure(judged.figure) if judged.figure else ""
    parts = _table(gains_table(verdict)) if len(verdict.per_data) > 1 else ""
    worst = ", ".join(f"{w.arm} on {w.data}, seed {w.seed} ({w.status})" for w in verdict.failed[:MOST_ROWS])
    return f"""<article class="verdict {kind}">
<div>
{badge}
<h3>{escape(verdict.claim.text)}</h3>
<p class="terms">{escape(claim_terms(verdict.claim))}</p>
<p>{escape(findings(verdict))}</p>
{_details("Cells counted as the worst value", f"<p>{escape(worst)}</p>") if worst else ""}</div>
{figure}{parts}</article>"""


def _arms(contents: Contents) -> str:
    drawn = f"<p>{ARMS_DRAWN}</p>\n{_figures(contents.arm_figures)}" if contents.arm_figures else ""
    return f"<p>{ARMS_LISTED}</p>\n{_table(contents.arms, arms=contents.cells.arms)}\n{drawn}"


def _data(contents: Contents, table: Table) -> str:
    return f"<h3>{escape(table.title)}</h3>\n{_table(table, arms=contents.cells.arms)}"


def _ended(contents: Contents) -> str:
    if not contents.ended.rows:
        return ""
    traces: list[str] = []
    seen: set[str] = set()
    for record in contents.cells.broken:
        kind, message, trace = error(record)
        if trace and record.arm not in seen:
            seen.add(record.arm)
            title = f"{record.arm} on {record.data}, seed {record.seed}: {kind}: {message}"
            traces.append(_details(title, f"<pre>{escape(trace)}</pre>", shown=not traces))
    return "\n".join([_table(contents.ended), *traces])


def _timings(contents: Contents, timed: Mapping[str, str]) -> str:
    claims = _claims(contents.timing_claims)
    if not claims and len(contents.timings.columns) == 1:
        return ""
    note = "<p>Medians over the finished cells. Timings differ from run to run; nothing above depends on them.</p>"
    return "\n".join([claims, note, _table(contents.timings, arms=contents.cells.arms), _downloads(timed)])


def _reproduce(contents: Contents, files: Mapping[str, str]) -> str:
    return f"""<pre>{escape(contents.command)}</pre>
{_downloads(files)}
{_details("How it is judged", f"<p>{escape(contents.method)}</p>")}"""


def _downloads(files: Mapping[str, str]) -> str:
    return f'<p class="files">{" ".join(_download(name, text) for name, text in files.items())}</p>'


def _download(name: str, text: str) -> str:
    data = text.encode()
    inside = f"data:text/csv;base64,{base64.b64encode(data).decode()}" if len(data) <= MOST_EMBEDDED else name
    return f'<a href="{inside}" download="{name}">{name}</a>'


def _figures(figures: Sequence[Figure]) -> str:
    return f'<div class="figures">\n{"".join(map(_figure, figures))}</div>' if figures else ""


def _figure(figure: Figure) -> str:
    label, name = escape(figure.caption), escape(figure.name)
    svg = figure.inline.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return f"""<figure>
<div class="scroll">{svg}</div>
<figcaption>{label} <button type="button" data-save="{name}.svg">SVG</button></figcaption>
</figure>
"""


def _table(table: Table, arms: Sequence[str] | None = None) -> str:
    """A table whose columns sort; with `arms`, the first column is the arm and shows its colour."""
    number_like = [all(not isinstance(row[place], str) for row in table.rows) for place in range(len(table.columns))]
    heads = "".join(
        f'<th scope="col" aria-sort="none"{" class=number" if numeric else ""}>'
        f'<button type="button">{escape(column)}</button></th>'
        for column, numeric in zip(table.columns, number_like, strict=True)
    )
    shown = Table(table.name, table.title, table.columns, table.rows[:MOST_ROWS])
    texts = zip(*printed(shown), strict=True)
    rows = "\n".join(f"<tr>{_row(row, text, arms)}</tr>" for row, text in zip(shown.rows, texts, strict=True))
    more = len(table.rows) - MOST_ROWS
    note = f"<p>{more} more rows are in the CSV files.</p>" if more > 0 else ""
    return f"""<div class="scroll" role="region" aria-label="{escape(table.title)}" tabindex="0"><table class="sorts">
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
{note}"""


def _side_by_side(*tables: Table) -> str:
    return f'<div class="beside">\n{"".join(map(_table, tables))}</div>'


def _row(row: Sequence[Value], texts: Sequence[str], arms: Sequence[str] | None) -> str:
    cells: list[str] = []
    for place, (value, text) in enumerate(zip(row, texts, strict=True)):
        if arms is not None and place == 0:
            dot = f'<span class="dot" style="background:{hue(arms.index(text))}"></span>'
            cells.append(f'<th scope="row">{dot}{escape(text)}</th>')
        elif isinstance(value, str):
            cells.append(f"<td>{escape(text)}</td>")
        else:
            sort = "" if value is None else f"{value:.12g}"
            cells.append(f'<td class="number" data-value="{sort}">{text}</td>')
    return "".join(cells)


def _details(title: str, body: str, *, shown: bool = False) -> str:
    return f"<details{' open' if shown else ''}><summary>{escape(title)}</summary>{body}</details>\n"


@cache
def asset(name: str) -> str:
    """A file beside this one, as text."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
