"""The runner for systems without fork: joblib's long-lived workers, where one that dies takes the others along."""

import pickle
import tempfile
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import cloudpickle
from joblib.externals.loky import get_reusable_executor

from unbend.study._cell import THREADS, Ended, Limits, Outcome, Running, Task, Work, run_cell

# Beyond its deadline, for the start of the workers and for a trial that looks at the time now and then.
_GRACE = 60.0


def loky(work: Work, tasks: Iterable[Task], limits: Limits, log: Path | None = None) -> Generator[Ended]:
    """Run the tasks and yield each as it ends, as `local` does.

    When a worker dies or hangs, the cells that ran then are set aside, new workers go on with the rest, and at the
    end those cells run one by one, where it shows which of them it was.

    Args:
        work: what the cells share.
        tasks: what to run, first things first.
        limits: number of workers, and times.
        log: not used: what these workers print goes to the terminal.
    """
    waiting = deque(tasks)
    suspects: list[Task] = []
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "work"
        packed.write_bytes(cloudpickle.dumps(work))
        while waiting and limits.left() > 0:
            pool = _Pool(packed, limits, waiting)
            yield from pool.run(limits.jobs)
            suspects += pool.lost
        for suspect in suspects:
            if limits.left() > 0:
                pool = _Pool(packed, limits, deque([suspect]))
                yield from pool.run(1)
                yield from ((task, pool.verdict) for task in pool.lost)


class _Pool:
    """One life of the workers; afterwards `lost` are the cells that ran when it broke, and `verdict` says how."""

    def __init__(self, packed: Path, limits: Limits, waiting: deque[Task]) -> None:
        self._packed = str(packed)
        self._limits = limits
        self._waiting = waiting
        self._running: dict[Future[Outcome], Running] = {}
        self.lost: list[Task] = []
        self.verdict = Outcome.broken("killed", "Killed", "its process ended without a result")

    def run(self, jobs: int) -> Generator[Ended]:
        make: Any = get_reusable_executor
        workers = make(jobs, reuse=False, env=dict.fromkeys(THREADS, "1"))
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < jobs and self._limits.left() > 0:
                    running = self._limits.start(self._waiting.popleft())
                    self._running[workers.submit(_run, self._packed, running.task, running.seconds)] = running
                done, _ = wait(self._running, self._patience(), FIRST_COMPLETED)
                for future in done:
                    if not isinstance(future.exception(), BrokenProcessPool):
                        running = self._running.pop(future)
                        outcome = _outcome(future)
                        if self._limits.counts(running, outcome):
                            yield running.task, outcome
                        done = done - {future}
                if done or self._overdue():
                    self.lost = [running.task for running in self._running.values()]
                if self.lost or self._limits.left() <= 0:
                    return
        finally:
            # The workers know the code as it was when they started: the next run must not meet them.
            workers.shutdown(wait=True, kill_workers=True)

    def _patience(self) -> float | None:
        soonest = min([self._limits.ends, *(running.ends + _GRACE for running in self._running.values())])
        return max(0.0, soonest - monotonic())

    def _overdue(self) -> bool:
        late = [r for r in self._running.values() if monotonic() > r.ends + _GRACE]
        if late:
            self.verdict = late[0].too_long()
        return bool(late)


def _outcome(future: "Future[Outcome]") -> Outcome:
    error = future.exception()
    return Outcome.of(error) if error else future.result()


@lru_cache(maxsize=1)
def _work(packed: str) -> Work:
    return pickle.loads(Path(packed).read_bytes())


def _run(packed: str, task: Task, seconds: float) -> Outcome:
    return run_cell(_work(packed), task, seconds)
