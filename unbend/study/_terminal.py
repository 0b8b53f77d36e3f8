"""What a run says on a terminal or in a log: progress, the first traceback at once, the arms, the verdicts."""

from collections.abc import Sequence
from statistics import fmean
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from unbend.study._record import Record
from unbend.study._run import Event, Run
from unbend.study._summary import BROKEN, Cells, number, plural
from unbend.study._verdict import Verdict
from unbend.study._view import View, counts

_COLOURS = {"holds": "green", "does not hold": "red", "inconclusive": "yellow", "not run": "dim"}


class Teller:
    """Tells what a run does as it does it: one moving line on a terminal, plain lines in a file, or nothing.

    Args:
        quiet: say nothing but what went wrong first.
        console: where to; the standard error unless told otherwise.
    """

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        self._quiet = quiet
        self._console = console or Console(stderr=True, highlight=False)
        self._shown = False
        self.done = 0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        live = self._console.is_terminal and not quiet
        self._bar = Progress(*columns, console=self._console, transient=True) if live else None
        self._line = self._bar.add_task("", visible=False) if self._bar else None

    def __enter__(self) -> "Teller":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        if event.record:
            self.done += 1
            self._first_traceback(event.record)
        if self._bar and self._line is not None:
            self._bar.update(
                self._line, description=escape(event.text), completed=event.done, total=event.total, visible=True
            )
        elif not self._quiet:
            self._console.print(f"{event.done}/{event.total}  {event.text}", markup=False, soft_wrap=True)

    def _first_traceback(self, record: Record) -> None:
        if self._shown or record.status not in BROKEN or record.error is None:
            return
        self._shown = True
        told = record.error["traceback"] or f"{record.error['type']}: {record.error['message']}"
        self._console.print(
            f"first cell without a result: {record.arm} on {record.data}, seed {record.seed}: {record.status}\n{told}",
            markup=False, soft_wrap=True,
        )  # fmt: skip


def show(run: Run, console: Console | None = None) -> None:
    """Print the table of arms, the verdict of each claim, what is missing, and where the report is."""
    console = console or _console()
    cells = Cells(run.study, run.records)
    for data in cells.data:
        console.print(arms_table(cells, data))
        console.print()
    for verdict in run.verdicts:
        word = f"[{_COLOURS[verdict.verdict]}]{verdict.verdict:<13}[/]"
        console.print(f"{word}  {escape(verdict.claim.text)}{escape(_numbers(verdict))}", soft_wrap=True)
    if run.study.paper:
        console.print("reduced scale: tests the direction, not the paper's number", style="dim")
    for line in notes(run):
        console.print(line, markup=False, soft_wrap=True)


def show_status(view: View, console: Console | None = None) -> None:
    """Print the state of every arm on every data set, and the verdicts of the last run."""
    console = console or _console()
    rows = counts(view)
    table = Table(box=None, header_style="bold")
    for column in rows[0]:
        table.add_column(column, justify="left" if column in ("data", "arm") else "right")
    for row in rows:
        table.add_row(*(escape(str(value)) if value else "" for value in row.values()))
    console.print(table)
    total = {name: sum(row[name] for row in rows) for name in rows[0] if name not in ("data", "arm")}
    console.print(", ".join(f"{count} {name}" for name, count in total.items() if count))
    for verdict in view.verdicts:
        console.print(f"{verdict['verdict']:<13}  {verdict['claim']}", markup=False, soft_wrap=True)
    for note in view.notes:
        console.print(note, markup=False, soft_wrap=True)


def arms_table(cells: Cells, data: str) -> Table:
    """Mean and half of its 95 % interval over the seeds, for each arm and metric on one data set."""
    metrics = [metric.name for metric in cells.study.metrics]
    table = Table(box=None, header_style="bold", title=escape(data), title_justify="left", title_style="bold cyan")
    for column in ("arm", "seeds", *metrics):
        table.add_column(column, justify="left" if column == "arm" else "right", overflow="fold")
    for arm in cells.arms:
        values = [_mean(cells.values(metric, arm, data), cells.study.overlap) for metric in metrics]
        table.add_row(escape(arm), str(cells.count(arm, data, "ok", *BROKEN)), *values)
    return table


def _mean(values: Sequence[float], overlap: float) -> str:
    from numpy import asarray

    from unbend.study._stats import t_interval

    if len(values) < 2:
        return number(values[0] if values else None)
    low, high = t_interval(asarray(values, dtype=float), overlap)
    return number(fmean(values)) + (f" ± {number((high - low) / 2, 2)}" if high > low else "")


def notes(run: Run) -> list[str]:
    """What a reader should know beside the verdicts, each in a line."""
    lines = list(run.problems)
    if run.broken:
        arms = ", ".join(sorted({f"{record.arm} ({record.status})" for record in run.broken}))
        lines.append(f"{plural(len(run.broken), 'cell')} without a result, counted as the worst value: {arms}")
    if run.stale:
        behind = "it" if len(run.stale) == 1 else "them"
        lines.append(f"{plural(len(run.stale), 'cell')} kept although the code behind {behind} has changed since")
    if run.missing:
        lines.append(f"{plural(run.missing, 'cell')} still to run: repeat the command to go on")
    if run.looks > 1:
        lines.append(
            f"the claims were judged {run.looks} times, seeds being added in between: each look is a chance to be wrong"
        )
    if not (run.ran or run.missing):
        lines.append(f"{plural(run.before, 'cell')} finished before, nothing to run")
    if run.report:
        lines.append(f"report: {run.report}")
    return lines


def _numbers(verdict: Verdict) -> str:
    if verdict.low is None or verdict.high is None:
        return f"  ({verdict.reason})"
    needed = f", about {verdict.needed} would decide" if verdict.needed else ""
    return (
        f"  gain {number(verdict.mean, 3)} [{number(verdict.low, 3)}, {number(verdict.high, 3)}], "
        f"{plural(verdict.seeds, 'seed')}{needed}"
    )


def _console() -> Console:
    # A file has no width: what goes there is neither cut nor folded.
    return Console(highlight=False, width=None if Console().is_terminal else 200)
