"""Small networks for studies on two cores, each with a place for the thing under test."""

from collections.abc import Callable
from math import ceil, prod
from typing import Any

from torch import Tensor, nn

from unbend._errors import at_least
from unbend.data import Dataset
from unbend.layers import SqueezeExcite

Make = Callable[..., nn.Module]

_MAP, _STEM = 8, 16


def small_mlp(make: Make, data: Dataset, width: int = 64) -> nn.Module:
    """A residual network of fully connected layers; `make()` gives each of its bends.

    Args:
        make: called without arguments, once for each of the two blocks.
        data: for the numbers of inputs and outputs.
        width: of the residual stream; the blocks are twice as wide inside.

    Examples:
        >>> import torch
        >>> from unbend.data import load
        >>> small_mlp(nn.ReLU, load("digits"))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """
    at_least(1, width=width)
    blocks = [
        _Residual(nn.LayerNorm(width), nn.Linear(width, 2 * width), make(), nn.Linear(2 * width, width))
        for _ in range(2)
    ]
    head = nn.LayerNorm(width), nn.Linear(width, data.outputs)
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(data.shape), width), *blocks, *head)


def small_cnn(make: Make, data: Dataset, width: int = 16) -> nn.Module:
    """A residual convolutional network for images; `make()` gives each of its bends.

    Args:
        make: called without arguments, once for each of the five places of a bend.
        data: images `(c, H, W)` of any size.
        width: channels at full resolution; after each of the two halvings there are twice as many.

    Examples:
        >>> import torch
        >>> from unbend.data import load
        >>> small_cnn(nn.ReLU, load("digits"))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """
    at_least(1, width=width)

    def block(c: int) -> nn.Module:
        return _Residual(convolution(c), nn.BatchNorm2d(c), make(), convolution(c), nn.BatchNorm2d(c))

    def halve(c: int) -> list[nn.Module]:
        return [nn.Conv2d(c, 2 * c, 3, 2, 1, bias=False), nn.BatchNorm2d(2 * c), make()]

    stem = nn.Conv2d(data.shape[0], width, 3, padding=1, bias=False), nn.BatchNorm2d(width), make()
    body = *halve(width), block(2 * width), *halve(2 * width), block(4 * width)
    return nn.Sequential(*stem, *body, *_pooled(4 * width, data.outputs))


def small_bottleneck(make: Make, data: Dataset, width: int = 32, blocks: int = 2) -> nn.Module:
    """A residual bottleneck network for images; `make(channels, size)` takes the place of its 3 x 3 convolutions.

    A convolution to 16 channels and a maximum over squares bring the image to a map of at most 8 x 8; then every block
    narrows to half the width, mixes positions, and widens again. The narrow part is a multiple of four, so that mixers
    of four heads fit. As the width grows, it grows in one block after the other, so that the cost moves in small steps.

    Args:
        make: called with the channels and the size `(H, W)` of the map, once for each block.
        data: images `(c, H, W)`.
        width: channels of the residual stream.
        blocks: how many.

    Examples:
        >>> import torch
        >>> from unbend.data import load
        >>> from unbend.mixers import RelativeAttention2d
        >>> small_bottleneck(RelativeAttention2d, load("digits"))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """
    channels, height, breadth = data.shape
    stride = ceil(max(height, breadth) / _MAP)
    size = ceil(height / stride), ceil(breadth / stride)
    inner = [max((width + 8 * i // blocks) // 8, 1) * 4 for i in range(blocks)]
    stem = nn.Conv2d(channels, _STEM, 3, padding=1, bias=False), nn.BatchNorm2d(_STEM), nn.ReLU()
    widen = nn.Conv2d(_STEM, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    pool = nn.MaxPool2d(stride, ceil_mode=True)
    body = [_bottleneck(make(narrow, size), width, narrow) for narrow in inner]
    return nn.Sequential(*stem, pool, *widen, *body, *_pooled(width, data.outputs))


def any_size(channels: int, size: tuple[int, int], mixer: Make, **settings: Any) -> nn.Module:
    """Make a mixer that takes maps of any size, where others want to know it: `mixer(channels, **settings)`.

    Examples:
        >>> any_size(8, (5, 7), convolution)
        Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
    """
    return mixer(channels, **settings)


def convolution(channels: int) -> nn.Module:
    """The 3 x 3 convolution that a bottleneck has as a rule."""
    return nn.Conv2d(channels, channels, 3, padding=1, bias=False)


def excited_convolution(channels: int, ratio: float = 0.25) -> nn.Module:
    """The same, its channels then scaled by squeeze-and-excitation."""
    return nn.Sequential(convolution(channels), SqueezeExcite(channels, ratio))


def _bottleneck(mixer: nn.Module, width: int, inner: int) -> nn.Module:
    last = nn.BatchNorm2d(width)
    # The block begins as the identity.
    nn.init.zeros_(last.weight)
    narrow = nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU()
    widen = nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, width, 1, bias=False), last
    return nn.Sequential(_Residual(*narrow, mixer, *widen), nn.ReLU())


def _pooled(width: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, outputs)


class _Residual(nn.Module):
    """`x + body(x)`."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
