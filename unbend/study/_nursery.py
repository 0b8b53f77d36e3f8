"""The fork server's side of the local runner: one clean process that has imported torch, and a child of it per cell."""

import ctypes
import faulthandler
import os
import pickle
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, Pipe, wait
from time import monotonic

from unbend.study._cell import Outcome, Running, Work, run_cell

# A cell that does not look at its deadline gets this much longer, then its process is ended.
GRACE = 2.0
_POLL = 0.5


@dataclass(frozen=True)
class _Child:
    """A process, the cell that it runs, and where it says what came of it."""

    process: int
    cell: Running
    link: Connection

    def left(self) -> float:
        return self.cell.ends + GRACE - monotonic()


def serve(descriptor: int) -> None:
    """Receive the work, then tasks; send back each with its outcome. Ends when the other side closes the link."""
    # Ctrl-C reaches every process of the terminal; only the one that writes the store decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    link = Connection(descriptor)
    with suppress(EOFError, ConnectionError):
        try:
            import torch

            # Before anything computes: a process that has started threads cannot be forked safely.
            torch.set_num_threads(1)
            work: Work = pickle.loads(link.recv_bytes())
            # An optimiser imports this at its first step, which costs a second: once here, not in every cell.
            if "unbend.study._train" in sys.modules:
                import_module("torch._dynamo")
        except Exception as error:
            link.send("".join(traceback.format_exception(error)))
            return
        link.send(None)
        _Nursery(link, work).run()
    # At once: what torch and Python would put in order at their end is of no use to anyone.
    os._exit(0)


class _Nursery:
    """The running children, and what becomes of them."""

    def __init__(self, link: Connection, work: Work) -> None:
        self._link = link
        self._work = work
        self._children: dict[int, _Child] = {}

    def run(self) -> None:
        try:
            while True:
                self._wait()
                for child in list(self._children.values()):
                    self._look_at(child)
        finally:
            for child in self._children.values():
                _end(child.process)

    def _wait(self) -> None:
        """Until a child reports, a deadline passes or a task comes; start the task."""
        children = self._children.values()
        soonest = min((child.left() for child in children), default=None)
        # A child that died and left a process behind does not show on its link: hence the poll.
        timeout = None if soonest is None else max(0.0, min(soonest, _POLL))
        if self._link in wait([self._link, *(child.link for child in children)], timeout):
            self._start(self._link.recv())

    def _start(self, cell: Running) -> None:
        reader, writer = Pipe(duplex=False)
        process = os.fork()
        if not process:
            self._be_child(writer, cell)
        writer.close()
        with suppress(OSError):
            os.setpgid(process, process)
        self._children[process] = _Child(process, cell, reader)

    def _be_child(self, writer: Connection, cell: Running) -> None:
        code = 70
        try:
            # A group of its own, so that what it starts ends with it.
            os.setpgid(0, 0)
            _die_with_parent()
            self._link.close()
            outcome = run_cell(self._work, cell.task, cell.seconds)
            sys.stdout.flush()
            sys.stderr.flush()
            writer.send(outcome)
            code = 0
        finally:
            os._exit(code)

    def _look_at(self, child: _Child) -> None:
        outcome = None
        if child.link.poll():
            with suppress(EOFError, OSError):
                outcome = child.link.recv()
        if outcome is None:
            ended, status = os.waitpid(child.process, os.WNOHANG)
            if ended:
                outcome = Outcome.broken("killed", "Killed", _how_it_ended(status))
            elif child.left() < 0:
                outcome = child.cell.too_long()
            else:
                return
        _end(child.process)
        child.link.close()
        del self._children[child.process]
        self._link.send((child.cell.task, outcome))


def _end(process: int) -> None:
    """End a child and whatever it started."""
    with suppress(OSError):
        os.killpg(process, signal.SIGKILL)
    with suppress(OSError):
        os.waitpid(process, 0)


def _how_it_ended(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return f"its process ended with exit code {os.waitstatus_to_exitcode(status)} and no result"
    name = signal.Signals(os.WTERMSIG(status)).name
    return f"its process was ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _die_with_parent() -> None:
    """Where the system can, end this process when its parent ends."""
    if sys.platform == "linux":
        parent_death_signal = 1
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
