"""The report as Markdown."""

import re
from collections.abc import Sequence

from unbend.study._contents import Contents, Judged
from unbend.study._draw import Figure
from unbend.study._tables import (
    ARMS_DRAWN,
    ARMS_LISTED,
    SCALE,
    Table,
    claim_terms,
    claims_table,
    error,
    findings,
    gains_table,
    printed,
)


def markdown(contents: Contents) -> str:
    """The whole report. Timings stand last, between two comments, for they alone differ from run to run."""
    study = contents.study
    parts = [f"# {_text(study.question)}", f"{_paragraph(contents.about)}.", *_paper(contents)]
    parts += [_paragraph(study.notes)] if study.notes else []
    parts += [f"{contents.progress}; {contents.tally}.", "## Verdicts", *_claims(contents.claims)]
    parts += ["## Arms", ARMS_LISTED, _table(contents.arms)]
    parts += [ARMS_DRAWN, *_figures(contents.arm_figures)] if contents.arm_figures else []
    parts += ["## Data sets"] if contents.data else []
    for table in contents.data:
        parts += [f"### {_text(table.title)}", _table(table)]
    if contents.curve_figures:
        parts += ["## Learning curves", *_figures(contents.curve_figures)]
    if contents.ended.rows:
        parts += [f"## {contents.ended.title}", _table(contents.ended), *_traceback(contents)]
    parts += ["## Environment", _table(contents.environment), _table(contents.inputs)]
    parts += ["## Reproduce", _code(contents.command), "## How it is judged", contents.method]
    parts += ["<!-- timings -->", "## Timings", *_claims(contents.timing_claims), _table(contents.timings)]
    return "\n\n".join([*parts, "<!-- end of timings -->"]) + "\n"


def _paper(contents: Contents) -> list[str]:
    if contents.paper is None:
        return []
    title, arxiv = contents.paper
    link = f", [arXiv:{arxiv}](https://arxiv.org/abs/{arxiv})" if arxiv else ""
    return [f"Paper: {_text(title)}{link}", f"**{SCALE}**"]


def _claims(claims: Sequence[Judged]) -> list[str]:
    if not claims:
        return []
    parts = [_table(claims_table([judged.verdict for judged in claims]))]
    for judged in claims:
        verdict = judged.verdict
        parts += [f"### {_text(verdict.claim.text)}: {verdict.verdict}", _inline_code(claim_terms(verdict.claim))]
        parts += [_paragraph(findings(verdict)), *_figures([judged.figure] if judged.figure else [])]
        parts += [_table(gains_table(verdict))] if len(verdict.per_data) > 1 else []
    return parts


def _traceback(contents: Contents) -> list[str]:
    trace = error(contents.cells.broken[0])[2] if contents.cells.broken else ""
    return ["Traceback of the first one:", _code(trace)] if trace else []


def _figures(figures: Sequence[Figure]) -> list[str]:
    return [f"![{_text(figure.caption)}](figures/{figure.name}.svg)" for figure in figures]


def _table(table: Table) -> str:
    heads = [[_text(column) for column in table.columns], ["---"] * len(table.columns)]
    rows = zip(*([_text(text) for text in column] for column in printed(table)), strict=True)
    return "\n".join(f"| {' | '.join(line)} |" for line in [*heads, *rows])


def _text(text: str) -> str:
    """Text that Markdown shows as it is, on one line; what means nothing where it stands is left alone."""
    return re.sub(r"([\\`*{}\[\]<|~]|(?<!\w)_|_(?!\w)|&(?=\w|#))", r"\\\1", " ".join(text.split()))


def _paragraph(text: str) -> str:
    """The same where it begins a line: neither a list, a heading nor a quotation."""
    return re.sub(r"^(\d+)(?=[.)])", r"\1\\", re.sub(r"^([>#+-])", r"\\\1", _text(text)))


def _inline_code(text: str) -> str:
    flat = " ".join(text.split())
    fence, space = _fence(flat, 1), " " if "`" in flat else ""
    return f"{fence}{space}{flat}{space}{fence}"


def _code(text: str) -> str:
    """A fenced block whose fence is longer than any in the text."""
    fence = _fence(text, 3)
    return f"{fence}text\n{text}\n{fence}"


def _fence(text: str, least: int) -> str:
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    return "`" * max(least, longest + 1)
