"""Gates between 0 and 1, and the bends and feed-forward blocks in which their range is expanded."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError
from unbend.activations._base import Bend, Lean
from unbend.activations._glu_base import GatedFeedForward


def arctan_gate(x: Tensor) -> Tensor:
    """`atan(x) / pi + 1 / 2`."""
    # As the angle of the point (-x, 1) it keeps its digits far to the left, where the sum would cancel.
    return torch.atan2(torch.ones_like(x), -x) / math.pi


def expand(gate: Tensor, a: Tensor | float) -> Tensor:
    """A gate from 0 to 1 stretched about 1/2, to reach from -a to 1 + a."""
    return gate + a * (2 * gate - 1)


class ExpandedBend(Bend, ABC):
    """A bend gated by itself, its gate expanded by a learned `a`; arguments as documented at its classes."""

    examples: ClassVar[tuple[Example, ...]] = (Example(), Example({"a": 0.3, "channels": 3}))

    def __init__(
        self,
        a: float = 0.0,
        *,
        channels: int | None = None,
        dim: int = 1,
        lean: Lean = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(a=a, learned=("a",), channels=channels, dim=dim, lean=lean, device=device, dtype=dtype)


class ExpandedFeedForward(GatedFeedForward, ABC):
    """`(gate(x W) * (x V)) W2`, with a gate whose range is learned.

    Args:
        dim: width of input and output.
        hidden: width between; `matched_hidden(4 * dim)` when None.
        order: 1 takes the gate alone, 2 the gate times `x W`, as GEGLU and SwiGLU do.
        bias: whether the maps have biases.
        device: where the parameters lie.
        dtype: their type.
    """

    expands: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = tuple(
        Example({"dim": 5, "hidden": 7, "order": order}, (2, 3, 5), largest=1e9) for order in (1, 2)
    )

    def __init__(
        self,
        dim: int,
        hidden: int | None = None,
        *,
        order: int = 1,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(dim, hidden, bias=bias, device=device, dtype=dtype)
        if order not in (1, 2):
            raise ArgumentError.of("order", order, "1, the gate alone, or 2, the gate times its input")
        self.order = order
        self.a = nn.Parameter(torch.zeros(1, device=device, dtype=dtype)) if self.expands else None

    @abstractmethod
    def gate(self, x: Tensor) -> Tensor:
        """The gate from 0 to 1."""

    def act(self, x: Tensor) -> Tensor:
        """The gate from -a to 1 + a, or that times `x`."""
        gate = self.gate(x) if self.a is None else expand(self.gate(x), self.a)
        return gate if self.order == 1 else x * gate

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dim}, {self.hidden}, order={self.order}, bias={self.bias})"
