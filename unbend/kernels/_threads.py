"""Rows of a compiled loop, shared among the threads that torch may use."""

from collections.abc import Callable
from itertools import pairwise
from threading import Thread

import torch


def in_parts(run: Callable[[int, int], object], rows: int, work: int, least: int = 1 << 15) -> None:
    """Call `run(first, last)` on equal parts of `range(rows)`, one part to a thread of torch.

    The threads live for this call only, so that a process may fork. `run` is to release the interpreter's lock.

    Args:
        run: does the rows from `first` up to `last`.
        rows: how many there are.
        work: numbers to be computed in all.
        least: numbers in a part for which a thread is worth its start.
    """
    parts = max(1, min(torch.get_num_threads(), rows, work // least))
    ends = [rows * part // parts for part in range(parts + 1)]
    threads = [Thread(target=run, args=span) for span in pairwise(ends[1:])]
    for thread in threads:
        thread.start()
    run(ends[0], ends[1])
    for thread in threads:
        thread.join()
