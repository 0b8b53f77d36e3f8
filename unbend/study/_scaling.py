"""A trial without training: how the cost of a mixer of images grows with the number of pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least
from unbend.data import Dataset
from unbend.study._cost import PeakMemory, count_operations
from unbend.study._spec import Cell, Metric

OPERATIONS_EXPONENT = Metric("operations_exponent", "lower")
PEAK_EXPONENT = Metric("peak_exponent", "lower")
MS_EXPONENT = Metric("ms_exponent", "lower", timing=True)
LOG2_PEAK_BYTES = Metric("log2_peak_bytes", "lower", unit="log2 B")
MS = Metric("ms", "lower", unit="ms", timing=True)


@dataclass(frozen=True)
class Scaling:
    """Measure one mixer, forth and back, on maps of several sizes.

    The arm is called as `arm(channels, (side, side))`. The images of the cell's data, resized, are spread over the
    channels by random weights.

    A cell gives: `operations_exponent`, `peak_exponent` and `ms_exponent`, the slopes of log cost over log pixels, for
    counted operations of the way forth, peak memory and time of both ways; at the largest map `operations` for one
    image, `log2_peak_bytes` and `ms` for the batch. All but the times are counted, and the same for every seed.

    Args:
        sides: of the maps, in pixels; at least two.
        channels: of the maps.
        batch: images at once.
        repeats: the time is the least of so many runs.
    """

    sides: tuple[int, ...] = (16, 24, 32)
    channels: int = 32
    batch: int = 8
    repeats: int = 3

    def __post_init__(self) -> None:
        at_least(1, repeats=self.repeats)
        if len(set(self.sides)) < 2:
            raise ArgumentError.of("sides", self.sides, "at least two different ones")

    def __call__(self, cell: Cell) -> dict[str, float]:
        data: Dataset = cell.data
        operations, peaks, seconds = list[float](), list[float](), list[float]()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(cell.seed)
            for side in self.sides:
                cell.check_deadline()
                x = self._maps(data.train[0][: self.batch], side)
                mixer: nn.Module = cell.arm(self.channels, (side, side))
                cost = count_operations(mixer, x)
                if cost.uncounted:
                    raise ArgumentError.of(f"arm {cell.name}", f"{', '.join(cost.uncounted)}", "operators with a price")
                operations.append(cost.total / len(x))
                with PeakMemory() as peak:
                    _there_and_back(mixer, x)
                peaks.append(peak.bytes)
                seconds.append(min(_there_and_back(mixer, x) for _ in range(self.repeats)))
        pixels = [side**2 for side in self.sides]
        return {
            "operations_exponent": slope(pixels, operations),
            "peak_exponent": slope(pixels, peaks),
            "ms_exponent": slope(pixels, seconds),
            "operations": operations[-1],
            "log2_peak_bytes": math.log2(peaks[-1]),
            "ms": 1e3 * seconds[-1],
        }

    def _maps(self, images: Tensor, side: int) -> Tensor:
        images = F.interpolate(images, size=(side, side), mode="bilinear")
        return F.conv2d(images, torch.randn(self.channels, images.shape[1], 1, 1)).requires_grad_()


def scaling(
    sides: Sequence[int] = Scaling.sides,
    *,
    channels: int = Scaling.channels,
    batch: int = Scaling.batch,
    repeats: int = Scaling.repeats,
) -> Scaling:
    """A trial that measures how a mixer's operations, memory and time grow with the pixels; see `Scaling`."""
    return Scaling(tuple(sides), channels, batch, repeats)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of log `y` over log `x` by least squares: the exponent of a power law.

    Examples:
        >>> round(slope([2, 3, 5], [4, 9, 25]), 6)
        2.0
    """
    logs = [(math.log(a), math.log(b)) for a, b in zip(x, y, strict=True)]
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs))
    return sum((a - mean_x) * (b - mean_y) for a, b in logs) / sum((a - mean_x) ** 2 for a, _ in logs)


def _there_and_back(mixer: nn.Module, x: Tensor) -> float:
    """Seconds for the output and the gradients of one batch."""
    start = perf_counter()
    mixer(x).square().mean().backward()
    return perf_counter() - start
