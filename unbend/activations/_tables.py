"""Bends that are wholly learned: tables, splines, and sums of simpler bends."""

from abc import ABC
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of, positive

_STARTS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": torch.clone,
}


def _place(x: Tensor, low: float, step: float, count: int) -> tuple[Tensor, Tensor]:
    """The cell of each number among `count` cells from `low` on, and how far into it the number lies.

    What lies outside belongs to the nearest cell.
    """
    at = (x - low) / step
    cell = at.detach().clamp(0, count - 1).nan_to_num(0.0).long()
    return cell, at - cell


class _Rows(nn.Module, ABC):
    """One table for all channels, or one for each."""

    def __init__(self, channels: int | None, dim: int) -> None:
        super().__init__()
        self.channels = None if channels is None else at_least(1, channels=channels)
        self.dim = dim

    def _look(self, table: Tensor, cell: Tensor) -> Tensor:
        """The entries of `table`, (channels or 1, n), in the cells."""
        if self.channels is not None:
            if not -cell.ndim <= self.dim < cell.ndim or cell.shape[self.dim] != self.channels:
                raise ArgumentError.of(
                    "input", f"shape {tuple(cell.shape)}", f"{self.channels} channels on axis {self.dim}"
                )
            shape = [1] * cell.ndim
            shape[self.dim] = self.channels
            cell = cell + torch.arange(self.channels, device=cell.device).view(shape) * table.shape[1]
        return table.flatten()[cell]


