"""Populations of networks, and how to compare them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any, Literal, cast, get_args

import torch
from torch import Generator, Tensor

from unbend._errors import ArgumentError, UnbendError, at_least, one_of
from unbend.models._regnet_base import compatible, multiply_adds, regnet_widths

Kind = Literal["A", "B", "C", "D", "E", "regnet"]

_TRIES = 100_000


def edf(errors: Sequence[float] | Tensor, at: Sequence[float] | Tensor) -> Tensor:
    """The share of a population whose error is below each of the numbers `at`.

    Formula:
        F(e) = #{i: e_i < e} / n

    Args:
        errors: of n sampled networks.
        at: where the function is asked for.

    Behaviour:
        The area above it is the mean error, so that of two populations the one with the lower mean error has the
        larger area below; they are the same where one lies above the other everywhere.

    References:
        Radosavovic, Kosaraju, Girshick, He, Dollár (2020), Designing Network Design Spaces, arXiv:2003.13678.

    Examples:
        >>> edf([0.1, 0.2, 0.4], [0.1, 0.3, 1.0])
        tensor([0.0000, 0.6667, 1.0000])
    """
    known, asked = torch.as_tensor(errors).double(), torch.as_tensor(at).double()
    if known.ndim != 1 or not len(known) or not known.isfinite().all():
        raise ArgumentError.of("errors", tuple(known.shape), "at least one finite number, and one axis")
    below = torch.searchsorted(known.sort().values, asked)
    return (below / len(known)).to(torch.get_default_dtype())


@dataclass(frozen=True)
class DesignSpace:
    """The networks that fit a description, to be drawn from at random.

    Formula:
        A: each stage has its depth, width, bottleneck and group width, all free
        B: A with one bottleneck;  C: B with one group width;  D: C with widths that rise;  E: D with depths that rise
        regnet: w_0, w_a, w_m and depth instead, one bottleneck and one group width

    Shape:
        a draw: `stages` numbers each of widths, depths, groups and bottlenecks.

    Args:
        kind: which of the six.
        stages: how many.
        depth: most blocks of a stage; a "regnet" has at most `stages` times as many.
        width: most channels, a multiple of 8; for a "regnet" a quarter of it bounds w_0 and w_a.
        bottlenecks: to choose from.
        groups: group widths to choose from.

    Behaviour:
        Depths, widths, group widths, w_0 and w_a are drawn evenly on a logarithmic scale, w_m between 1.5 and 3, and
        what has no `stages` stages or a width above `width` is drawn again. Each space holds the next, but for the
        line of "regnet", which lies in E where depths rise. Draws come from torch's generator.

    References:
        Radosavovic, Kosaraju, Girshick, He, Dollár (2020), Designing Network Design Spaces, arXiv:2003.13678.

    Examples:
        >>> plan = DesignSpace("D", stages=3, width=64).sample(torch.Generator().manual_seed(0))
        >>> plan["widths"] == tuple(sorted(plan["widths"]))
        True
    """

    kind: Kind
    stages: int = 4
    depth: int = 16
    width: int = 1024
    bottlenecks: tuple[float, ...] = (1.0, 2.0, 4.0)
    groups: tuple[int, ...] = (1, 2, 4, 8, 16, 32)

    def __post_init__(self) -> None:
        one_of(get_args(Kind), kind=cast(str, self.kind))
        at_least(1, stages=self.stages)
        at_least(1, depth=self.depth)
        if at_least(8, width=self.width) % 8:
            raise ArgumentError.of("width", self.width, "a multiple of 8")
        for name, options in (("bottlenecks", self.bottlenecks), ("groups", self.groups)):
            if not options or min(options) <= 0:
                raise ArgumentError.of(name, options, "at least one number > 0")

    def sample(self, generator: Generator | None = None) -> dict[str, Any]:
        """Draw a network: `widths`, `depths`, `groups` and `bottlenecks`, which `AnyNet` takes as they are."""
        draw = _Draw(generator)
        for _ in range(_TRIES):
            plan = self._line(draw) if self.kind == "regnet" else self._stages(draw)
            if plan is not None:
                return plan
        raise UnbendError(f"{self}: none of {_TRIES} draws fits; widen it")

    def sample_within(
        self,
        least: float,
        most: float,
        size: tuple[int, int],
        generator: Generator | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Draw until the network takes from `least` to `most` multiplications for an image of `size`.

        Args:
            least: of the multiplications of convolutions and classifier.
            most: of them.
            size: (H, W).
            generator: where the draws come from.
            options: `strides`, `stem`, `stem_stride`, `in_chans` and `num_classes`, as `AnyNet` will be given them.
        """
        other = {name: value for name, value in options.items() if name in ("in_chans", "num_classes")}
        fixed = {"strides": (2,) * self.stages, **{n: v for n, v in options.items() if n not in other}}
        for _ in range(_TRIES):
            plan = self.sample(generator)
            if least <= multiply_adds({**plan, **fixed}, size, **other) <= most:
                return plan
        raise UnbendError(f"{self}: none of {_TRIES} draws takes from {least:g} to {most:g} multiplications")

    def _stages(self, draw: "_Draw") -> dict[str, Any]:
        n, kind = self.stages, self.kind
        depths = [draw.whole(1, self.depth) for _ in range(n)]
        widths = [8 * draw.whole(1, self.width // 8) for _ in range(n)]
        bottlenecks = [draw.choice(self.bottlenecks) for _ in range(n)]
        groups = [int(draw.choice(self.groups)) for _ in range(n)]
        if kind != "A":
            bottlenecks = bottlenecks[:1] * n
        if kind in "CDE":
            groups = groups[:1] * n
        # Sorting a free draw is drawing among those that are sorted.
        return _fitted(
            sorted(widths) if kind in "DE" else widths, sorted(depths) if kind == "E" else depths, groups, bottlenecks
        )

    def _line(self, draw: "_Draw") -> dict[str, Any] | None:
        w_0 = 8 * draw.whole(1, max(1, self.width // 32))
        w_a = draw.log(1.0, max(2.0, self.width / 4))
        widths, depths = regnet_widths(w_a, w_0, draw.log(1.5, 3.0), draw.whole(self.stages, self.stages * self.depth))
        group, bottleneck = int(draw.choice(self.groups)), draw.choice(self.bottlenecks)
        if len(widths) != self.stages or max(widths) > self.width or max(depths) > self.depth:
            return None
        return _fitted(widths, depths, [group] * self.stages, [bottleneck] * self.stages)


def _fitted(
    widths: Sequence[int], depths: Sequence[int], groups: Sequence[int], bottlenecks: Sequence[float]
) -> dict[str, Any]:
    fitted = [compatible(*stage) for stage in zip(widths, bottlenecks, groups)]
    return {
        "widths": tuple(width for width, _ in fitted),
        "depths": tuple(depths),
        "groups": tuple(group for _, group in fitted),
        "bottlenecks": tuple(bottlenecks),
    }


class _Draw:
    """Random numbers from torch's generator."""

    def __init__(self, generator: Generator | None) -> None:
        self.generator = generator

    def even(self) -> float:
        return float(torch.rand((), generator=self.generator, dtype=torch.float64, device="cpu"))

    def log(self, low: float, high: float) -> float:
        return low * (high / low) ** self.even()

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, evenly by its logarithm."""
        top = log(high + 1) - log(low)
        return min(high, int(low * exp(top * self.even())))

    def choice(self, options: Sequence[float]) -> float:
        return options[min(len(options) - 1, int(len(options) * self.even()))]
