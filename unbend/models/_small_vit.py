"""A small vision transformer, with a place for the bend under test."""

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import at_least
from unbend.data import Dataset

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


class _Patches(nn.Module):
    """A vector for each square of the image, and one for its place."""

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        channels, height, breadth = shape
        self.side = ceil(max(height, breadth) / MAP)
        rows, columns = ceil(height / self.side), ceil(breadth / self.side)
        self.fill = (0, columns * self.side - breadth, 0, rows * self.side - height)
        self.cut = nn.Conv2d(channels, width, self.side, self.side)
        self.place = nn.Parameter(0.02 * torch.randn(rows * columns, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.cut(F.pad(x, self.fill)).flatten(2).transpose(1, 2) + self.place


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
