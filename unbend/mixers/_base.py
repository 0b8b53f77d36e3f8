"""What every mixer is: a module that mixes tokens, and says whether it looks ahead."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example


class Mixer(nn.Module, ABC):
    """Mixes the tokens of a sequence `(b, t, d)`, or the pixels of an image `(b, c, H, W)`.

    A causal mixer (`causal = True`) also has `init_state(batch, *, device, dtype) -> tuple[Tensor, ...]` and
    `step(x_t, state) -> (y_t, state)`, whose outputs equal those of `forward`.
    """

    # Of the class, or of the instance where `causal=` is an argument.
    causal: bool = False
    examples: ClassVar[tuple[Example, ...]]

    @abstractmethod
    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """Mix `x`; `padding` is boolean over its tokens, True where a token is real."""

    def __repr__(self) -> str:
        # One line that rebuilds the module; its parts follow from its arguments.
        return f"{type(self).__name__}({self.extra_repr()})"


def accumulate(x: Tensor) -> Tensor:
    """`x` in the type in which sums, softmaxes and states are kept: float32, or float64 where `x` has it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
