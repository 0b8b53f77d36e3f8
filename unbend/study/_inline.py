"""The runner for a debugger: every cell in this process, one after the other."""

from collections.abc import Generator, Iterable
from pathlib import Path

from unbend.study._cell import Ended, Limits, Task, Work, run_cell


def inline(work: Work, tasks: Iterable[Task], limits: Limits, log: Path | None = None) -> Generator[Ended]:
    """Run the tasks and yield each as it ends; a breakpoint in a trial works, and a cell that hangs hangs.

    Args:
        work: what the cells share.
        tasks: what to run, first things first.
        limits: times; there is one job.
        log: not used: what the cells print goes to the terminal.
    """
    for task in tasks:
        if limits.left() <= 0:
            return
        cell = limits.start(task)
        outcome = run_cell(work, task, cell.seconds)
        if limits.counts(cell, outcome):
            yield task, outcome
