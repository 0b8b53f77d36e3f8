"""Bends that compare channels with each other."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least


class Maxout(nn.Module):
    """The largest of k affine functions of the input, for every unit.

    Formula:
        y_i = max_j (x W_j + b_j)_i

    Shape:
        x: (*, features); y: (*, units).

    Args:
        features: of the input.
        units: of the output.
        pieces: k.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Convex and piecewise linear in x. Two units with as many pieces as it takes differ by any continuous function.
        One matrix product, k times as wide as that of a linear layer.

    References:
        Goodfellow, Warde-Farley, Mirza, Courville, Bengio (2013), Maxout Networks, arXiv:1302.4389.

    Examples:
        >>> Maxout(5, 3)(torch.randn(2, 5)).shape
        torch.Size([2, 3])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"features": 5, "units": 7, "pieces": 3}, (2, 3, 5)),)

    def __init__(
        self,
        features: int,
        units: int,
        pieces: int = 2,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.features, self.units = at_least(1, features=features), at_least(1, units=units)
        self.pieces = at_least(1, pieces=pieces)
        self.linear = nn.Linear(features, units * pieces, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The largest piece of every unit."""
        return self.linear(x).unflatten(-1, (self.units, self.pieces)).amax(-1)

    def __repr__(self) -> str:
        return f"Maxout({self.features}, {self.units}, {self.pieces})"


class GroupSort(nn.Module):
    """Channels sorted within groups of neighbours.

    Formula:
        y = the numbers of each group, rising

    Shape:
        x: (*), with a multiple of `group` channels along `dim`; y: the same.

    Args:
        group: channels in a group; 2 is OPLU, or MaxMin.
        dim: the axis of the channels.

    Behaviour:
        A permutation at every point: norms of values and of gradients are kept, and the Lipschitz constant is 1.
        |x| = max(x, -x), and with it ReLU, can be written by groups of 2.

    References:
        Anil, Lucas, Grosse (2018), Sorting out Lipschitz function approximation, arXiv:1811.05381.

    Examples:
        >>> GroupSort()(torch.tensor([[3.0, 1.0, 0.0, 2.0]]))
        tensor([[1., 3., 0., 2.]])
    """

    aliases: ClassVar[tuple[str, ...]] = ("max_min",)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (2, 6, 5)), Example({"group": 3, "dim": -1}, (2, 5, 6)))

    def __init__(self, group: int = 2, dim: int = 1) -> None:
        super().__init__()
        self.group, self.dim = at_least(1, group=group), dim

    def forward(self, x: Tensor) -> Tensor:
        """The channels, sorted group by group."""
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] % self.group:
            raise ArgumentError.of(
                "input", f"shape {tuple(x.shape)}", f"a multiple of {self.group} channels on axis {self.dim}"
            )
        axis = self.dim % x.ndim
        groups = x.unflatten(axis, (x.shape[axis] // self.group, self.group))
        if self.group == 2:
            one, other = groups.unbind(axis + 1)
            return torch.stack([torch.minimum(one, other), torch.maximum(one, other)], axis + 1).flatten(axis, axis + 1)
        return groups.sort(axis + 1).values.flatten(axis, axis + 1)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.group}, dim={self.dim}"


class CReLU(nn.Module):
    """The positive and the negative part side by side: nothing is lost.

    Formula:
        y = concat(relu(x), relu(-x))

    Shape:
        x: (*), with c channels along `dim`; y: the same with 2 c.

    Args:
        dim: the axis of the channels.

    Behaviour:
        Keeps the norm of its input. The first half less the second is the input.

    References:
        Shang, Sohn, Almeida, Lee (2016), Understanding and Improving Convolutional Neural Networks via Concatenated
        Rectified Linear Units, arXiv:1603.05201.

    Examples:
        >>> CReLU()(torch.tensor([[1.0, -2.0]]))
        tensor([[1., 0., 0., 2.]])
    """

    aliases: ClassVar[tuple[str, ...]] = ("crelu_concat",)
    examples: ClassVar[tuple[Example, ...]] = (Example(),)

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Both parts."""
        return torch.cat([x.relu(), (-x).relu()], self.dim)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"dim={self.dim}"
