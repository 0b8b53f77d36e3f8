"""`unbend study NAME`: run a study; `status`, `report`, `diff`, `export` look at what is there."""

import re
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
    group.command("run")(run_)
    app.add_typer(group, name="study")


Name = Annotated[str, typer.Argument(help="Name of a study, such as lambda.", show_default=False)]
Runs = Annotated[str | None, typer.Option("--runs", help="Folder of the stores [$UNBEND_RUNS, else unbend-runs].")]
AcceptStale = Annotated[
    bool, typer.Option("--accept-stale", help="Keep cells whose code has changed since; the report marks them.")
]
Json = Annotated[bool, typer.Option("--json", help="One object for machines, on the standard output.")]


def run_(
    name: Name,
    only: Annotated[str | None, typer.Option(help="Which cells: arm=golu,data=digits or patterns of arms: g*")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many seeds, instead of the study's own number.")] = None,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add seeds until every claim is decided, or the budget ends.")
    ] = False,
    max_seeds: Annotated[int, typer.Option(help="Where --until-decided gives up.")] = 64,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", help="Cells at once [one per processor].")] = None,
    on: Annotated[str | None, typer.Option("--on", help="local, loky or ray.", show_default="local")] = None,
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster, with --on ray.")] = None,
    deadline: Annotated[str | None, typer.Option(help="For the whole run: 60s, 5m, 2h.")] = None,
    cell_deadline: Annotated[str | None, typer.Option(help="For one cell [the study's own minutes].")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run finished cells again.")] = False,
    accept_stale: AcceptStale = False,
    record: Annotated[bool, typer.Option("--record", help="Write the verdicts into results/ of the checkout.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when a claim does not hold.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """Run a study: progress, table of arms, verdicts, path of the report. Run again to go on where it ended."""
    from unbend.studies import find
    from unbend.study._run import run
    from unbend.study._terminal import Teller, show

    with Teller(quiet) as teller:
        try:
            done = run(
                find(name), runs=runs, seeds=seeds, only=only, jobs=jobs, runner=on, address=address,
                deadline=_seconds("deadline", deadline), cell_seconds=_seconds("cell-deadline", cell_deadline),
                force=force, accept_stale=accept_stale, until_decided=until_decided, max_seeds=max_seeds,
                on_event=teller,
            )  # fmt: skip
        except KeyboardInterrupt:
            typer.echo(f"interrupted: {teller.done} cells finished now and kept; repeat the command to go on", err=True)
            raise typer.Exit(130) from None
    show(done)
    raise typer.Exit(done.exit_code(strict=strict))


def _seconds(option: str, text: str | None) -> float | None:
    """`90`, `90s`, `1.5m` or `2h` in seconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not found or not float(found[1]):
        raise ArgumentError.of(f"--{option}", text, "a time above 0, such as 60s, 5m or 2h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
