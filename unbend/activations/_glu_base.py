"""What the gated feed-forward blocks share."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import at_least


def matched_hidden(d_ff: int, multiple_of: int = 1) -> int:
    """Hidden width at which a gated block has the parameters and the work of a plain one of width `d_ff`.

    Formula:
        d_h = 2 / 3 * d_ff

    Args:
        d_ff: hidden width of the plain block, with its two matrices.
        multiple_of: round to the nearest multiple of this, at least once it.

    References:
        Shazeer (2020), GLU Variants Improve Transformer, arXiv:2002.05202.

    Examples:
        >>> matched_hidden(3072), matched_hidden(100, multiple_of=8)
        (2048, 64)
    """
    at_least(1, d_ff=d_ff)
    at_least(1, multiple_of=multiple_of)
    return max(1, round(2 * d_ff / 3 / multiple_of)) * multiple_of


class GatedFeedForward(nn.Module, ABC):
    """`(act(x W) * (x V)) W2`, with W and V as one matrix.

    Args:
        dim: width of input and output.
        hidden: width between; `matched_hidden(4 * dim)` when None.
        bias: whether the maps have biases; the paper's have none.
        device: where the parameters lie.
        dtype: their type.
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 5, "hidden": 7}, (2, 3, 5), largest=1e9),)

    def __init__(
        self,
        dim: int,
        hidden: int | None = None,
        *,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.bias = at_least(1, dim=dim), bias
        self.hidden = matched_hidden(4 * dim) if hidden is None else at_least(1, hidden=hidden)
        self.gate_and_value = nn.Linear(dim, 2 * self.hidden, bias=bias, device=device, dtype=dtype)
        self.out = nn.Linear(self.hidden, dim, bias=bias, device=device, dtype=dtype)

    @abstractmethod
    def act(self, x: Tensor) -> Tensor:
        """What is applied to the first half, the gate; the second half is the value."""

    def forward(self, x: Tensor) -> Tensor:
        """The block at every position of `x`."""
        gate, value = self.gate_and_value(x).chunk(2, -1)
        return self.out(self.act(gate) * value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dim}, {self.hidden}, bias={self.bias})"
