"""A small vision transformer, with a place for the bend under test."""

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import at_least
from unbend.data import Dataset
from unbend.models._small_block_base import MixerBlock, stream_width

HEADS, MAP = 4, 4


def small_vit(make: Callable[..., nn.Module], data: Dataset, width: int = 32) -> nn.Module:
    """A transformer of two blocks over at most 16 patches of an image; `make()` gives the bend of each block.

    Args:
        make: called without arguments, once for each of the two blocks.
        data: images `(c, H, W)`, cut into squares so that at most 4 x 4 remain; the edge is filled up with zeros.
        width: of the residual stream; four heads share the multiple of four just below it, or are one wide each.

    Examples:
        >>> from unbend.data import load
        >>> small_vit(nn.ReLU, load("digits"))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """
    at_least(1, width=width)
    blocks = [_Block(width, make()) for _ in range(2)]
    return nn.Sequential(
        _Patches(data.shape, width), *blocks, nn.LayerNorm(width), _Mean(), nn.Linear(width, data.outputs)
    )


def small_mixer_vit(
    make: Callable[..., nn.Module],
    data: Dataset,
    width: int = 32,
    *,
    stream: int | None = None,
    grid: int = 8,
    places: bool = True,
    blocks: int = 2,
) -> nn.Module:
    """A vision transformer whose mixers are what `make(width, (rows, columns))` gives, for a stream `(b, t, width)`.

    The tokens are the patches row after row, `t = rows * columns`. With `stream` the residual stream, and so the
    mixers, keep that width, while `width` is a quarter of the inner width of the feed-forward layers: so arms of unlike
    mixers are matched in small steps.

    Args:
        make: called with the width of the stream and the grid of the patches, once for each block.
        data: images `(c, H, W)`, cut into squares so that at most `grid` by `grid` remain.
        width: of the residual stream, at or just above a multiple of four, which it is rounded down to.
        stream: the width of the residual stream where it is not to follow `width`.
        grid: the most patches along a side.
        places: whether a vector for its place is added to each patch.
        blocks: how many.

    Examples:
        >>> from unbend.data import load
        >>> small_mixer_vit(lambda width, grid: nn.Linear(width, width), load("digits"))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """
    at_least(1, width=width)
    inside = stream_width(width, stream)
    patches = _Patches(data.shape, inside, at_least(1, grid=grid), places)
    body = [MixerBlock(make(inside, patches.grid), inside, 4 * width) for _ in range(at_least(1, blocks=blocks))]
    return nn.Sequential(patches, *body, nn.LayerNorm(inside), _Mean(), nn.Linear(inside, data.outputs))


class _Patches(nn.Module):
    """A vector for each square of the image, and one for its place."""

    def __init__(self, shape: tuple[int, ...], width: int, most: int = MAP, places: bool = True) -> None:
        super().__init__()
        channels, height, breadth = shape
        self.side = ceil(max(height, breadth) / most)
        self.grid = rows, columns = ceil(height / self.side), ceil(breadth / self.side)
        self.fill = (0, columns * self.side - breadth, 0, rows * self.side - height)
        self.cut = nn.Conv2d(channels, width, self.side, self.side)
        self.place = nn.Parameter(0.02 * torch.randn(rows * columns, width)) if places else None

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.cut(F.pad(x, self.fill)).flatten(2).transpose(1, 2)
        return tokens if self.place is None else tokens + self.place


class _Block(nn.Module):
    """Attention among all patches, then a layer four times as wide."""

    def __init__(self, width: int, bend: nn.Module) -> None:
        super().__init__()
        inner = HEADS * max(width // HEADS, 1)
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * inner)
        self.collect = nn.Linear(inner, width)
        self.wide = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), bend, nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, k, v = self.project(self.norm(x)).view(b, n, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v)
        x = x + self.collect(seen.transpose(1, 2).flatten(2))
        return x + self.wide(x)


class _Mean(nn.Module):
    """The mean over the patches."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)
