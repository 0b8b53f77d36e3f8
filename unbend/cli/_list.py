"""`unbend list [ROOM]`: the rooms, or what one of them holds."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from unbend._errors import UnknownNameError
from unbend._rooms import METHOD_ROOMS, closed_forms, exports, room_summary


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("list")(list_)


def list_(
    room: Annotated[str | None, typer.Argument(help="A room, such as mixers; without it, all rooms.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects for machines.")] = False,
) -> None:
    """List the rooms, or the public names of one room."""
    count: object = None
    if room is None:
        rows = [
            {"room": name, "names": len(exports(name)) + len(closed_forms(name)), "summary": room_summary(name)}
            for name in METHOD_ROOMS
            if exports(name)
        ]
    elif room not in METHOD_ROOMS:
        raise UnknownNameError.of("room", room, METHOD_ROOMS)
    elif room == "activations":
        from unbend.study._bends import listing

        rows, count = listing()
    else:
        rows = [{"name": e.name, "summary": e.summary, "arxiv": e.arxiv or ""} for e in exports(room).values()]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        typer.echo(f"room {room} is empty so far; `unbend papers --room {room}` shows what belongs into it")
        return
    table = Table(box=None, header_style="bold")
    columns = [column for column in rows[0] if column not in ("alias_of", "status")]  # they are in the summary
    for column in columns:
        table.add_column(column, justify="right" if column == "names" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(row[column])) for column in columns))
    Console().print(table)
    if count:
        typer.echo(f"\n{count}")
