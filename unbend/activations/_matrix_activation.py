"""Bends that multiply by a matrix whose entries are learned steps of the input."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of

_STARTS = ("relu", "identity")


def matrix_activation(y: Tensor, table: Tensor, breakpoints: Tensor, dim: int = 1) -> Tensor:
    """Multiply by a diagonal or tridiagonal matrix of steps; the functional form of the two layers.

    Formula:
        A(y)_i,i = table[0, i, j]; A(y)_i,i-1 = table[1, i, j]; A(y)_i,i+1 = table[2, i, j]
        j = how many breakpoints are less than y_i
        result = A(y) y

    Args:
        y: with the components along `dim`.
        table: (1, channels, m + 1) for a diagonal, (3, channels, m + 1) for a tridiagonal matrix.
        breakpoints: (m,), rising.
        dim: the axis of the components.

    References:
        Liu, Cao, Li, Zikatanov (2021), arXiv:2109.09948.
    """
    diagonal, *beside = _entries(y, table, breakpoints, dim)
    out = diagonal * y
    if beside:
        size = y.shape[dim]
        nothing = torch.zeros_like(y.narrow(dim, 0, 1))
        before, after = y.narrow(dim, 0, size - 1), y.narrow(dim, 1, size - 1)
        out = out + beside[0] * torch.cat([nothing, before], dim) + beside[1] * torch.cat([after, nothing], dim)
    return out


def _entries(y: Tensor, table: Tensor, breakpoints: Tensor, dim: int) -> list[Tensor]:
    """One tensor like `y` for each band of the matrix."""
    shape = [1] * y.ndim
    shape[dim] = channels = table.shape[1]
    first = torch.arange(channels, device=y.device).view(shape) * table.shape[2]
    places = torch.bucketize(y.detach().contiguous(), breakpoints.to(y.dtype)) + first
    return [band[places] for band in table.to(y.dtype).flatten(1)]


class DiagMatrixActivation(nn.Module):
    """Each channel multiplied by a learned step function of itself.

    Formula:
        y_i = t_i,j * x_i; j = how many breakpoints are less than x_i

    Shape:
        x: (*), with the channels along `dim`; y: the same.

    Args:
        channels: n.
        breakpoints: m rising numbers; one at 0 where the start is `relu`.
        start: `relu`, slopes of 0 below zero and 1 above, or `identity`.
        continuous: make t the slopes of a continuous curve through the origin.
        dim: the axis of the channels.
        device: where the table lies.
        dtype: its type.

    Behaviour:
        Starts as ReLU, or as the identity. Piecewise linear; at a breakpoint s other than 0 it jumps by the change of
        t times s, unless `continuous`. Linear in its n * (m + 1) parameters, so that for a given x they can be had by
        least squares. A comparison per halving of the breakpoints, one look-up and one product per element.

    Departures:
        UNVERIFIED: the breakpoints of the paper's experiments could not be read; -1, 0 and 1 are ours, and so is
        `continuous`.

    References:
        Liu, Cao, Li, Zikatanov (2021), Neural networks with trainable matrix activation functions, arXiv:2109.09948.

    Examples:
        >>> DiagMatrixActivation(3)(torch.tensor([[-2.0, 0.5, 2.0]])).detach()
        tensor([[-0.0000, 0.5000, 2.0000]])
    """

    breakpoints: Tensor
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"channels": 3}),
        Example({"channels": 5, "breakpoints": (-0.5, 0.25), "start": "identity", "continuous": True, "dim": -1}),
    )

    def __init__(
        self,
        channels: int,
        breakpoints: Sequence[float] = (-1.0, 0.0, 1.0),
        start: str = "relu",
        *,
        continuous: bool = False,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.start, self.continuous, self.dim = at_least(1, channels=channels), start, continuous, dim
        self.register_buffer("breakpoints", _rising(breakpoints, start, device, dtype), persistent=False)
        self.given = tuple(breakpoints)
        self.table = nn.Parameter(torch.empty(1, channels, len(breakpoints) + 1, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Slopes of the start."""
        _begin(self.table, self.breakpoints, self.start)

    def forward(self, x: Tensor) -> Tensor:
        """The layer at `x`."""
        _check(x, self.channels, self.dim)
        y = matrix_activation(x, self.table, self.breakpoints, self.dim)
        if not self.continuous:
            return y
        # What the jumps have added on the way from 0 is taken off again.
        jumps = self.table.diff(dim=-1) * self.breakpoints.to(self.table.dtype)
        offsets = torch.cat([torch.zeros_like(jumps[..., :1]), -jumps.cumsum(-1)], -1)
        at_zero = (self.breakpoints < 0).sum()
        offsets = offsets - offsets.index_select(-1, at_zero[None])
        return y + _entries(x, offsets, self.breakpoints, self.dim)[0]

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.channels}, {self.given}, {self.start!r}, continuous={self.continuous}, dim={self.dim}"


