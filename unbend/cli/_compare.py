"""`unbend compare`: your own data and network, arms by name."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unbend.cli._study import Json, Runs, print_json, seconds

if TYPE_CHECKING:
    from unbend.study import Run

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


_BUILD = "called as build(inputs=, outputs=), with width= if it takes it, or build(). Repeat it to compare several."

Data = Annotated[str, typer.Option(help="CSV, TSV, Parquet, NPZ or text file, folder of images, or a data set's name.")]
Arms = Annotated[str | None, typer.Option(help="Bends for a default network, first the one to beat (relu,gelu,golu).")]
Model = Annotated[list[str] | None, typer.Option(help=f"Your network, pkg.mod:build: {_BUILD}")]
Swap = Annotated[str | None, typer.Option(help="What goes and what comes in the network: ReLU=gelu,golu")]
Target = Annotated[str | None, typer.Option(help="Column to predict.")]
Task = Annotated[
    Literal["classification", "regression", "next-token"] | None,
    typer.Option(help="If not given: text, or at most 20 different whole numbers, are classes."),
]
Match = Annotated[
    Literal["params", "operations"] | None, typer.Option(help="Give each arm the width that costs the same.")
]
Budget = Annotated[str, typer.Option(help="Training of each cell: 60s, 2m, '300 steps'.")]
Seeds = Annotated[int, typer.Option(min=1, help="How often each arm is trained.")]
Margin = Annotated[
    float | None, typer.Option(help="Smallest gain worth the name (accuracy 0.005, sd of the target 0.01, nats 0.01).")
]
TestFraction = Annotated[float | None, typer.Option(help="Share to test on (0.25, of a text 0.1).")]
Missing = Annotated[Literal["refuse", "drop", "mean"], typer.Option(help="Missing values: refuse, drop rows, fill in.")]
Drop = Annotated[str, typer.Option(help="Columns to leave out: id,name")]
ImageSize = Annotated[int | None, typer.Option(help="Make every image a square of so many pixels.")]
Width = Annotated[int | None, typer.Option(help="Of the first arm's network (64, for images 16).")]
Batch = Annotated[int, typer.Option(help="Examples in a step.")]
Rate = Annotated[float, typer.Option(help="Highest learning rate.")]
StoreName = Annotated[str | None, typer.Option(help="Of store and report (compare-DATA-MODEL).")]
UntilDecided = Annotated[bool, typer.Option("--until-decided", help="Add seeds until every claim is decided.")]
MaxSeeds = Annotated[int, typer.Option(min=1, help="Where --until-decided gives up.")]
Jobs = Annotated[int | None, typer.Option("-j", "--jobs", help="Cells at once (one per processor).")]
Runner = Annotated[str | None, typer.Option("--on", help="local, loky or ray (local where the system forks).")]
Address = Annotated[str | None, typer.Option(help="Of the Ray cluster, with --on ray.")]
Deadline = Annotated[str | None, typer.Option(help="When a cell counts as hung (a minute and three budgets).")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 when a claim does not hold.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No plan, no progress.")]


def compare(
    data: Data,
    arms: Arms = None,
    model: Model = None,
    swap: Swap = None,
    target: Target = None,
    task: Task = None,
    match: Match = None,
    budget: Budget = "60s",
    seeds: Seeds = 8,
    margin: Margin = None,
    test_fraction: TestFraction = None,
    missing: Missing = "refuse",
    drop: Drop = "",
    image_size: ImageSize = None,
    width: Width = None,
    batch: Batch = 64,
    lr: Rate = 2e-3,
    name: StoreName = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = 64,
    jobs: Jobs = None,
    on: Runner = None,
    address: Address = None,
    cell_deadline: Deadline = None,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """Put bends, or networks, side by side on your own data: equal budgets, paired seeds, verdicts, a report."""
    from unbend.study._compare import comparison, execute, plan_text
    from unbend.study._terminal import Teller

    study = comparison(
        _names(arms), on=data, target=target, task=task, test_fraction=test_fraction, missing=missing,
        drop=_names(drop) or [], image_size=image_size, model=model, swap=swap, match=match, width=width, batch=batch,
        lr=lr, budget=budget, seeds=seeds, margin=margin, name=name,
    )  # fmt: skip
    if not quiet:
        typer.echo("\n".join(plan_text(study, jobs)), err=True)
    teller = Teller(quiet)
    try:
        with teller:
            done = execute(
                study, runs=runs, jobs=jobs, runner=on, address=address, until_decided=until_decided,
                max_seeds=max_seeds, cell_seconds=seconds("cell-deadline", cell_deadline),
                command=shlex.join(["unbend", *sys.argv[1:]]), on_event=teller,
            )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(f"interrupted: the {teller.done} cells finished now are kept; repeat to go on", err=True)
        raise typer.Exit(130) from None
    _tell(done, strict=strict, as_json=as_json)
    raise typer.Exit(done.exit_code(strict=strict))


def _tell(done: "Run", *, strict: bool, as_json: bool) -> None:
    if as_json:
        from unbend.study._export import run_json

        print_json(run_json(done, strict=strict))
    else:
        from unbend.study._terminal import show

        show(done)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
