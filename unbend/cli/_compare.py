"""`unbend compare`: your own data and network, arms by name."""

import shlex
import sys
from typing import Annotated, Literal

import typer

from unbend.cli._study import Json, Runs, print_json, seconds

_EXAMPLES = """\
A budget of 60s trains every cell (one arm with one seed) for 60 seconds: 3 arms with 8 seeds take 12 minutes on two
processors. Finished cells are kept, and the same command goes on where it ended.

Examples:

unbend compare --data churn.csv --target left --arms relu,gelu,golu --budget 30s

unbend compare --data photos --arms relu,golu --match params --budget "300 steps"

unbend compare --data churn.csv --target left --model net:build --swap ReLU=golu

unbend compare --data book.txt --model net:small --model net:large
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("compare", epilog=_EXAMPLES)(compare)


def compare(
    data: Annotated[
        str, typer.Option(help="CSV, TSV, Parquet, NPZ or text file, folder of images, or a data set's name.")
    ],
    arms: Annotated[
        str | None, typer.Option(help="Bends for a small default network, the first to be beaten: relu,gelu,golu")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Your network, pkg.mod:build: called as build(inputs=, outputs=), with width= if it takes it, or "
            "build(). Repeat it to compare several."
        ),
    ] = None,
    swap: Annotated[str | None, typer.Option(help="What goes and what comes in the network: ReLU=gelu,golu")] = None,
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    task: Annotated[
        Literal["classification", "regression", "next-token"] | None,
        typer.Option(help="Text, or at most 20 different whole numbers, are classes, if you say nothing."),
    ] = None,
    match: Annotated[
        Literal["params", "operations"] | None, typer.Option(help="Give each arm the width that costs the same.")
    ] = None,
    budget: Annotated[str, typer.Option(help="Training of each cell: 60s, 2m, '300 steps'.")] = "60s",
    seeds: Annotated[int, typer.Option(min=1, help="How often each arm is trained.")] = 8,
    margin: Annotated[
        float | None, typer.Option(help="Smallest gain worth the name (accuracy 0.005, sd 0.01, nats 0.01).")
    ] = None,
    test_fraction: Annotated[float | None, typer.Option(help="Share to test on (0.25, of a text 0.1).")] = None,
    missing: Annotated[
        Literal["refuse", "drop", "mean"], typer.Option(help="Missing values: refuse, drop rows, or fill in.")
    ] = "refuse",
    drop: Annotated[str, typer.Option(help="Columns to leave out: id,name")] = "",
    image_size: Annotated[int | None, typer.Option(help="Make every image a square of so many pixels.")] = None,
    width: Annotated[int | None, typer.Option(help="Of the first arm's network (64, for images 16).")] = None,
    batch: Annotated[int, typer.Option(help="Examples in a step.")] = 64,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    name: Annotated[str | None, typer.Option(help="Of store and report (compare-DATA-MODEL).")] = None,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add seeds until every claim is decided.")
    ] = False,
    max_seeds: Annotated[int, typer.Option(min=1, help="Where --until-decided gives up.")] = 64,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", help="Cells at once (one per processor).")] = None,
    on: Annotated[str | None, typer.Option("--on", help="local, loky or ray (local where the system forks).")] = None,
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster, with --on ray.")] = None,
    cell_deadline: Annotated[
        str | None, typer.Option(help="When a cell counts as hung (a minute and three budgets).")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when a claim does not hold.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No plan, no progress.")] = False,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """Put bends, or networks, side by side on your own data: equal budgets, paired seeds, verdicts, a report."""
    from unbend.study._compare import comparison, execute, plan_text
    from unbend.study._terminal import Teller, show

    study = comparison(
        _names(arms), on=data, target=target, task=task, test_fraction=test_fraction, missing=missing,
        drop=_names(drop) or [], image_size=image_size, model=model, swap=swap, match=match, width=width, batch=batch,
        lr=lr, budget=budget, seeds=seeds, margin=margin, name=name,
    )  # fmt: skip
    if not quiet:
        typer.echo("\n".join(plan_text(study, jobs)), err=True)
    with Teller(quiet) as teller:
        try:
            done = execute(
                study, runs=runs, jobs=jobs, runner=on, address=address, until_decided=until_decided,
                max_seeds=max_seeds, cell_seconds=seconds("cell-deadline", cell_deadline),
                command=shlex.join(["unbend", *sys.argv[1:]]), on_event=teller,
            )  # fmt: skip
        except KeyboardInterrupt:
            typer.echo(f"interrupted: the {teller.done} cells finished now are kept; repeat to go on", err=True)
            raise typer.Exit(130) from None
    if as_json:
        from unbend.study._export import run_json

        print_json(run_json(done, strict=strict))
    else:
        show(done)
    raise typer.Exit(done.exit_code(strict=strict))


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
