"""The local runner: one process per cell, forked from a server that has imported torch."""

import os
import socket
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic

import cloudpickle

from unbend._errors import UnbendError
from unbend.study._cell import THREADS, Ended, Limits, Outcome, Running, Task, Work

# A cell whose process died may have been the victim of another's memory: it is run once more, after the others.
ATTEMPTS = 2
_FAREWELL = 2.0


def local(work: Work, tasks: Iterable[Task], limits: Limits, log: Path | None = None) -> Generator[Ended]:
    """Run the tasks and yield each with its outcome as it ends; what the end of the run cuts off is not yielded.

    Args:
        work: what the cells share; sent once, with cloudpickle, so that the functions of a notebook work.
        tasks: what to run, first things first.
        limits: number of processes, and times.
        log: file that takes what the cells print.
    """
    waiting = deque(tasks)
    packed = cloudpickle.dumps(work)
    attempts = Counter[Task]()
    while waiting and limits.left() > 0:
        with _server(packed, limits, log) as link:
            for task, outcome in _served(link, waiting, limits):
                attempts[task] += 1
                if outcome.status == "killed" and attempts[task] < ATTEMPTS:
                    waiting.append(task)
                else:
                    yield task, outcome


def _served(link: Connection, waiting: deque[Task], limits: Limits) -> Generator[Ended]:
    """Keep the server busy until nothing waits; tasks may be added to `waiting` meanwhile."""
    running: dict[Task, Running] = {}
    try:
        while waiting or running:
            while waiting and len(running) < limits.jobs and limits.left() > 0:
                started = limits.start(waiting.popleft())
                running[started.task] = started
                link.send(started)
            if not running or not link.poll(_patience(limits)):
                return
            task, outcome = link.recv()
            if limits.counts(running.pop(task), outcome):
                yield task, outcome
    except (EOFError, ConnectionError):
        lost = Outcome.broken("killed", "Killed", "the cells' process was ended from outside")
        yield from ((task, lost) for task in running)


@contextmanager
def _server(packed: bytes, limits: Limits, log: Path | None) -> Generator[Connection]:
    """Start the fork server and hand it the work; its children end with it, and it ends with the link."""
    with ExitStack() as stack:
        output = subprocess.DEVNULL
        with suppress(OSError):
            if log:
                log.parent.mkdir(parents=True, exist_ok=True)
                output = stack.enter_context(open(log, "ab"))
        ours, theirs = socket.socketpair()
        link = stack.enter_context(Connection(ours.detach()))
        # A fresh process, not a fork of this one: it reads the code as it stands on the disk now, which is what the
        # digest was taken of, and it has no threads.
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", _program(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
            )  # fmt: skip
        try:
            broken = _hand_over(link, packed, limits)
            if broken:
                raise UnbendError(f"the study cannot be loaded in a process of its own:\n{broken}")
            yield link
        finally:
            link.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_FAREWELL)
            process.kill()
            process.wait()
            with suppress(OSError):
                if log and not log.stat().st_size:
                    log.unlink()


def _hand_over(link: Connection, packed: bytes, limits: Limits) -> str | None:
    """Send the work, and wait until it is unpacked; returns what went wrong."""
    try:
        link.send_bytes(packed)
        return link.recv() if link.poll(_patience(limits)) else None
    except (EOFError, ConnectionError):
        return "the process ended at once; what it said is in the log"


def _patience(limits: Limits) -> float | None:
    left = limits.ends - monotonic()
    return None if left == float("inf") else max(0.0, left)


def _program(descriptor: int) -> str:
    # The path comes first: unbend and the study may be importable only by what this process added to it.
    return f"import sys; sys.path[:] = {sys.path!r}; from unbend.study._nursery import serve; serve({descriptor})"
