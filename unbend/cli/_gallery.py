"""`unbend gallery`: one page of all bends."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("gallery")(gallery)


def gallery(
    names: Annotated[list[str] | None, typer.Argument(help="Bends by name; without any, all of them.")] = None,
    out: Annotated[Path, typer.Option(help="A file that ends in .html, or a folder.")] = Path("gallery.html"),
    jobs: Annotated[int, typer.Option(min=1, help="Processes that compute the facts.")] = 2,
) -> None:
    """Write a page of all bends: curves, facts, formulas, verdicts; search, filter, overlay. It needs no network."""
    from unbend.study._gallery import write_gallery

    typer.echo(write_gallery(out, names or None, jobs=jobs))
