"""Derivatives of fractional order as bends."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import at_least, positive


def falu(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Swish, or about one of its derivatives; the functional form of `FALU`.

    Formula:
        g = x * s; h = g + s * (1 - g); s = sigmoid(beta * x)
        y = g + alpha * (h - g) for alpha <= 1, h + (alpha - 1) * s * (1 - 2 * h) otherwise
    """
    gate = torch.sigmoid(beta * x)
    g = x * gate
    # g + gate * (1 - g), in which two large numbers would cancel.
    h = gate + g * torch.sigmoid(-beta * x)
    # Two lines in alpha that meet at 1.
    return g + alpha.clamp(0, 1) * (h - g) + (alpha.clamp(1, 2) - 1) * gate * (1 - 2 * h)


def fractional(values: Tensor, order: Tensor, step: float) -> Tensor:
    """The derivative of fractional order of a function, from its values at x, x - step, x - 2 * step ...

    Formula:
        y = step**-order * sum_n w_n * f(x - n * step); w_0 = 1, w_n = w_n-1 * (n - 1 - order) / n

    Args:
        values: (..., terms), f(x - n * step) for n = 0, 1, 2 ...
        order: of the derivative.
        step: between the places.
    """
    n = torch.arange(1, values.shape[-1], dtype=values.dtype, device=values.device)
    weights = torch.cat([torch.ones_like(n[:1]), ((n - 1 - order) / n).cumprod(0)])
    return values @ weights * step**-order


class FALU(nn.Module):
    """Fractional adaptive linear unit: between Swish, its slope and the slope of its slope.

    Formula:
        g = x * s; h = g + s * (1 - g); s = sigmoid(beta * x)
        y = g + alpha * (h - g) for alpha <= 1, h + (alpha - 1) * s * (1 - 2 * h) otherwise

    Shape:
        x: (*); y: the same.

    Args:
        alpha: order of the derivative at the start, learned; what leaves [0, 2] counts as the nearer end.
        beta: steepness at the start, learned.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        alpha = 0 is Swish. At beta = 1, alpha = 1 is its slope exactly, and alpha = 2 about the slope of that: 1 / 2 at
        0, and 0 at both ends.

    Departures:
        UNVERIFIED: the second line is from memory, where it has (1 - alpha), which does not vanish at infinity
        as a second derivative does; taken as (alpha - 1).

    References:
        Kunc, Klema (2024), Three Decades of Activations, equation 408, arXiv:2402.09092; the unit is by Zamora, Rhodes
        and Nachman (2022).

    Examples:
        >>> FALU(0.0)(torch.tensor([0.0, 1.0])).detach()
        tensor([0.0000, 0.7311])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example(), Example({"alpha": 1.5}))

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 1.0,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.start = (float(alpha), float(positive(beta=beta)))
        self.alpha, self.beta = (nn.Parameter(torch.empty((), device=device, dtype=dtype)) for _ in range(2))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Back to the start."""
        for parameter, value in zip((self.alpha, self.beta), self.start):
            nn.init.constant_(parameter, value)

    def forward(self, x: Tensor) -> Tensor:
        """The unit at `x`."""
        return falu(x, self.alpha.to(x.dtype), self.beta.to(x.dtype))

    def extra_repr(self) -> str:
        """The start."""
        return f"{self.start[0]}, {self.start[1]}"


class _Fractional(nn.Module, ABC):
    """A derivative of learned order of some function, by the sum of Gruenwald and Letnikov.

    Args:
        order: at the start, learned.
        step: between the places where the function is taken.
        terms: how many such places.
        device: where the order lies.
        dtype: its type.
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"terms": 7}),)

    def __init__(
        self,
        order: float = 0.5,
        step: float = 0.25,
        terms: int = 32,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.start, self.step, self.terms = float(order), positive(step=step), at_least(2, terms=terms)
        self.order = nn.Parameter(torch.empty((), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The order of the start."""
        nn.init.constant_(self.order, self.start)

    @abstractmethod
    def base(self, x: Tensor) -> Tensor:
        """The function of which it is the derivative."""

    def forward(self, x: Tensor) -> Tensor:
        """The derivative at `x`."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        places = self.step * torch.arange(self.terms, dtype=wide.dtype, device=x.device)
        return fractional(self.base(wide[..., None] - places), self.order.to(wide.dtype), self.step).to(x.dtype)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.start}, {self.step}, {self.terms}"


class FracSoftplus(_Fractional):
    """A derivative of fractional order of softplus: from softplus at 0 to the sigmoid at 1.

    Formula:
        y = step**-a * sum_n w_n * softplus(x - n * step); w_0 = 1, w_n = w_n-1 * (n - 1 - a) / n

    Shape:
        x: (*); y: the same.

    Behaviour:
        Order 0 is softplus; order 1 is (softplus(x) - softplus(x - step)) / step. As the step tends to 0 and terms *
        step grows it tends to the fractional derivative, since softplus vanishes to the left. As many softplus as
        terms.

    Departures:
        UNVERIFIED: step and number of terms of the source.

    References:
        Kunc, Klema (2024), Three Decades of Activations, equation 404, arXiv:2402.09092; by Zamora Esquivel et al.
        (2019).

    Examples:
        >>> FracSoftplus(0.0)(torch.zeros(1)).detach()
        tensor([0.6931])
    """

    def base(self, x: Tensor) -> Tensor:
        return F.softplus(x)


class FracTanh(_Fractional):
    """A derivative of fractional order of tanh: from tanh at 0 to a bell at 1.

    Formula:
        y = step**-a * sum_n w_n * tanh(x - n * step); w_0 = 1, w_n = w_n-1 * (n - 1 - a) / n

    Shape:
        x: (*); y: the same.

    Behaviour:
        Order 0 is tanh; order 1 is (tanh(x) - tanh(x - step)) / step. tanh does not vanish to the left, so that what
        comes out for an order between depends on terms * step, its memory. As many tanh as terms.

    Departures:
        UNVERIFIED: the step and how many terms the source takes.

    References:
        Kunc, Klema (2024), Three Decades of Activations, equation 406, arXiv:2402.09092; by Zamora Esquivel et al.
        (2019).

    Examples:
        >>> FracTanh(0.0)(torch.ones(1)).detach()
        tensor([0.7616])
    """

    def base(self, x: Tensor) -> Tensor:
        return torch.tanh(x)
