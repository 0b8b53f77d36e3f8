"""What mixers of the patches of an image share: the grid that the tokens are of, and convolutions over it."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least

Size = tuple[int, int]


def grid(size: Sequence[int]) -> Size:
    """Rows and columns, checked."""
    if len(size) != 2:
        raise ArgumentError.of("size", tuple(size), "rows and columns")
    rows, columns = (at_least(1, size=side) for side in size)
    return rows, columns


def check_tokens(x: Tensor, size: Size) -> None:
    """Raise unless the tokens of `x`, (b, t, d), fill the grid row after row."""
    rows, columns = size
    if x.ndim != 3 or x.shape[1] != rows * columns:
        raise ArgumentError.of("x", f"shape {tuple(x.shape)}", f"(b, {rows * columns}, d), the tokens of size={size}")


def depthwise(x: Tensor, size: Size, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each channel of `x`, (b, c, t), convolved over the grid with its own kernel of `weight`, (c, 1, k, k), k odd."""
    maps = x.unflatten(-1, size)
    bias = None if bias is None else bias.to(x.dtype)
    y = F.conv2d(maps, weight.to(x.dtype), bias, padding=weight.shape[-1] // 2, groups=len(weight))
    return y.flatten(-2)


def odd(**value: int) -> int:
    """Return the one keyword value if it is an odd whole number >= 1."""
    ((name, number),) = value.items()
    if at_least(1, **value) % 2 == 0:
        raise ArgumentError.of(name, number, "an odd whole number")
    return number
