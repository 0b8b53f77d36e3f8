"""Networks of one hidden layer, and that of Cauchy kernels among them."""

from collections.abc import Callable
from math import prod
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.activations import Cauchy
from unbend.data import Dataset


class XNet(nn.Module):
    """One hidden layer, every unit of which is a Cauchy kernel with parameters of its own.

    Formula:
        h_j = w_j . x + b_j
        y = V (lambda1_j h_j + lambda2_j) / (h_j^2 + d_j^2) + c

    Shape:
        x: (*, inputs);  y: (*, outputs).

    Args:
        inputs: numbers in.
        width: units.
        outputs: numbers out.
        lambda1: of every kernel at the start.
        lambda2: likewise.
        d: likewise, > 0.

    Behaviour:
        (inputs + outputs + 4) width + outputs parameters. With one input it can be the discretised Cauchy integral of
        any function that is analytic around an interval, whose error falls geometrically with the width. At the
        authors' start, 0.01 and 0.01, the output is nearly constant; in the study `xnet` it still ends closer to a step
        and a wave than the start at 1 and 1, and farther from a surface.

    References:
        Li, Xia, Zhang (2024), Cauchy activation function and XNet, arXiv:2409.19221.

    Examples:
        >>> XNet(2, 20, 1)(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"inputs": 5, "width": 7, "outputs": 3}, (2, 5)),
        Example({"inputs": 5, "width": 3, "outputs": 2, "lambda1": 1.0, "d": 2.0}, (2, 5)),
    )

    def __init__(
        self,
        inputs: int,
        width: int,
        outputs: int,
        *,
        lambda1: float = 0.01,
        lambda2: float = 0.01,
        d: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        inputs, width, outputs = at_least(1, inputs=inputs), at_least(1, width=width), at_least(1, outputs=outputs)
        self.enter = nn.Linear(inputs, width, device=device, dtype=dtype)
        self.kernels = Cauchy(lambda1, lambda2, d, channels=width, dim=-1, device=device, dtype=dtype)
        self.leave = nn.Linear(width, outputs, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The network at every row of `x`."""
        if x.shape[-1] != self.enter.in_features:
            raise ArgumentError.of("x", tuple(x.shape), f"shape (*, {self.enter.in_features})")
        return self.leave(self.kernels(self.enter(x)))

    def __repr__(self) -> str:
        start = self.kernels.start
        usual = {"lambda1": 0.01, "lambda2": 0.01, "d": 1.0}
        shown = "".join(f", {name}={value!r}" for name, value in start.items() if value != usual[name])
        return f"XNet({self.enter.in_features}, {self.enter.out_features}, {self.leave.out_features}{shown})"


def one_hidden(make: Callable[..., nn.Module], data: Dataset, width: int = 64) -> nn.Module:
    """A network of one hidden layer; `make(width)` gives the bend of its units.

    Args:
        make: called with the width, so that the bend may have parameters for each unit (its channels).
        data: for the numbers of inputs and outputs.
        width: units.

    Examples:
        >>> from unbend.data import load
        >>> one_hidden(lambda width: nn.Tanh(), load("digits"))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """
    inputs = prod(data.shape)
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, width), make(width), nn.Linear(width, data.outputs))