class LuTU(_Rows):
    """Look-up table unit: values at evenly spaced points, learned, and straight lines between them.

    Formula:
        y = v_i + (v_i+1 - v_i) * (x - x_i) / step, for x_i <= x < x_i+1

    Shape:
        x: (*); y: the same.

    Args:
        low: the first point.
        high: the last point.
        step: between points.
        start: the bend whose values the table begins with: relu, tanh, sigmoid or identity.
        channels: learn a table for each channel; None for one in all.
        dim: the axis of the channels.
        device: where the table lies.
        dtype: its type.

    Behaviour:
        Continuous and piecewise linear; the first and the last line go on for ever. A batch trains only the points
        next to its numbers.

    Departures:
        UNVERIFIED: what the original does outside of its table. Its smoothing by a cosine is left out.

    References:
        Kunc, Klema (2024), Three Decades of Activations, equation 474, arXiv:2402.09092.

    Examples:
        >>> LuTU(start="relu")(torch.tensor([-1.0, 0.05, 20.0])).detach()
        tensor([ 0.0000,  0.0500, 20.0000])
    """

    aliases: ClassVar[tuple[str, ...]] = ("lutu",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"low": -2.0, "high": 2.0, "step": 0.25, "channels": 3, "start": "tanh"}),
    )

    def __init__(
        self,
        low: float = -12.0,
        high: float = 12.0,
        step: float = 0.1,
        start: str = "relu",
        *,
        channels: int | None = None,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(channels, dim)
        if not low < high:
            raise ArgumentError.of("low, high", f"{low}, {high}", "low < high")
        self.low, self.high, self.step = float(low), float(high), positive(step=step)
        self.start = one_of(_STARTS, start=start)
        self.cells = max(1, round((high - low) / step))
        self.table = nn.Parameter(torch.empty(channels or 1, self.cells + 1, device=device, dtype=dtype))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The values of the start."""
        points = torch.arange(self.cells + 1, device=self.table.device, dtype=self.table.dtype)
        self.table.copy_(_STARTS[self.start](self.low + self.step * points).expand_as(self.table))

    def forward(self, x: Tensor) -> Tensor:
        """The interpolated values."""
        cell, share = _place(x, self.low, self.step, self.cells)
        table = self.table.to(x.dtype)
        return self._look(table, cell) + share * self._look(table.diff(dim=1), cell)

    def extra_repr(self) -> str:
        """All arguments."""
        more = f"channels={self.channels}, dim={self.dim}"
        return f"{self.low}, {self.high}, {self.step}, {self.start!r}, {more}"


class MTLU(_Rows):
    """Multi-bin trainable linear unit: a line of its own in each of many bins.

    Formula:
        y = a_i * x + b_i, for x in bin i

    Shape:
        x: (*); y: the same.

    Args:
        bins: how many, half of them below zero.
        width: of a bin.
        channels: learn lines for each channel; None for one set in all.
        dim: the axis of the channels.
        device: where the tables lie.
        dtype: their type.

    Behaviour:
        Begins as ReLU. Jumps between bins once it is trained. The outermost lines go on for ever.

    Departures:
        UNVERIFIED: number and width of the bins in the paper's networks; the authors' code has 20 of 0.1 in one place.

    References:
        Gu, Timofte, Van Gool (2018), Multi-bin Trainable Linear Unit for Fast Image Restoration, arXiv:1807.11389.

    Examples:
        >>> MTLU()(torch.tensor([-1.0, 0.5])).detach().abs()
        tensor([0.0000, 0.5000])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"bins": 6, "width": 0.45, "channels": 3}),)

    def __init__(
        self,
        bins: int = 40,
        width: float = 0.05,
        *,
        channels: int | None = None,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(channels, dim)
        self.bins, self.width = at_least(2, bins=bins), positive(width=width)
        self.slope = nn.Parameter(torch.empty(channels or 1, bins, device=device, dtype=dtype))
        self.offset = nn.Parameter(torch.empty(channels or 1, bins, device=device, dtype=dtype))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Slopes of ReLU, no offsets."""
        below = torch.arange(self.bins, device=self.slope.device) < self.bins // 2
        self.slope.copy_((~below).to(self.slope.dtype).expand_as(self.slope))
        self.offset.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """The line of the bin."""
        cell, _ = _place(x, -self.width * (self.bins // 2), self.width, self.bins)
        return self._look(self.slope.to(x.dtype), cell) * x + self._look(self.offset.to(x.dtype), cell)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.bins}, {self.width}, channels={self.channels}, dim={self.dim}"


class CubicSplineBend(_Rows):
    """A smooth curve through evenly spaced points, which are learned.

    Formula:
        y = ((-t^3 + 2 t^2 - t) v_i-1 + (3 t^3 - 5 t^2 + 2) v_i + (-3 t^3 + 4 t^2 + t) v_i+1 + (t^3 - t^2) v_i+2) / 2
        t = (x - x_i) / step

    Shape:
        x: (*); y: the same.

    Args:
        reach: points lie in [-reach, reach], and one more at each end.
        step: between points.
        start: the bend whose values the points begin with: relu, tanh, sigmoid or identity.
        channels: learn a curve for each channel; None for one in all.
        dim: the axis of the channels.
        device: where the points lie.
        dtype: their type.

    Behaviour:
        A Catmull-Rom spline: it goes through its points, its slope is continuous, and a straight line stays straight.
        Beyond the reach it goes on along its tangent.

    References:
        Scardapane, Scarpiniti, Comminiello, Uncini (2016), Learning activation functions from data using cubic spline
        interpolation, arXiv:1605.05509.

    Examples:
        >>> CubicSplineBend()(torch.tensor([0.0, 1.0])).detach()
        tensor([0.0000, 0.7616])
    """

    aliases: ClassVar[tuple[str, ...]] = ("cubic_spline_act",)
    examples: ClassVar[tuple[Example, ...]] = (Example({"reach": 1.0, "step": 0.5, "channels": 3}),)

    def __init__(
        self,
        reach: float = 2.0,
        step: float = 0.2,
        start: str = "tanh",
        *,
        channels: int | None = None,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(channels, dim)
        self.reach, self.step = positive(reach=reach), positive(step=step)
        self.start = one_of(_STARTS, start=start)
        self.cells = max(1, round(2 * reach / step))
        self.points = nn.Parameter(torch.empty(channels or 1, self.cells + 3, device=device, dtype=dtype))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The values of the start."""
        places = torch.arange(-1, self.cells + 2, device=self.points.device, dtype=self.points.dtype)
        self.points.copy_(_STARTS[self.start](self.step * places - self.reach).expand_as(self.points))

    def forward(self, x: Tensor) -> Tensor:
        """The curve at `x`."""
        cell, share = _place(x, -self.reach, self.step, self.cells)
        t, points = share.clamp(0, 1), self.points.to(x.dtype)
        a, b, c, d = (self._look(points, cell + i) for i in range(4))
        inside = b + t * ((c - a) + t * ((2 * a - 5 * b + 4 * c - d) + t * (3 * (b - c) + d - a))) / 2
        return inside + (share - t) * torch.where(share > 1, d - b, c - a) / 2

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.reach}, {self.step}, {self.start!r}, channels={self.channels}, dim={self.dim}"


