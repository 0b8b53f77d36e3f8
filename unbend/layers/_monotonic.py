"""A linear layer and three bends that make a network monotone in the inputs that are to be so."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of

Directions = int | Sequence[int]
Parts = tuple[float, float, float]

_SOFTPLUS_0 = 0.6931471805599453

# Convex, growing, zero at zero and bounded below: what the construction asks of a base.
_BASES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "elu": F.elu,
    "softplus": lambda x: F.softplus(x) - _SOFTPLUS_0,
}


def three_way(x: Tensor, base: str = "relu", parts: Parts = (7, 7, 2)) -> Tensor:
    """Bend the first units of the last axis convexly, the next concavely, and saturate the rest.

    Formula:
        convex = r(x)
        concave = -r(-x)
        saturated = r(x + 1) - r(1) for x < 0, r(1) - r(1 - x) otherwise

    Args:
        x: shape (*, units).
        base: r, one of relu, elu, softplus (less log 2).
        parts: shares of convex, concave and saturated units; the first two are rounded.

    References:
        Runje, Shankaranarayana (2022), Constrained Monotonic Neural Networks, arXiv:2205.11775.

    Examples:
        >>> three_way(torch.tensor([-3.0, -3.0, -3.0]), parts=(1, 1, 1))
        tensor([ 0., -3., -1.])
    """
    r = _BASES[one_of(_BASES, base=base)]
    convex, concave = _split(parts, x.shape[-1])
    up, down, flat = x.tensor_split([convex, convex + concave], -1)
    # Where one side counts the other's argument stays at zero, so that neither can overflow into the other.
    below, above = r(flat.clamp(max=0) + 1), r(1 - flat.clamp(min=0))
    return torch.cat([r(up), -r(-down), below - above], -1)


class MonotonicLinear(nn.Module):
    """A linear layer, monotone in chosen inputs, and its three bends.

    Formula:
        W' = |W| where an input is to raise the output, -|W| where it is to lower it, W where it is free
        y = three_way(W' x + b)

    Shape:
        x: (*, in_features);  y: (*, out_features).

    Args:
        in_features: inputs.
        out_features: units.
        directions: 1, -1 or 0 for every input (raises, lowers, free), or one number for all.
        activation: base of `three_way`: relu, elu or softplus; None for a linear layer.
        parts: shares of convex, concave and saturated units; `(1, 0, 0)` makes a network of such layers convex,
            `(0, 1, 0)` concave, if all of its layers but the first are of direction 1.
        bias: whether to add b.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        `directions[j] * dy_i/dx_j >= 0` everywhere, for any weights. Layers of direction 1 keep what the first has
        promised. With convex bends alone the network could only fit convex functions; the concave and the saturated
        ones make it universal. Costs one map over W beyond `nn.Linear`. Weights start as those of `nn.Linear`, the
        constrained ones by magnitude; a weight of exactly 0 gets no gradient through its magnitude.

    Departures:
        The paper's list of bases has SELU, which is not convex (its slope falls at 0): it is left out.

    References:
        Runje, Shankaranarayana (2022), Constrained Monotonic Neural Networks, arXiv:2205.11775.

    Examples:
        >>> MonotonicLinear(3, 16, directions=(1, -1, 0))(torch.randn(5, 3)).shape
        torch.Size([5, 16])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"in_features": 5, "out_features": 17, "directions": (1, -1, 0, 1, -1)}),
        Example({"in_features": 5, "out_features": 11, "activation": "elu", "parts": (1, 1, 1)}),
        Example({"in_features": 5, "out_features": 7, "activation": None, "bias": False}),
    )

    def __init__(
        self,
        in_features: int,
        out_features: int,
        directions: Directions = 1,
        activation: str | None = "relu",
        parts: Parts = (7, 7, 2),
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = at_least(1, in_features=in_features)
        self.out_features = at_least(1, out_features=out_features)
        self.directions = _checked(directions, in_features)
        self.activation = None if activation is None else one_of(_BASES, activation=activation)
        _split(parts, out_features)
        self.parts = parts
        self.bias = bias
        self.linear = nn.Linear(in_features, out_features, bias=bias, device=device, dtype=dtype)
        signs = self.directions if isinstance(self.directions, tuple) else (self.directions,) * in_features
        self.register_buffer("signs", torch.tensor(signs, dtype=torch.int8, device=device), persistent=False)

    @property
    def weight(self) -> Tensor:
        """W', as it is applied."""
        weight = self.linear.weight
        if self.directions == 0:
            return weight
        signs = self.get_buffer("signs").to(weight.dtype)
        return torch.where(signs == 0, weight, weight.abs() * signs)

    def forward(self, x: Tensor) -> Tensor:
        if not x.dim() or x.shape[-1] != self.in_features:
            raise ArgumentError.of("x", tuple(x.shape), f"shape (*, {self.in_features})")
        y = F.linear(x, self.weight, self.linear.bias)
        return y if self.activation is None else three_way(y, self.activation, self.parts)

    def extra_repr(self) -> str:
        """All arguments."""
        return (
            f"{self.in_features}, {self.out_features}, directions={self.directions}, activation={self.activation!r}, "
            f"parts={self.parts}, bias={self.bias}"
        )

    def __repr__(self) -> str:
        return f"MonotonicLinear({self.extra_repr()})"


def _checked(directions: Directions, features: int) -> int | tuple[int, ...]:
    given = (directions,) if isinstance(directions, int) else tuple(directions)
    if any(sign not in (-1, 0, 1) for sign in given) or len(given) not in (1, features):
        raise ArgumentError.of("directions", directions, f"1, -1 or 0, or {features} of them, one for each input")
    return directions if isinstance(directions, int) else given


def _split(parts: Parts, units: int) -> tuple[int, int]:
    """How many units are convex, and how many concave."""
    if len(parts) != 3 or min(parts) < 0 or not 0 < sum(parts) < float("inf"):
        raise ArgumentError.of("parts", parts, "three numbers >= 0, not all of them 0")
    convex, concave = (round(part / sum(parts) * units) for part in parts[:2])
    return convex, min(concave, units - convex)
