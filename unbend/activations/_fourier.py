"""A sum of waves whose heights, frequencies and phases are learned."""

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import at_least
from unbend.activations._lean_base import evaluate

# One over the root of I_0(2), which is the sum of 1 / (k!)^2: with it the mean square of the whole sum is near to 1.
_SIZE = 0.66232645879


class FourierActivation(nn.Module):
    """A sum of d waves, the k-th divided by k!, started so that it keeps the variance of Gaussian inputs.

    Formula:
        y = f + sum_k c_k cos(w_k x - p_k) / k!,  k = 1 ... d

    Shape:
        x: (*), floating; y: (*), same type. fundamental (f): (1,); heights (c), frequencies (w), phases (p): (d,).

    Args:
        degree: the number of waves, d >= 1.

    Behaviour:
        Starts at w_k = k, p_k = pi / 4, c_k = 0.66232645879 (one over the root of I_0(2)) and
        f = c_k sqrt(1 - 1 / (d!)^2). Bounded by |f| + sum_k |c_k| / k!. Keeps its input alone for the backward pass,
        and computes the waves again; in pieces that stay in the cache where the input is large.

    Departures:
        Not a bend with bounds: learned frequencies have no common period, so that its turns cannot be listed.

    References:
        Khalfaoui-Hassani, Kesselheim (2025), Polynomial, trigonometric, and tropical activations, arXiv:2502.01247.

    Examples:
        >>> FourierActivation()(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([0.1303, 1.4670, 1.3290])
    """

    aliases: ClassVar[tuple[str, ...]] = ("fourier", "fourier_act")
    examples: ClassVar[tuple[Example, ...]] = (Example(largest=90.0), Example({"degree": 2}, largest=90.0))

    def __init__(
        self, degree: int = 6, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.degree = at_least(1, degree=degree)
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.fundamental = nn.Parameter(torch.empty(1, **where))
        self.heights, self.frequencies, self.phases = (nn.Parameter(torch.empty(degree, **where)) for _ in range(3))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Set the numbers back to their start."""
        self.fundamental.fill_(_SIZE * math.sqrt(1 - 1 / math.factorial(self.degree) ** 2))
        self.heights.fill_(_SIZE)
        self.phases.fill_(math.pi / 4)
        self.frequencies.copy_(torch.arange(1, self.degree + 1))

    @property
    def interval(self) -> tuple[float, float]:
        """Where `fit_activation` fits it."""
        return -2.0 * self.degree, 2.0 * self.degree

    def forward(self, x: Tensor) -> Tensor:
        """The sum at every element of `x`."""
        numbers = torch.cat([self.fundamental, self.heights, self.frequencies, self.phases]).to(x.dtype)
        return evaluate(self, x, numbers.unbind(), "input")

    def function(self, x: Tensor, *values: Any) -> Tensor:
        """The sum, its numbers one by one."""
        total = values[0] + torch.zeros_like(x)
        for k, (c, w, p) in enumerate(self._waves(values), 1):
            total = total + c / math.factorial(k) * torch.cos(w * x - p)
        return total

    def slope_at(self, x: Tensor, *values: Any) -> Tensor:
        """The derivative by x."""
        total = torch.zeros_like(x)
        for k, (c, w, p) in enumerate(self._waves(values), 1):
            total = total - c * w / math.factorial(k) * torch.sin(w * x - p)
        return total

    def both_at(self, x: Tensor, *values: Any) -> tuple[Tensor, Tensor]:
        """Value and derivative."""
        return self.function(x, *values), self.slope_at(x, *values)

    def partials(self, x: Tensor, *values: Any) -> tuple[Tensor, ...]:
        """The derivatives by the numbers."""
        heights, frequencies, phases = list[Tensor](), list[Tensor](), list[Tensor]()
        for k, (c, w, p) in enumerate(self._waves(values), 1):
            angle = w * x - p
            heights.append(torch.cos(angle) / math.factorial(k))
            phases.append(c / math.factorial(k) * torch.sin(angle))
            frequencies.append(-x * phases[-1])
        return torch.ones_like(x), *heights, *frequencies, *phases

    def _waves(self, values: tuple[Any, ...]) -> Any:
        d = self.degree
        return zip(values[1 : d + 1], values[d + 1 : 2 * d + 1], values[2 * d + 1 :], strict=True)

    def extra_repr(self) -> str:
        return f"degree={self.degree}"
