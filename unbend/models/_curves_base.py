"""Several functions of one number at once: as polynomials, and as tables."""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of

Curve = Callable[[Tensor], Tensor]
Kind = Literal["linear", "cubic"]


class ChebyshevCurves(nn.Module):
    """Learned functions of one number as sums of Chebyshev polynomials.

    Formula:
        phi_l(x) = sum_{n = 0}^{order} W_ln T_n(2 (x - low) / (high - low) - 1)

    Shape:
        x: (*); y: (*, curves).

    Args:
        curves: how many functions.
        order: highest degree.
        low: left end of the domain.
        high: its right end; outside, the value at the end.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        By the recurrence of three terms: `order` times the work and the memory of x, and one matrix product.

    References:
        Nagai, Okumura (2024), Kolmogorov-Arnold networks in molecular dynamics, arXiv:2407.17774.

    Examples:
        >>> ChebyshevCurves(4, 10)(torch.zeros(2, 3)).shape
        torch.Size([2, 3, 4])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"curves": 5, "order": 4, "low": -3.0, "high": 3.0}, (2, 3)),)

    def __init__(
        self,
        curves: int,
        order: int,
        low: float = -1.0,
        high: float = 1.0,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not -float("inf") < low < high < float("inf"):
            raise ArgumentError.of("low, high", (low, high), "two finite numbers, the first the smaller")
        self.order, self.low, self.high = at_least(1, order=order), low, high
        self.weight = nn.Parameter(torch.empty(at_least(1, curves=curves), order + 1, device=device, dtype=dtype))
        nn.init.normal_(self.weight, std=(order + 1) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        z = ((x - self.low) * (2 / (self.high - self.low)) - 1).clamp(-1, 1)
        terms = [torch.ones_like(z), z]
        for _ in range(self.order - 1):
            terms.append(2 * z * terms[-1] - terms[-2])
        return torch.stack(terms, -1) @ self.weight.T

    def __repr__(self) -> str:
        return f"ChebyshevCurves({len(self.weight)}, {self.order}, {self.low}, {self.high})"


class TabulatedCurves(nn.Module):
    """Functions of one number read from a table, at a cost that does not depend on how they were made.

    Formula:
        linear: y = y_k (1 - s) + y_{k+1} s,  s = (x - x_k) / h;  cubic: the not-a-knot spline

    Shape:
        x: (*); y: (*, curves).

    Args:
        values: (points, curves), at even steps from `low` to `high`.
        low: left end of the table.
        high: its right end; outside, the value at the end.
        kind: "linear" or "cubic" (twice continuously differentiable).

    Behaviour:
        The error falls with h^2, or with h^4. The derivative is that of the table itself.

    References:
        Nagai, Okumura (2024), Kolmogorov-Arnold networks in molecular dynamics, arXiv:2407.17774.

    Examples:
        >>> x = torch.linspace(0, 1, 5, dtype=torch.float64)
        >>> TabulatedCurves(x[:, None] ** 3, 0.0, 1.0)(torch.tensor([0.3], dtype=torch.float64))
        tensor([[0.0270]], dtype=torch.float64)
    """

    def __init__(
        self,
        values: Tensor,
        low: float,
        high: float,
        kind: Kind = "cubic",
    ) -> None:
        super().__init__()
        self.kind = one_of(("linear", "cubic"), kind=kind)
        if values.ndim != 2 or len(values) < (2 if kind == "linear" else 4):
            raise ArgumentError.of("values", tuple(values.shape), "(points, curves), 4 points at least (linear: 2)")
        if not -float("inf") < low < high < float("inf"):
            raise ArgumentError.of("low, high", (low, high), "two finite numbers, the first the smaller")
        self.low, self.high, self.curves = low, high, values.shape[1]
        table = values.detach().cpu().double().numpy()
        if kind == "cubic":
            # Coefficients by falling powers of x - x_k; the steps here are of length one.
            pieces = CubicSpline(np.arange(len(table)), table).c
        else:
            pieces = np.stack([np.diff(table, axis=0), table[:-1]])
        coefficients = torch.from_numpy(np.ascontiguousarray(pieces.transpose(1, 0, 2)))
        self.coefficients: Tensor
        self.register_buffer("coefficients", coefficients.to(values))

    def forward(self, x: Tensor) -> Tensor:
        pieces = len(self.coefficients)
        at = ((x - self.low) * (pieces / (self.high - self.low))).clamp(0, pieces)
        piece = at.detach().nan_to_num().long().clamp(max=pieces - 1)
        rest = (at - piece)[..., None]
        rows = self.coefficients[piece]
        y = rows[..., 0, :]
        for power in range(1, rows.shape[-2]):
            y = y * rest + rows[..., power, :]
        return y

    def __repr__(self) -> str:
        points = len(self.coefficients) + 1
        return f"TabulatedCurves(<{points} x {self.curves}>, {self.low}, {self.high}, kind={self.kind!r})"


def tabulate(curves: Curve, low: float, high: float, points: int, kind: Kind = "cubic") -> TabulatedCurves:
    """The table of functions at `points` even steps; `curves` maps (n,) to (n, curves).

    Examples:
        >>> tabulate(lambda x: x[:, None] ** 2, -1.0, 1.0, 11)
        TabulatedCurves(<11 x 1>, -1.0, 1.0, kind='cubic')
    """
    at = torch.linspace(low, high, at_least(2, points=points), dtype=torch.float64)
    like = next(curves.parameters(), torch.empty(0)) if isinstance(curves, nn.Module) else torch.empty(0)
    with torch.no_grad():
        values = curves(at.to(like))
    return TabulatedCurves(values, low, high, kind)
