"""`compare`: arms by name, the user's own data and network. It builds a study; the engine does the rest."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from unbend._errors import ArgumentError, UnknownNameError, at_least
from unbend.data import Dataset, Source, load, source
from unbend.study._budget import forecast, parse_budget, patience
from unbend.study._compare_arms import Bends, arms_of, describe
from unbend.study._match import Match
from unbend.study._report import write_report
from unbend.study._run import Event, Run, run
from unbend.study._spec import ACCURACY, Budget, Claim, Metric, Relation, Study
from unbend.study._store import Store, runs_folder
from unbend.study._train import LOSS, MS_PER_STEP, PARAMETERS, R2, Fit, Settings
from unbend.study._user_model import Build, UserModel

RMSE = Metric("rmse", "lower", unit="sd of the target")
NATS = Metric("loss", "lower", unit="nats per character")


class Options(TypedDict, total=False):
    """What `comparison` and `compare` take beside the arms and the data.

    Args:
        target: what to predict; a table needs it.
        task: `classification`, `regression` or `next-token`, where the data do not say it as you mean it.
        test_fraction: share of the data to test on; a quarter, of a text a tenth.
        missing: `refuse` missing values, `drop` their rows, or fill in the `mean`.
        drop: columns to leave out.
        image_size: side in pixels of the square that every image is made into.
        model: `pkg.mod:build`, or the function itself; of several, each is an arm. See `UserModel`.
        swap: `ReLU=gelu,golu`, or `{"ReLU": ["gelu", "golu"]}`: what takes the place of a class in the network.
        match: give every arm the width at which it has as many `params`, or `operations`, as the first.
        width: of the first arm, for default networks and for builders that take one; 64, for images 16.
        batch: examples in a step; 64.
        lr: highest learning rate of AdamW; 0.002.
        budget: training of each cell: `60s`, which is the default, `2m`, `300 steps`.
        seeds: how often each arm is trained, from other weights and on other batches; 8.
        margin: smallest gain worth the name: 0.005 of accuracy, 0.01 sd of a target, 0.01 nats per character.
        name: of the store and the report; by default after the data and the model.
    """

    target: str | None
    task: Literal["classification", "regression", "next-token"] | None
    test_fraction: float | None
    missing: Literal["refuse", "drop", "mean"]
    drop: Sequence[str]
    image_size: int | None
    model: Build | Sequence[Build] | None
    swap: str | Mapping[str, Bends] | None
    match: Match | None
    width: int | None
    batch: int
    lr: float
    budget: str | Budget
    seeds: int
    margin: float | None
    name: str | None


def compare(
    arms: Bends | None = None,
    *,
    on: str | Path | Source | Dataset,
    runs: str | Path | None = None,
    jobs: int | None = None,
    runner: str | None = None,
    cell_seconds: float | None = None,
    report: bool = True,
    on_event: Callable[[Event], None] = lambda event: None,
    **options: Unpack[Options],
) -> Run:
    """Put bends, or whole networks, side by side on your own data: an equal budget, paired seeds, and a verdict.

    Args:
        arms: bends for a small default network, relu, gelu and golu if none are named; the others are held against
            the first.
        on: a CSV, TSV, Parquet, NPZ or text file, a folder of images, or the name of a data set.
        runs: folder of the stores; `$UNBEND_RUNS`, else `unbend-runs`. The same call goes on where it ended.
        jobs: how many cells at once; by default one for each processor.
        runner: `local`, `loky` or `ray`; by default `local` where the system can fork.
        cell_seconds: after how long a cell counts as hung; see `patience`.
        report: write the report.
        on_event: told of every cell that ends.
        options: see `Options`.

    Raises:
        UnbendError: data, arms or options that cannot be used; nothing has run then.
    """
    study = comparison(arms, on=on, **options)
    return execute(
        study, runs=runs, jobs=jobs, runner=runner, cell_seconds=cell_seconds, report=report, on_event=on_event
    )


def comparison(arms: Bends | None = None, *, on: str | Path | Source | Dataset, **options: Unpack[Options]) -> Study:
    """The study that `compare` runs. The data are read, names are looked up; none of the user's code is run.

    Examples:
        >>> study = comparison(["relu", "gelu"], on="digits", match="params", budget="30 steps")
        >>> [claim.text for claim in study.claims]
        ['gelu is more accurate than relu, by 0.005 or more']
    """
    for option in options:
        if option not in Options.__annotations__:
            raise UnknownNameError.of("option", option, Options.__annotations__)
    data = _data(on, options)
    width = options.get("width") or (16 if len(data.shape) == 3 else 64)
    fitted: Settings = {
        "width": width, "match": options.get("match"), "batch": options.get("batch", 64), "lr": options.get("lr", 2e-3),
    }  # fmt: skip
    model = options.get("model")
    listed = [] if model is None else [model] if isinstance(model, str) or callable(model) else list(model)
    models = [UserModel.find(each) for each in listed]
    settings = {name: value for name, value in fitted.items() if value is not None}
    network, made = arms_of(arms, models, options.get("swap"), settings)
    first, *others = made or [""]
    if not others:
        raise ArgumentError.of("arms", f"only {first}" if first else "none", "at least two to compare")
    budget = options.get("budget", "60s")
    budget = parse_budget(budget) if isinstance(budget, str) else budget
    seeds = at_least(1, seeds=options.get("seeds", 8))
    goal = _GOALS[data.task]
    return Study(
        name=options.get("name") or _name(data, models),
        question=f"Does {_either(others)} do better than {first} on {data.name}, at an equal budget?",
        data=[data.name],
        sources={data.name: _Read(data)},
        arms=made,
        trial=Fit(network, data.task, **fitted),
        budget=budget,
        claims=[goal.claim(arm, first, options.get("margin")) for arm in others],
        metrics=(goal.metric, *goal.more, PARAMETERS, MS_PER_STEP),
        seeds=seeds,
        minutes=forecast(len(made) * seeds, budget) or 5.0,
        reference=first,
        baselines=(first,),
        notes=data.about,
    )


def execute(
    study: Study,
    *,
    runs: str | Path | None = None,
    cell_seconds: float | None = None,
    command: str | None = None,
    until_decided: bool = False,
    report: bool = True,
    **running: Any,
) -> Run:
    """Run a comparison: the first seed of every arm, then the others, unless there is nothing to compare after it.

    Args:
        study: what `comparison` made.
        runs: folder of the stores.
        cell_seconds: after how long a cell counts as hung; see `patience`.
        command: what the report says to reproduce it by.
        until_decided: add seeds until every claim is decided.
        report: write the report.
        running: what else `unbend.study.run` takes.
    """
    running |= {"runs": runs, "cell_seconds": cell_seconds or patience(study.budget)}
    first = run(study, seeds=1, report=False, **running)
    through = [record.arm for record in first.records if record.status == "ok" and record.seed == 0]
    if study.reference in through and len(through) > 1:
        return run(study, command=command, until_decided=until_decided, report=report, **running)
    lost = ", ".join(arm for arm in study.arms if arm not in through)
    left = len(study.arms) * (study.seeds - 1)
    told = f"nothing to compare: {lost} did not come through the first seed, so the other {left} cells were not run"
    first = replace(first, problems=(*first.problems, told))
    if not report:
        return first
    folder = Store(runs or runs_folder(), study.name).folder
    return replace(first, report=write_report(study, first.records, folder, command=command))


def plan_text(study: Study, jobs: int | None = None) -> list[str]:
    """What will be run: data, arms, budget, claims, and how long it takes."""
    minutes = forecast(len(study.arms) * study.seeds, study.budget, jobs)
    ((unit, amount),) = asdict(study.budget).items()
    trial = study.trial
    data = study.sources[study.data[0]]
    assert isinstance(trial, Fit)
    assert isinstance(data, _Read)
    matched = f", with equal {trial.match}" if trial.match else ""
    time = "how long is seen after the first cell"
    if minutes:
        time = f"about {minutes:.0f} minutes" if minutes > 2 else f"about {60 * minutes:.0f} seconds"
    return [
        f"data     {study.notes}",
        f"network  {describe(trial.network, data.data)}, width {trial.width}{matched}",
        f"arms     {', '.join(study.arms)}",
        f"budget   {amount:g} {unit} of training for each of {len(study.arms)} arms x {study.seeds} seeds, {time}",
        *(f"claim    {claim.text}" for claim in study.claims),
    ]


@dataclass(frozen=True)
class _Goal:
    """What a task is judged by: the metric of the claims, others to show, the least gain, and how a claim reads."""

    metric: Metric
    more: tuple[Metric, ...]
    margin: float
    better: str

    def claim(self, arm: str, first: str, margin: float | None) -> Claim:
        least = self.margin if margin is None else margin
        relation: Relation = ">" if self.metric.better == "higher" else "<"
        by = f"{least:g} {self.metric.unit}".strip()
        return Claim(f"{arm} {self.better} {first}, by {by} or more", self.metric.name, arm, relation, first, least)


_GOALS = {
    "classification": _Goal(ACCURACY, (LOSS,), 0.005, "is more accurate than"),
    "regression": _Goal(RMSE, (R2,), 0.01, "has smaller errors than"),
    "next-token": _Goal(NATS, (ACCURACY,), 0.01, "predicts better than"),
}


@dataclass(frozen=True)
class _Read:
    """Data that are read already."""

    data: Dataset

    @property
    def name(self) -> str:
        return self.data.name

    def load(self) -> Dataset:
        return self.data


_READING = ("target", "task", "test_fraction", "missing", "drop", "image_size")


def _data(on: str | Path | Source | Dataset, options: Options) -> Dataset:
    """The data: as they are, by their name, or out of a file."""
    said = {name: options.get(name) for name in _READING}
    reading: dict[str, Any] = {name: value for name, value in said.items() if value not in (None, (), [], "refuse")}
    if isinstance(on, str | Path) and (Path(on).exists() or Path(on).suffix or len(Path(on).parts) > 1):
        return source(on, **reading).load()
    for name, value in reading.items():
        raise ArgumentError.of(
            name, value, f"none: {on if isinstance(on, str | Path) else on.name} is not read from a file"
        )
    if isinstance(on, Dataset):
        return on
    return on.load() if not isinstance(on, str | Path) else load(str(on))


def _name(data: Dataset, models: Sequence[UserModel]) -> str:
    """Letters, digits and dashes only, since it names files."""
    words = re.findall(r"[A-Za-z0-9_]+", " ".join(["compare", data.name, *(model.name for model in models)]))
    return "-".join(words)[:100]


def _either(names: Sequence[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} or {last}" if before else last
