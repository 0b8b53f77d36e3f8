"""`unbend papers`: every paper of the list, with names, study, verdict and benchmark ratio."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from unbend._errors import UnknownNameError
from unbend._rooms import METHOD_ROOMS
from unbend.study._papers import Paper, papers


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("papers")(papers_)


def papers_(
    room: Annotated[str | None, typer.Option(help="Only the papers of this room.")] = None,
    implemented: Annotated[bool, typer.Option("--implemented", help="Only papers that have public names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects for machines.")] = False,
) -> None:
    """List the papers: public names, study, last recorded verdicts, benchmark ratio (peer's time over ours)."""
    if room is not None and room not in METHOD_ROOMS:
        raise UnknownNameError.of("room", room, METHOD_ROOMS)
    rows = [paper for paper in papers(room) if paper.public or not implemented]
    if as_json:
        typer.echo(json.dumps([paper.json() for paper in rows], indent=1, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for column in ("no", "paper", "room", "public names", "study", "verdicts", "ratio"):
        table.add_column(column, overflow="fold", justify="right" if column == "no" else "left")
    for paper in rows:
        names = ", ".join(name.rpartition(".")[2] for name in paper.public)
        table.add_row(
            str(paper.number), paper.name, paper.room, names or "[dim]not yet[/]", paper.study or "",
            _verdicts(paper), _ratio(paper),
        )  # fmt: skip
    Console().print(table)


def _verdicts(paper: Paper) -> str:
    count: dict[str, int] = {}
    for claim in paper.verdicts:
        count[claim["verdict"]] = count.get(claim["verdict"], 0) + 1
    return ", ".join(f"{n} {verdict}" for verdict, n in count.items())


def _ratio(paper: Paper) -> str:
    ratios = sorted(row["ratio"] for row in paper.benchmarks)
    return f"{ratios[0]:.2g}-{ratios[-1]:.2g}x" if ratios else ""