class ReLUSpline(nn.Module):
    """A weighted sum of shifted and scaled rectifiers.

    Formula:
        y = sum_k a_k * relu(b_k * x + c_k)

    Shape:
        x: (*); y: the same.

    Args:
        terms: how many.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Continuous and piecewise linear, with a kink at each -c_k / b_k. Begins as the mean of rectifiers whose kinks
        are spread over [-1, 1]: convex, 0 below -1, x above 1.

    Departures:
        UNVERIFIED: the start.

    References:
        Kunc, Klema (2024), Three Decades of Activations, equation 507, arXiv:2402.09092.

    Examples:
        >>> ReLUSpline()(torch.tensor([-1.0, 0.0, 2.0])).detach()
        tensor([0.0000, 0.3333, 2.0000])
    """

    aliases: ClassVar[tuple[str, ...]] = ("relu_spline",)
    examples: ClassVar[tuple[Example, ...]] = (Example(),)

    def __init__(
        self, terms: int = 4, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.terms = at_least(1, terms=terms)
        self.a, self.b, self.c = (nn.Parameter(torch.empty(terms, device=device, dtype=dtype)) for _ in range(3))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Equal weights, kinks spread over [-1, 1]."""
        self.a.fill_(1 / self.terms)
        self.b.fill_(1.0)
        middle = (self.terms - 1) / 2
        self.c.copy_((torch.arange(self.terms, device=self.c.device) - middle) / max(middle, 1.0))

    def forward(self, x: Tensor) -> Tensor:
        """The sum at `x`."""
        a, b, c = (values.to(x.dtype) for values in (self.a, self.b, self.c))
        return torch.relu(x[..., None] * b + c) @ a

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.terms}"


class VAF(nn.Module):
    """Variable activation function: a small network of one number, shared by all units of a layer.

    Formula:
        y = a0 + sum_k a_k * tanh(b_k * x + c_k)

    Shape:
        x: (*); y: the same.

    Args:
        terms: hidden units of the small network.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Bounded, and with enough terms near any continuous function on an interval. Costs as many tanh as it has terms.
        Begins at random: slopes b and weights a normal, a of variance 1 / terms, shifts zero.

    Departures:
        UNVERIFIED: the start of the paper's experiments.

    References:
        Apicella, Isgro, Prevete (2019), A simple and efficient architecture for trainable activation functions,
        arXiv:1902.03306.

    Examples:
        >>> VAF()(torch.zeros(3)).detach()
        tensor([0., 0., 0.])
    """

    aliases: ClassVar[tuple[str, ...]] = ("vaf_subnet",)
    examples: ClassVar[tuple[Example, ...]] = (Example(),)

    def __init__(
        self, terms: int = 4, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.terms = at_least(1, terms=terms)
        self.a, self.b, self.c = (nn.Parameter(torch.empty(terms, device=device, dtype=dtype)) for _ in range(3))
        self.a0 = nn.Parameter(torch.empty((), device=device, dtype=dtype))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Normal slopes and weights, no shifts."""
        self.a.normal_(std=self.terms**-0.5)
        self.b.normal_()
        self.c.zero_()
        self.a0.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """The small network at `x`."""
        a0, a, b, c = (values.to(x.dtype) for values in (self.a0, self.a, self.b, self.c))
        return a0 + torch.tanh(x[..., None] * b + c) @ a

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.terms}"
