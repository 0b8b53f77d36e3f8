"""`unbend study NAME`: run a study; `status`, `report`, `diff`, `export` look at what is there."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from unbend._errors import ArgumentError


class _RunsByDefault(TyperGroup):
    """A group whose first word may be left out when it is `run`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        cls=_RunsByDefault,
        no_args_is_help=True,
        help="Put a paper's sentence to the test: `unbend study NAME` runs what is not finished, judges and reports.",
    )
    for name, command in {"run": run, "status": status, "report": report, "diff": diff, "export": export}.items():
        group.command(name)(command)
    app.add_typer(group, name="study")


Name = Annotated[str, typer.Argument(help="Name of a study, such as lambda.", show_default=False)]
Runs = Annotated[str | None, typer.Option("--runs", help="Folder of the stores ($UNBEND_RUNS, else unbend-runs).")]
Json = Annotated[bool, typer.Option("--json", help="For machines, on the standard output.")]
AcceptStale = Annotated[
    bool, typer.Option("--accept-stale", help="Keep cells whose code has changed since; the report marks them.")
]


def run(
    name: Name,
    only: Annotated[str | None, typer.Option(help="Which cells: arm=golu,data=digits, or patterns of arms: g*")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many seeds, instead of the study's own number.")] = None,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add seeds until every claim is decided, or the budget ends.")
    ] = False,
    max_seeds: Annotated[int, typer.Option(help="Where --until-decided gives up.")] = 64,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", help="Cells at once (one per processor).")] = None,
    on: Annotated[str | None, typer.Option("--on", help="local, loky, ray, or inline for a debugger.")] = None,
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster, with --on ray.")] = None,
    deadline: Annotated[str | None, typer.Option(help="For the whole run: 60s, 5m, 2h.")] = None,
    cell_deadline: Annotated[str | None, typer.Option(help="For one cell (the study's own minutes).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run finished cells again.")] = False,
    accept_stale: AcceptStale = False,
    record: Annotated[bool, typer.Option("--record", help="Write the verdicts into results/.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when a claim does not hold.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """Run a study: progress, table of arms, verdicts, path of the report. Run again to go on where it ended."""
    from unbend.study import run as run_study
    from unbend.study._find import find
    from unbend.study._ledger import record as write_down
    from unbend.study._terminal import Teller, show
    from unbend.study._view import recall

    # Nothing but the number of seeds is asked for: the answer may be there already.
    asked = (only, jobs, on, address, deadline, cell_deadline, force, accept_stale, until_decided, record)
    known = None if any(asked) else recall(name, runs, seeds)
    teller = Teller(quiet)
    try:
        with teller:
            done = known or run_study(
                find(name), runs=runs, seeds=seeds, only=only, jobs=jobs, runner=on, address=address,
                deadline=seconds("deadline", deadline), cell_seconds=seconds("cell-deadline", cell_deadline),
                force=force, accept_stale=accept_stale, until_decided=until_decided, max_seeds=max_seeds,
                on_event=teller,
            )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(f"interrupted: the {teller.done} cells finished now are kept; repeat to go on", err=True)
        raise typer.Exit(130) from None
    if as_json:
        from unbend.study._export import run_json

        print_json(run_json(done, strict=strict))
    else:
        show(done)
    if record:
        typer.echo(f"recorded: {write_down(done.study, done.records)}", err=as_json)
    raise typer.Exit(done.exit_code(strict=strict))


def status(name: Name, as_json: Json = False, runs: Runs = None) -> None:
    """Show how many cells are finished, failed, stale or missing, and the verdicts of the last run."""
    from unbend.study._terminal import show_status
    from unbend.study._view import counts, look

    view = look(name, runs, live=False)
    if as_json:
        verdicts = [dict(verdict) for verdict in view.verdicts]
        print_json({"study": name, "cells": counts(view), "verdicts": verdicts, "notes": list(view.notes)})
    else:
        show_status(view)


def report(name: Name, accept_stale: AcceptStale = False, runs: Runs = None) -> None:
    """Write the report again from the store, and print its path; nothing is run."""
    from unbend.study._view import look, write

    view = look(name, runs)
    for note in view.notes:
        typer.echo(note, err=True)
    typer.echo(write(view, accept_stale=accept_stale))


def diff(
    name: Name,
    old: Annotated[
        str | None, typer.Argument(help="A folder of stores to compare with (the verdicts recorded in results/).")
    ] = None,
    accept_stale: AcceptStale = False,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """Show which verdicts and means differ from another folder of stores, or from what is recorded."""
    from unbend.study._diff import compare, shown

    rows = compare(name, old, runs, accept_stale=accept_stale)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['what']}: {row['name']}: {shown(row['old'])} -> {shown(row['new'])}")
    if not rows:
        typer.echo("no verdict and no mean differs")


def export(
    name: Name,
    to: Annotated[str, typer.Option(help="csv or json.")] = "csv",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file (the standard output).")] = None,
    accept_stale: AcceptStale = False,
    runs: Runs = None,
) -> None:
    """Write the cells for other programs: a table, or JSON with curves, timings and verdicts."""
    from unbend.study._export import export as export_study
    from unbend.study._view import look

    view = look(name, runs)
    records = view.plan.current(accept_stale=accept_stale)
    text = export_study(view.study, records, to, {task.key for task in view.plan.stale})
    if output:
        output.write_text(text, encoding="utf-8", newline="")
    else:
        sys.stdout.write(text)


def seconds(option: str, text: str | None) -> float | None:
    """`90`, `90s`, `1.5m` or `2h` in seconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not found or not float(found[1]):
        raise ArgumentError.of(f"--{option}", text, "a time above 0, such as 60s, 5m or 2h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=1))
