"""Generate the site's pages from the docstrings, the paper list and the recorded results, at every build.

No page of a method is written by hand and none is listed anywhere: adding a method adds its page.
"""

from __future__ import annotations

import json
from typing import Any

import _bends
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from unbend._rooms import METHOD_ROOMS, ROOT, exports, room_summary
from unbend.study._papers import papers
from unbend.study._show import Card, show

RESULTS = ROOT.parent / "results"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those in the folder."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """`path -> Markdown` of every generated page."""
    made = {"papers.md": papers_page(), "studies/index.md": studies_page(), **_bends.pages()}
    for result in results():
        made[f"studies/{result['study']}.md"] = study_page(result)
    for room in METHOD_ROOMS:
        if not exports(room):
            continue
        made[f"rooms/{room}/index.md"] = room_page(room)
        for export in exports(room).values():
            (card,) = show(f"{room}.{export.name}")
            made[page_of(export.dotted)] = method_page(card)
    for name, picture in _bends.class_pictures().items():
        made[page_of(f"unbend.activations.{name}")] += picture
    return made


def page_of(dotted: str) -> str:
    """Where the page of a public name lies; functions lie apart, since `GoLU` and `golu` are one file to some disks."""
    _, room, name = dotted.split(".")
    return f"rooms/{room}/{name}.md" if name[0].isupper() else f"rooms/{room}/functional/{name}.md"


def results() -> list[dict[str, Any]]:
    """The recorded verdicts of all studies, by name."""
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]


def room_page(room: str) -> str:
    rows = [
        f"| [{e.name}]({page_of(e.dotted).removeprefix(f'rooms/{room}/')}) | {e.summary} |"
        for e in exports(room).values()
    ]
    return "\n".join([f"# {room}", "", room_summary(room), "", "| name | what it is |", "|---|---|", *rows, ""])


def method_page(card: Card) -> str:
    """One page for one public name: its sections as they stand in the docstring, then what the studies found."""
    name = card.dotted.rpartition(".")[2]
    lines = [
        f"# {name}",
        "",
        card.sections["Summary"],
        "",
        "```python",
        f"from {card.dotted.rpartition('.')[0]} import {name}",
    ]
    lines += ["", card.signature, "```", ""]
    for section, text in card.sections.items():
        if section == "Summary":
            continue
        lines += [f"## {section}", ""]
        lines += ["```text" if section != "Examples" else "```pycon", text, "```", ""]
    if card.paper:
        paper = card.paper
        lines += ["## Paper", "", f"{paper.title}, arXiv:{paper.arxiv} (no. {paper.number}, `{paper.name}`).", ""]
        lines += claims_table(paper.verdicts, "claim") if paper.verdicts else ["No verdict is recorded yet.", ""]
        lines += benchmark_table(paper.benchmarks)
    return "\n".join(lines)


def claims_table(claims: list[dict[str, Any]], key: str) -> list[str]:
    rows = [
        f"| {c[key]} | **{c['verdict']}** | {number(c['low'])} | {number(c['high'])} | {c['seeds']} |" for c in claims
    ]
    return ["| claim | verdict | low | high | seeds |", "|---|---|---|---|---|", *rows, ""]


def benchmark_table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = ["## Speed", "", "The peer's time over ours, both in one run.", ""]
    lines += ["| peer | item | ratio |", "|---|---|---|"]
    return [*lines, *(f"| {row['peer']} | {row['item']} | {row['ratio']:.2f} |" for row in rows), ""]


def study_page(result: dict[str, Any]) -> str:
    lines = [f"# {result['study']}", "", result["question"], ""]
    lines += ["!!! note", "    Reduced scale: this tests the direction of a sentence, not the paper's number.", ""]
    lines += claims_table(result["claims"], "claim")
    return "\n".join([*lines, f"Recorded {result['date']} with unbend {result['version']}.", ""])


def studies_page() -> str:
    rows = [
        f"| [{r['study']}]({r['study']}.md) | {r['question']} | {len(r['claims'])} | {r['date']} |" for r in results()
    ]
    head = ["# Studies", "", "Every recorded study. `unbend study NAME` runs one again.", ""]
    return "\n".join([*head, "| study | question | claims | recorded |", "|---|---|---|---|", *rows, ""])


def papers_page() -> str:
    """The paper list with what is here of each; a paper without an implementation is shown as such."""
    lines = ["# Papers", "", "| no | paper | room | names | study | verdicts |", "|---|---|---|---|---|---|"]
    for paper in papers():
        names = ", ".join(f"[{dotted.rpartition('.')[2]}]({page_of(dotted)})" for dotted in paper.public)
        verdicts = ", ".join(claim["verdict"] for claim in paper.verdicts)
        title = paper.title.replace("|", "\\|")
        lines.append(
            f"| {paper.number} | {title} | {paper.room} | {names or '*not yet*'} | {paper.study or ''} | {verdicts} |"
        )
    return "\n".join([*lines, ""])


def number(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"
