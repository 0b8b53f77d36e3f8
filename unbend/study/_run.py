"""Run a study: plan, hand the cells to a runner, write down what comes back, judge, report."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

from unbend._errors import at_least, one_of, positive
from unbend.study._cell import Ended, Limits, Task, Work, record_of
from unbend.study._closure import Closure
from unbend.study._declared import Declared, file_hashes, sources, versions
from unbend.study._digest import digests
from unbend.study._plan import Plan, only as chosen_by, plan
from unbend.study._record import Record
from unbend.study._spec import Study
from unbend.study._store import Store, StoreError, Writer, runs_folder
from unbend.study._summary import plural
from unbend.study._verdict import Verdict, judge

RUNNERS = ("local", "loky", "ray", "inline")
_SHORTEST = 60.0


@dataclass(frozen=True)
class Event:
    """What a run tells while it goes on: a sentence, or a finished cell, and how far it is."""

    text: str
    done: int
    total: int
    record: Record | None = None


@dataclass(frozen=True)
class Run:
    """What a run found and did.

    `records` are the cells that count; `stale` are the keys of those whose code has changed since and that were
    accepted all the same. `ran` cells ran now, `before` were finished before, `missing` were not reached or are stale.
    `looks` is how often the claims were judged, seeds being added in between.
    """

    study: Study
    records: tuple[Record, ...]
    verdicts: tuple[Verdict, ...]
    stale: frozenset[str]
    ran: int
    before: int
    missing: int
    looks: int = 1
    problems: tuple[str, ...] = ()
    report: Path | None = None

    @property
    def broken(self) -> list[Record]:
        """Cells without a result."""
        return [record for record in self.records if record.status not in ("ok", "skipped")]

    def exit_code(self, *, strict: bool = False) -> int:
        """1 when a cell has no result or, if `strict`, when a claim does not hold; else 0."""
        refuted = strict and any(verdict.verdict == "does not hold" for verdict in self.verdicts)
        return int(bool(self.broken) or refuted)


def run(
    study: Study,
    *,
    runs: str | Path | None = None,
    seeds: int | None = None,
    only: str | None = None,
    jobs: int | None = None,
    runner: str | None = None,
    address: str | None = None,
    deadline: float | None = None,
    cell_seconds: float | None = None,
    force: bool = False,
    accept_stale: bool = False,
    until_decided: bool = False,
    max_seeds: int = 64,
    report: bool = True,
    command: str | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Run:
    """Run the unfinished cells of a study, each written down as it ends, and judge the claims; repeat to go on.

    Args:
        study: what to run.
        runs: folder of the stores; `$UNBEND_RUNS`, else `unbend-runs`.
        seeds: how many, instead of the study's own number.
        only: which cells: `arm=golu,data=digits`, or patterns of arm names such as `g*`.
        jobs: how many cells at once; by default one for each processor.
        runner: `local` (a process for each cell), `loky` (long-lived workers, where the system cannot fork), `ray`
            (a cluster) or `inline` (this process, for a debugger).
        address: of the Ray cluster.
        deadline: seconds for the whole run; cells that it cuts off are run next time.
        cell_seconds: after how long a cell counts as hung; by default the study's `minutes`, at least one.
        force: run finished cells again.
        accept_stale: keep cells whose code has changed since; the report marks them.
        until_decided: add seeds until every claim is decided, the deadline has passed or `max_seeds` are run.
        max_seeds: where `until_decided` gives up.
        report: write the report.
        command: what the report says to reproduce it by; `unbend study NAME` when not given.
        on_event: told what happens.

    Raises:
        StoreError: another process runs the study, or the store cannot be read or written.
        UnbendError: data or study cannot be loaded.
    """
    start = monotonic()
    count = at_least(1, seeds=study.seeds if seeds is None else seeds)
    most = at_least(count, max_seeds=max_seeds) if until_decided else count
    hand_out = _runner(runner or ("local" if hasattr(os, "fork") else "loky"), address)
    limits = Limits(
        jobs=at_least(1, jobs=_processors() if jobs is None else jobs),
        seconds=positive(cell_seconds=max(_SHORTEST, 60 * study.minutes) if cell_seconds is None else cell_seconds),
        ends=float("inf") if deadline is None else start + positive(deadline=deadline),
    )
    chosen = chosen_by(study, only)
    store = Store(runs or runs_folder(), study.name)
    with store.writing() as writer, _ended_by_signal():
        session = _Session(study, store, writer, accept_stale, on_event)
        session.settle(range(count), most, chosen, force, hand_out, limits)
        return session.finish(command, report)


HandOut = Callable[[Work, Iterable[Task], Limits, Path], Generator[Ended]]


class _Session:
    """A store that is being written, and what is known of it."""

    def __init__(
        self, study: Study, store: Store, writer: Writer, accept_stale: bool, on_event: Callable[[Event], None]
    ) -> None:
        self._study, self._store, self._writer, self._tell = study, store, writer, on_event
        self._accept_stale = accept_stale
        contents = store.read()
        self._records, self._problems = contents.records, contents.problems
        self._data = {name: load_data(study, name) for name in study.data}
        self._hashes: dict[str, str] = {name: data.hash for name, data in self._data.items()}
        self._closure = Closure()
        self._digests = digests(study, self._closure)
        self._seeds, self._before, self._looks = range(study.seeds), 0, 0
        self._ran: set[str] = set()
        self._verdicts: list[Verdict] = []

    def settle(
        self,
        seeds: range,
        most: int,
        chosen: Callable[[Task], bool],
        force: bool,
        hand_out: HandOut,
        limits: Limits,
    ) -> None:
        """Run what is due, judge, and add seeds up to `most` as long as a claim is undecided."""
        self._seeds, self._before = seeds, len(self._plan(seeds).finished)
        while True:
            due = self._plan(self._seeds).due(force=force, accept_stale=self._accept_stale)
            self._execute([task for task in due if chosen(task)], hand_out, limits)
            self._verdicts = judge(self._study, self._everything().current(accept_stale=self._accept_stale))
            self._looks += 1
            more = _more(self._verdicts, len(self._seeds), most)
            if more is None or limits.ends <= monotonic():
                return
            self._seeds, force = range(more), False

    def finish(self, command: str | None, report: bool) -> Run:
        """Leave beside the store what the study was, and the report; tell what was found."""
        plan, everything = self._plan(self._seeds), self._everything()
        records = everything.current(accept_stale=self._accept_stale)
        stale = everything.accepted(self._accept_stale)
        path = None
        try:
            self._declare(command)
            if report:
                # Imported late: drawing needs libraries that take their time.
                from unbend.study._report import write_report

                path = write_report(self._study, records, self._store.folder, stale=stale, command=command)
        except OSError as error:
            raise StoreError(f"finished cells are safe, but the report cannot be written: {error}") from error
        missing = len(plan.missing) + (0 if self._accept_stale else len(plan.stale))
        return Run(
            self._study, tuple(records), tuple(self._verdicts), stale, len(self._ran), self._before, missing,
            self._looks, self._problems, path,
        )  # fmt: skip

    def _plan(self, seeds: Iterable[int]) -> Plan:
        return plan(self._study, self._records, self._hashes, self._digests, seeds)

    def _everything(self) -> Plan:
        """The plan of all seeds that the store has, be they more than the study asks for."""
        return self._plan(sorted({record.seed for record in self._records.values()}))

    def _execute(self, tasks: list[Task], hand_out: HandOut, limits: Limits) -> None:
        """Run the tasks and write down each as it ends."""
        if not tasks:
            return
        work = Work(self._study, self._data)
        self._tell(Event(f"{plural(len(tasks), 'cell')} to run", 0, len(tasks)))
        with closing(hand_out(work, tasks, limits, self._store.folder / "output.log")) as ended:
            for done, (task, outcome) in enumerate(ended, 1):
                record = record_of(self._study, self._hashes, task, outcome)
                self._writer.append(record)
                self._records[record.key] = record
                self._ran.add(record.key)
                self._tell(Event(f"{task}: {record.status}", done, len(tasks), record))

    def _declare(self, command: str | None) -> None:
        told = [
            {"claim": v.claim.text, "verdict": v.verdict, "low": v.low, "high": v.high, "seeds": v.seeds}
            for v in self._verdicts
        ]
        declaring = sources(self._study)
        Declared(
            self._study, self._hashes, self._digests, verdicts=tuple(told), command=command, versions=versions(),
            files=file_hashes({*self._closure.files, *declaring} if declaring else ()),
            size=self._store.path.stat().st_size,
        ).write(self._store.folder)  # fmt: skip


def _runner(name: str, address: str | None) -> HandOut:
    one_of(RUNNERS, runner=name)
    if name == "ray":
        from unbend.study._ray import on_ray

        return on_ray(address)
    return getattr(import_module(f"unbend.study._{name}"), name)


def load_data(study: Study, name: str) -> Any:
    """A data set of the study."""
    if name in study.sources:
        return study.sources[name].load()
    from unbend.data import load

    return load(name)


def _more(verdicts: list[Verdict], seeds: int, most: int) -> int | None:
    """How many seeds to run next; None when every claim is decided or there are enough."""
    undecided = [verdict for verdict in verdicts if verdict.verdict not in ("holds", "does not hold")]
    if not undecided or seeds >= most:
        return None
    # At most twice as many: each look at the data is a chance to be wrong, so looks are few, and none goes too far.
    wanted = max(verdict.needed or 2 * seeds for verdict in undecided)
    return min(most, 2 * seeds, max(wanted, seeds + 1))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _ended_by_signal() -> Generator[None]:
    """Let the signal that ends a process do what Ctrl-C does: finished cells stay, and the cells' processes end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
