"""The runner for a cluster: a cell is a Ray task, Ray repeats what a lost worker had, and this process writes."""

import pickle
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import cloudpickle

from unbend._errors import extra
from unbend.study._cell import THREADS, Ended, Limits, Outcome, Running, Task, Work, run_cell

# A worker that was lost is replaced twice before the cell itself is to blame.
_RETRIES = 2
# Beyond a cell's deadline: a worker may have to be started and to import torch first.
_GRACE = 60.0


def on_ray(address: str | None = None) -> Callable[..., Generator[Ended]]:
    """The runner that hands cells to a Ray cluster.

    Args:
        address: of the cluster, such as `ray://head:10001` or `auto`; without it, Ray starts on this machine alone.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    ray: Any = extra("ray", "cluster")

    def hand_out(work: Work, tasks: Iterable[Task], limits: Limits, log: Path | None = None) -> Generator[Ended]:
        ours = not ray.is_initialized()
        if ours:
            _start(ray, address, limits.jobs)
        try:
            yield from _Cluster(ray, work, limits).run(deque(tasks))
        finally:
            if ours:
                ray.shutdown()

    return hand_out


class _Cluster:
    """The tasks that a cluster runs for us."""

    def __init__(self, ray: Any, work: Work, limits: Limits) -> None:
        self._ray = ray
        self._limits = limits
        self._running: dict[Any, Running] = {}
        # As bytes: Ray would unpack it before the path of the worker is set.
        self._work = ray.put(cloudpickle.dumps(work))
        self._cell = ray.remote(num_cpus=1, max_retries=_RETRIES)(_in_worker)

    def run(self, waiting: deque[Task]) -> Generator[Ended]:
        at_once = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        try:
            while waiting or self._running:
                while waiting and len(self._running) < at_once and self._limits.left() > 0:
                    cell = self._limits.start(waiting.popleft())
                    self._running[self._cell.remote(self._work, sys.path, cell)] = cell
                if not self._running:
                    return
                done, _ = self._ray.wait(list(self._running), timeout=self._patience())
                if not done and self._limits.ends <= monotonic():
                    return
                for reference in done:
                    cell, outcome = self._running.pop(reference), self._outcome(reference)
                    if self._limits.counts(cell, outcome):
                        yield cell.task, outcome
                for reference in self._overdue():
                    self._ray.cancel(reference, force=True)
                    cell = self._running.pop(reference)
                    if self._limits.counts(cell, cell.too_long()):
                        yield cell.task, cell.too_long()
        finally:
            for reference in self._running:
                self._ray.cancel(reference, force=True)

    def _outcome(self, reference: Any) -> Outcome:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Outcome.broken("killed", type(error).__name__, str(error).strip().partition("\n")[0])

    def _overdue(self) -> list[Any]:
        return [reference for reference, cell in self._running.items() if cell.ends + _GRACE < monotonic()]

    def _patience(self) -> float | None:
        soonest = min([self._limits.ends, *(cell.ends + _GRACE for cell in self._running.values())])
        return None if soonest == float("inf") else max(0.0, soonest - monotonic())


def _start(ray: Any, address: str | None, jobs: int) -> None:
    where: dict[str, Any] = {"address": address} if address else {"num_cpus": jobs, "include_dashboard": False}
    ray.init(
        **where, log_to_driver=False, logging_level="ERROR",
        runtime_env={"env_vars": dict.fromkeys(THREADS, "1")},
    )  # fmt: skip


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> Work:
    return pickle.loads(packed)


def _in_worker(packed: bytes, path: list[str], cell: Running) -> Outcome:
    sys.path += [place for place in path if place not in sys.path]
    return run_cell(_unpacked(packed), cell.task, cell.seconds)
