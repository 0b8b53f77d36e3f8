"""Time two sides in one process, their peak memory in a process each, and print or record the ratios."""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from unbend.study._environment import environment
from unbend.study._ledger import benchmarks, results_folder, save_benchmark

Call = Callable[[], object]
# What a script measures: by peer and item, and whether to check first that both give the same, the two calls.
Sides = Callable[[str, str, bool], tuple[Call, Call]]


@dataclass
class Row:
    """Medians of one item; `ratio` is the median over rounds of the peer's time by ours, memory what the peak adds."""

    peer: str
    item: str
    ratio: float
    ours_ms: float
    peer_ms: float
    ours_mb: float
    peer_mb: float


def time_both(ours: Call, theirs: Call, seconds: float = 3.0) -> tuple[float, float, float]:
    """Median milliseconds of either side and of their ratio, the sides taking turns in changing order."""
    for side in (ours, theirs, ours, theirs):
        side()
    took: list[dict[Call, float]] = []
    end = perf_counter() + seconds
    while len(took) < 9 or (perf_counter() < end and len(took) < 200):
        order = (ours, theirs) if len(took) % 2 else (theirs, ours)
        took.append({side: _milliseconds(side) for side in order})
    return (
        median(t[theirs] / t[ours] for t in took),
        median(t[ours] for t in took),
        median(t[theirs] for t in took),
    )


def _milliseconds(side: Call) -> float:
    start = perf_counter()
    side()
    return 1e3 * (perf_counter() - start)


def main(paper: str, peers: Mapping[str, bool], items: list[str], sides: Sides) -> None:
    """Run a script: a table of every peer that is installed (`peers[name]`) and every item; `--record` keeps it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true", help="write the rows into results/")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0, help="time spent on one item")
    parser.add_argument("--only", default="", help="items whose name holds this text")
    parser.add_argument("--peak", nargs=3, metavar=("PEER", "ITEM", "SIDE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        peer, item, side = options.peak
        print(_peak(sides(peer, item, False)[side == "peer"]))
        return
    for name in (name for name, present in peers.items() if not present):
        print(f"{name} does not import here: left out", file=sys.stderr)
    rows = [
        _row(peer, item, sides, options)
        for peer in (name for name, present in peers.items() if present)
        for item in items
        if options.only in item
    ]
    _show(rows, options.threads)
    if options.record:
        measured = {row.peer for row in rows}
        kept = [row for row in benchmarks().get(paper, []) if row["peer"] not in measured]
        where = {**environment(), "threads": str(options.threads)}
        print(save_benchmark(paper, kept + [asdict(row) for row in rows], where, results_folder()))


def forward(module: nn.Module, x: Tensor) -> Call:
    """A call without gradients."""

    def call() -> None:
        with torch.no_grad():
            module(x)

    return call


def forward_backward(module: nn.Module, x: Tensor, weight: Tensor) -> Call:
    """Output, and gradients by the input and by every parameter that learns."""
    wanted = [x, *(p for p in module.parameters() if p.requires_grad)]
    return lambda: torch.autograd.grad(module(x), wanted, weight, allow_unused=True)


def of_run(run: str, pair: tuple[nn.Module, nn.Module], x: Tensor, weight: Tensor) -> tuple[Call, Call]:
    """The calls of two modules for "forward" or "forward+backward"."""
    if run == "forward":
        return forward(pair[0], x), forward(pair[1], x)
    return forward_backward(pair[0], x, weight), forward_backward(pair[1], x, weight)


def same(item: str, pair: tuple[nn.Module, nn.Module], x: Tensor, weight: Tensor, tolerance: float) -> None:
    """Stop where outputs or input gradients of two modules differ by more than a share of their largest."""
    found = [(y.detach(), *torch.autograd.grad(y, x, weight)) for y in (module(x) for module in pair)]
    for one, other in zip(*found):
        if not torch.allclose(one, other, rtol=0, atol=tolerance * float(other.abs().max())):
            raise SystemExit(f"{item}: the two differ by {float((one - other).abs().max())}; nothing is timed")


def imports(module: str) -> bool:
    """Whether a peer is there and can be used."""
    try:
        import_module(module)
    except Exception:  # timm beside a torchvision of another torch fails with more than an ImportError
        return False
    return True


def _row(peer: str, item: str, sides: Sides, options: argparse.Namespace) -> Row:
    ratio, ours, theirs = time_both(*sides(peer, item, True), options.seconds)
    command = [sys.executable, sys.argv[0], "--threads", str(options.threads), "--peak", peer, item]
    peaks = [
        float(subprocess.run([*command, side], capture_output=True, text=True, check=True).stdout.split()[-1])
        for side in ("ours", "peer")
    ]
    return Row(peer, item, *(float(f"{number:.3g}") for number in (ratio, ours, theirs, *peaks)))


def _peak(call: Call) -> float:
    """Megabytes by which three calls raise the peak of this process's resident memory above what it holds before."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    for _ in range(3):
        call()
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found.group(1))


def _show(rows: list[Row], threads: int) -> None:
    table = Table("peer", "item", "ours ms", "peer ms", "ratio", "ours MB", "peer MB", title=f"{threads} threads")
    for r in rows:
        table.add_row(r.peer, r.item, *(f"{n:.3g}" for n in (r.ours_ms, r.peer_ms, r.ratio, r.ours_mb, r.peer_mb)))
    Console(width=120).print(table)
    for peer in dict.fromkeys(row.peer for row in rows):
        ratios = [row.ratio for row in rows if row.peer == peer]
        print(f"{peer}: {median(ratios):.3g} times as fast in the median, {min(ratios):.3g} at least")
