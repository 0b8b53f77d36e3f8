"""Channel weights read from the whole map."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least


class SqueezeExcite(nn.Module):
    """Squeeze and excitation: scale each channel by a gate that reads the mean of every channel.

    Formula:
        z = mean_{H, W}(x)
        y = x * sigmoid(W2 relu(W1 z + b1) + b2)

    Shape:
        x: (b, dim, *), at least one axis after the channels;  y: as x.

    Args:
        dim: channels.
        ratio: width of the hidden layer over `dim`, in (0, 1]; the width is rounded, and at least 1.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Adds 2 dim hidden + hidden + dim parameters; two maps of memory traffic, no mixing of positions other than by
        their mean. The mean of a half precision map is taken in float32. Equivariant to permutations of the positions.

    Departures:
        The ratio is that of hidden to outer width (0.25), where the paper speaks of its inverse (16).

    References:
        Hu, Shen, Albanie, Sun, Wu (2017), Squeeze-and-Excitation Networks, arXiv:1709.01507.

    Examples:
        >>> SqueezeExcite(8)(torch.randn(2, 8, 5, 7)).shape
        torch.Size([2, 8, 5, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 11, "ratio": 0.5}, (2, 11, 5, 7)),
        Example({"dim": 13}, (2, 13, 7)),
    )

    def __init__(
        self,
        dim: int,
        ratio: float = 0.25,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not 0 < ratio <= 1:
            raise ArgumentError.of("ratio", ratio, "a number in (0, 1]")
        self.dim = at_least(1, dim=dim)
        self.ratio = ratio
        hidden = max(1, round(dim * ratio))
        self.squeeze = nn.Linear(dim, hidden, device=device, dtype=dtype)
        self.excite = nn.Linear(hidden, dim, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() < 3 or x.shape[1] != self.dim:
            raise ArgumentError.of("x", tuple(x.shape), f"shape (b, {self.dim}, *)")
        gate = self.excite(F.relu(self.squeeze(x.flatten(2).mean(-1)))).sigmoid()
        return x * gate.reshape(*gate.shape, *(1,) * (x.dim() - 2))

    def __repr__(self) -> str:
        return f"SqueezeExcite({self.dim}, ratio={self.ratio})"