class TridiagMatrixActivation(nn.Module):
    """Each channel and its two neighbours multiplied by learned step functions of that channel.

    Formula:
        y_i = t_i,j * x_i + l_i,j * x_i-1 + r_i,j * x_i+1; j = how many breakpoints are less than x_i

    Shape:
        x: (*), with the channels along `dim`; y: the same. Beyond the first and the last channel there are zeros.

    Args:
        channels: n.
        breakpoints: m rising numbers; one at 0 where the start is `relu`.
        start: `relu` or `identity`, for the diagonal; the neighbours start at 0.
        dim: the axis of the channels.
        device: where the table lies.
        dtype: its type.

    Behaviour:
        Starts without neighbours, as ReLU or as the identity. Linear in its 3 * n * (m + 1) parameters; piecewise
        linear in x, with jumps at breakpoints, also at 0 once neighbours count. One search, three look-ups and three
        products per element.

    Departures:
        UNVERIFIED: that the steps beside the diagonal depend on x_i, and not on the neighbour, and the breakpoints of
        the experiments, could not be read; this is our reading.

    References:
        Liu, Cao, Li, Zikatanov (2021), Neural networks with trainable matrix activation functions, arXiv:2109.09948.

    Examples:
        >>> TridiagMatrixActivation(3, start="identity")(torch.tensor([[-2.0, 0.5, 2.0]])).detach()
        tensor([[-2.0000, 0.5000, 2.0000]])
    """

    breakpoints: Tensor
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"channels": 3}),
        Example({"channels": 5, "breakpoints": (-0.5, 0.25), "start": "identity", "dim": -1}),
    )

    def __init__(
        self,
        channels: int,
        breakpoints: Sequence[float] = (-1.0, 0.0, 1.0),
        start: str = "relu",
        *,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.start, self.dim = at_least(1, channels=channels), start, dim
        self.register_buffer("breakpoints", _rising(breakpoints, start, device, dtype), persistent=False)
        self.given = tuple(breakpoints)
        self.table = nn.Parameter(torch.empty(3, channels, len(breakpoints) + 1, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The start on the diagonal, zeros beside it."""
        _begin(self.table, self.breakpoints, self.start)

    def forward(self, x: Tensor) -> Tensor:
        """The layer at `x`."""
        _check(x, self.channels, self.dim)
        return matrix_activation(x, self.table, self.breakpoints, self.dim)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.channels}, {self.given}, {self.start!r}, dim={self.dim}"


def _rising(
    breakpoints: Sequence[float], start: str, device: torch.device | str | None, dtype: torch.dtype | None
) -> Tensor:
    one_of(_STARTS, start=start)
    if not breakpoints or not all(a < b for a, b in pairwise(breakpoints)):
        raise ArgumentError.of("breakpoints", tuple(breakpoints), "at least one number, each larger than the last")
    if start == "relu" and 0 not in breakpoints:
        raise ArgumentError.of("breakpoints", tuple(breakpoints), "one at 0", "Or take start='identity'.")
    return torch.tensor(breakpoints, device=device, dtype=dtype)


@torch.no_grad()
def _begin(table: Tensor, breakpoints: Tensor, start: str) -> None:
    table.zero_()
    below = (breakpoints <= 0).sum() if start == "relu" else 0
    table[0] = (torch.arange(table.shape[2], device=table.device) >= below).to(table.dtype)


def _check(x: Tensor, channels: int, dim: int) -> None:
    if not -x.ndim <= dim < x.ndim or x.shape[dim] != channels:
        raise ArgumentError.of("input", f"shape {tuple(x.shape)}", f"{channels} channels along axis {dim}")
