"""Widths of a RegNet, the cost of a network from its widths, and the block that it is made of."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least
from unbend.layers import SqueezeExcite
from unbend.models._lambda_resnet_base import conv_norm


def regnet_widths(w_a: float, w_0: int, w_m: float, depth: int, q: int = 8) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Widths and depths of the stages of a RegNet: a straight line, made a staircase of few steps.

    Formula:
        u_j = w_0 + w_a j,  s_j = round(log(u_j / w_0) / log(w_m)),  j = 0, ..., depth - 1
        w_j = q round(w_0 w_m^s_j / q); blocks of equal width are a stage

    Args:
        w_a: slope, >= 0.
        w_0: width of the first block, a multiple of `q`.
        w_m: the ratio of widths of neighbouring stages, > 1, before they are rounded.
        depth: number of blocks.
        q: what widths are multiples of.

    Returns:
        Widths of the stages, rising, and how many blocks each has.

    References:
        Radosavovic, Kosaraju, Girshick, He, Dollár (2020), Designing Network Design Spaces, arXiv:2003.13678.

    Examples:
        >>> regnet_widths(36.44, 24, 2.49, 13)
        ((24, 56, 152, 368), (1, 1, 4, 7))
    """
    at_least(1, q=q)
    at_least(1, depth=depth)
    if w_a < 0:
        raise ArgumentError.of("w_a", w_a, "a number >= 0")
    if at_least(1, w_0=w_0) % q:
        raise ArgumentError.of("w_0", w_0, f"a multiple of {q}")
    if w_m <= 1:
        raise ArgumentError.of("w_m", w_m, "a number > 1")
    # numpy rounds halves to even, which the published tables rest on.
    steps = np.round(np.log((w_0 + w_a * np.arange(depth)) / w_0) / np.log(w_m))
    rows = (np.round(w_0 * w_m**steps / q) * q).astype(int)
    widths, depths = np.unique(rows, return_counts=True)
    return tuple(widths.tolist()), tuple(depths.tolist())


def compatible(width: int, bottleneck: float, group: int) -> tuple[int, int]:
    """Width and group width nearest to the given ones for which groups share the inner width evenly."""
    inner = max(1, int(width / bottleneck))
    group = min(group, inner)
    # Halves go to the even multiple, as they do in the released code.
    inner = max(group, round(inner / group) * group)
    return int(inner * bottleneck), group


def multiply_adds(plan: Mapping[str, Any], size: tuple[int, int], in_chans: int = 3, num_classes: int = 0) -> int:
    """Multiplications of the convolutions and the classifier of `AnyNet(**plan)`, for one image of this size.

    Counted from widths, so that a design space can be searched without building networks; squeeze-excite is left out.
    """
    stem, stride = plan.get("stem", 32), plan.get("stem_stride", 2)
    h, w = (ceil(side / stride) for side in size)
    total, before = 9 * in_chans * stem * h * w, stem
    stages = zip(plan["widths"], plan["depths"], plan["groups"], plan["bottlenecks"], plan["strides"])
    for width, depth, group, bottleneck, step in stages:
        inner = int(width / bottleneck)
        wide = h * w
        h, w = ceil(h / step), ceil(w / step)
        for block in range(depth):
            narrow = wide if block == 0 else h * w
            total += before * inner * narrow + (9 * inner * group + inner * width) * h * w
            total += before * width * h * w if block == 0 and (step > 1 or before != width) else 0
            before = width
    return total + before * num_classes


class RegNetBlock(nn.Module):
    """1x1, grouped 3x3, gate, 1x1, and the shortcut: what `AnyNet` documents."""

    def __init__(
        self,
        dim: int,
        width: int,
        *,
        stride: int,
        bottleneck: float,
        group: int,
        se: float,
        drop_path: float,
        place: dict[str, Any],
    ) -> None:
        super().__init__()
        inner = int(width / bottleneck)
        self.drop_path = drop_path
        self.reduce = conv_norm(dim, inner, **place)
        mix = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner // group, bias=False, **place)
        nn.init.kaiming_normal_(mix.weight, mode="fan_out", nonlinearity="relu")
        self.mix = nn.Sequential(mix, nn.BatchNorm2d(inner, **place), nn.ReLU())
        # The gate is as wide inside as a share of what comes into the block, not of its own channels.
        hidden = min(inner, max(1, round(dim * se)))
        self.gate = SqueezeExcite(inner, hidden / inner, **place) if se else nn.Identity()
        self.expand = conv_norm(inner, width, act=False, **place)
        same = stride == 1 and dim == width
        self.shortcut = nn.Identity() if same else conv_norm(dim, width, stride=stride, act=False, **place)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.expand(self.gate(self.mix(self.reduce(x))))
        if self.training and self.drop_path > 0:
            kept = branch.new_empty(len(branch), 1, 1, 1).bernoulli_(1 - self.drop_path)
            branch = branch * kept / (1 - self.drop_path)
        return F.relu(self.shortcut(x) + branch)


def each(name: str, value: int | float | Sequence[float], stages: int) -> tuple[float, ...]:
    """A number for each stage, from one or from as many as there are."""
    values = (value,) * stages if isinstance(value, int | float) else tuple(value)
    if len(values) != stages or not all(number > 0 for number in values):
        raise ArgumentError.of(name, value, f"a number > 0, or {stages} of them: one for each stage")
    return values
