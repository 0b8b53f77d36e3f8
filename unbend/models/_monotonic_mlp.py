"""A fully connected network, monotone in chosen inputs."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.layers import MonotonicLinear


class MonotonicMLP(nn.Module):
    """A network whose outputs rise, fall or are free in each of its inputs, as told.

    Formula:
        type 1: y = L(h_n), h_i = M(h_{i-1}), h_0 = x, the first M in the given directions, later ones rising
        type 2: as type 1, but h_0 = (x_monotone, E(x_free)), E a layer of its own with the bend of the others

    Shape:
        x: (*, in_features);  y: (*, out_features).

    Args:
        in_features: inputs.
        out_features: outputs.
        directions: 1, -1 or 0 for every input: the outputs rise in it, fall in it, or may do as they like.
        hidden: widths of the hidden layers.
        embed: width of the layer that only reads the free inputs (type 2); None for type 1.
        activation: base of the three bends: relu, elu or softplus.
        parts: shares of convex, concave and saturated units.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        The promise holds for any weights, in training and after it; see `MonotonicLinear`. With `parts=(1, 0, 0)` type
        1 is convex in all inputs together.

    Departures:
        The layer that reads the free inputs is a single one; in type 1 free inputs enter the first layer with weights
        of any sign.

    References:
        Runje, Shankaranarayana (2022), Constrained Monotonic Neural Networks, arXiv:2205.11775.

    Examples:
        >>> MonotonicMLP(3, 1, (1, 0, -1), (16, 16))(torch.zeros(5, 3)).shape
        torch.Size([5, 1])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"in_features": 5, "out_features": 3, "directions": (1, -1, 0, 1, 0), "hidden": (7, 11)}),
        Example({"in_features": 5, "out_features": 3, "directions": (1, -1, 0, 1, 0), "hidden": (7,), "embed": 2}),
    )

    def __init__(
        self,
        in_features: int,
        out_features: int,
        directions: Sequence[int],
        hidden: Sequence[int] = (32, 32),
        embed: int | None = None,
        activation: str = "relu",
        parts: tuple[float, float, float] = (7, 7, 2),
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = at_least(1, in_features=in_features), out_features
        self.directions, self.hidden, self.embed = tuple(directions), tuple(hidden), embed
        self.activation, self.parts = activation, parts
        if len(self.directions) != in_features:
            raise ArgumentError.of("directions", directions, f"{in_features} of 1, -1 and 0, one for each input")
        if not self.hidden:
            raise ArgumentError.of("hidden", hidden, "one width or more")
        free = [i for i, sign in enumerate(self.directions) if not sign]
        if embed is not None and not 0 < len(free) < in_features:
            raise ArgumentError.of("embed", embed, "None where all inputs are free, or none of them")

        def layer(fan_in: int, fan_out: int, directions: Sequence[int] | int, linear: bool = False) -> MonotonicLinear:
            bend = None if linear else activation
            return MonotonicLinear(fan_in, fan_out, directions, bend, parts, device=device, dtype=dtype)

        bound = [sign for sign in self.directions if sign]
        self._free, self._bound = free, [i for i, sign in enumerate(self.directions) if sign]
        self.free = layer(len(free), at_least(1, embed=embed), 0) if embed is not None else None
        first = self.directions if embed is None else (*bound, *(1,) * embed)
        widths = (len(first), *self.hidden)
        body = [layer(a, b, 1 if i else first) for i, (a, b) in enumerate(pairwise(widths))]
        self.body = nn.Sequential(*body, layer(widths[-1], at_least(1, out_features=out_features), 1, linear=True))

    def forward(self, x: Tensor) -> Tensor:
        if not x.dim() or x.shape[-1] != self.in_features:
            raise ArgumentError.of("x", tuple(x.shape), f"shape (*, {self.in_features})")
        if self.free is not None:
            x = torch.cat([x[..., self._bound], self.free(x[..., self._free])], -1)
        return self.body(x)

    def __repr__(self) -> str:
        return (
            f"MonotonicMLP({self.in_features}, {self.out_features}, {self.directions}, {self.hidden}, "
            f"embed={self.embed}, activation={self.activation!r}, parts={self.parts})"
        )
