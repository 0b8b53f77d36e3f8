"""A signal without its mean."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example


class RemoveDC(nn.Module):
    """Subtract the mean over the axes of time or space: what global average pooling would read is gone.

    Formula:
        y = x - mean_dim(x)

    Shape:
        x: (b, *);  y: as x.

    Args:
        dim: the axis, or axes, of time or space.

    Behaviour:
        A projection: applied twice it does what it does once, and the mean of its output is 0. After a rectifier it
        takes away the constant that grows with the amplitude of the input. Half precision is averaged in float32.

    References:
        Kechris, Dan, Miranda, Atienza (2024), DC is all you need, arXiv:2407.16556.

    Examples:
        >>> RemoveDC()(torch.tensor([[1.0, 2.0, 6.0]]))
        tensor([[-2., -1.,  3.]])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example(), Example({"dim": (2, 3)}, (2, 3, 5, 7)))

    def __init__(self, dim: int | tuple[int, ...] = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """`x` less its mean."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return (wide - wide.mean(self.dim, keepdim=True)).to(x.dtype)

    def extra_repr(self) -> str:
        return "" if self.dim == -1 else f"dim={self.dim!r}"
