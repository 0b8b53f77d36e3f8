"""`unbend show NAME`: formula, shapes, paper and verdict of one method."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unbend._errors import ArgumentError
from unbend.study._show import Card, show


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("show")(show_)


def show_(
    name: Annotated[str, typer.Argument(help="A public name (GoLU, mixers.LambdaLayer) or a paper's short name.")],
    as_json: Annotated[bool, typer.Option("--json", help="One object for machines.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the curve of a bend, and list its facts.")] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="Only the formula of a bend and its derivative, as LaTeX.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Draw it into this file instead: .html, .svg or .png.")] = None,
) -> None:
    """Show one method: formula, shapes, behaviour, paper, verdicts."""
    if plot or out:
        _plot(name, out)
        return
    cards = show(name, faces=True)
    if latex:
        _print_latex(cards)
        return
    if as_json:
        typer.echo(json.dumps([card.json() for card in cards], indent=1, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for card in cards:
        _print(console, card)


def _plot(name: str, out: Path | None) -> None:
    from unbend.study._bend_figure import told, write_picture

    typer.echo(told(name) if out is None else write_picture(name, out))


def _print_latex(cards: list[Card]) -> None:
    known = [card for card in cards if card.latex]
    if not known:
        raise ArgumentError.of("name", cards[0].dotted, "a bend with a formula", "Leave out --latex.")
    for card in known:
        typer.echo(f"y = {card.latex['latex']}\ny' = {card.latex['derivative_latex']}")


def _print(console: Console, card: Card) -> None:
    console.print(f"[bold]{card.dotted}[/]  {card.signature.partition('(')[1]}{card.signature.partition('(')[2]}")
    for section, text in card.sections.items():
        if section == "Summary":
            console.print(text)
            continue
        console.print(f"\n[bold cyan]{section}[/]")
        console.print("\n".join(f"  {line}" for line in text.splitlines()), markup=False)
    if card.paper:
        console.print(f"\n[bold cyan]Paper[/]\n  {card.paper.number} {card.paper.name}: {card.paper.title}")
        for claim in card.paper.verdicts:
            low, high = (f"{v:+.4g}" if v is not None else "-" for v in (claim["low"], claim["high"]))
            console.print(
                f"  {claim['verdict']}: {claim['claim']}  [{low}, {high}], {claim['seeds']} seeds", markup=False
            )
        if not card.paper.verdicts:
            console.print(
                "  no recorded verdict" + (f"; run: unbend study {card.paper.study}" if card.paper.study else "")
            )
    console.print()
