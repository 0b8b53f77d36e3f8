"""Almost-linear recurrent networks of dynamical systems, and the symbols that their few bends make of a trajectory."""

from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least

_MOST_BENDS = 16


@dataclass(frozen=True)
class FixedPoint:
    """A fixed point of the map of one region; `genuine` where it lies in that region, `stable` where it attracts."""

    symbol: tuple[bool, ...]
    z: Tensor
    genuine: bool
    stable: bool


@dataclass(frozen=True)
class SymbolicGraph:
    """Which regions a trajectory visits, and how often it goes from one to another.

    Args:
        symbols: the regions, in the order of their first visit.
        counts: `counts[i, j]` steps from region i to region j.
    """

    symbols: tuple[tuple[bool, ...], ...]
    counts: Tensor

    def probabilities(self) -> Tensor:
        """The share of the steps out of region i that go to j; a region that is never left has a row of zeros."""
        return self.counts / self.counts.sum(1, keepdim=True).clamp(min=1)

    def entropy(self) -> float:
        """Nats a step that the symbols bring, if each depends on the one before alone."""
        p, weight = self.probabilities(), self.counts.sum(1) / self.counts.sum().clamp(min=1)
        return float(-(weight[:, None] * torch.xlogy(p, p)).sum())


class ALRNN(nn.Module):
    """A recurrent network that is linear but for a few of its units: an affine map for each pattern of their signs.

    Formula:
        z_{t+1} = a z_t + W phi(z_t) + h,  phi = identity on the first M - P units, relu on the last P
        the prediction of x_{t+1} is the first N units of z_{t+1}

    Shape:
        x: (b, t, N), a series; y: (b, t, N), the prediction of what follows each x_t.

    Args:
        observed: numbers of an observation, N.
        width: units, M, at least N.
        bends: how many of them bend, P; there are at most 2^P regions.
        forcing: every so many steps the first N units are set to what is observed.
        strength: how far: 1 sets them, less mixes.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time t M^2, one step after another. The first state is a linear map of the first observation, whose first N
        units are that observation itself.

    References:
        Brenner, Hemmer, Monfared, Durstewitz (2024), Almost-Linear RNNs Yield Highly Interpretable Symbolic Codes in
        Dynamical Systems Reconstruction, arXiv:2410.14240.

    Examples:
        >>> model = ALRNN(3, 8, 2)
        >>> z = model.run(torch.zeros(3), 50)
        >>> len(model.graph(z).symbols) <= 4
        True
    """

    floor: Tensor
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"observed": 3, "width": 7, "bends": 2, "forcing": 2}, (2, 5, 3), largest=1e9),
    )

    def __init__(
        self,
        observed: int,
        width: int,
        bends: int,
        *,
        forcing: int = 16,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.observed, self.width, self.bends = at_least(1, observed=observed), width, at_least(0, bends=bends)
        if width < max(observed, bends):
            raise ArgumentError.of("width", width, f"at least observed={observed} and bends={bends}")
        if not 0 <= strength <= 1:
            raise ArgumentError.of("strength", strength, "a number from 0 to 1")
        self.forcing, self.strength = at_least(1, forcing=forcing), strength
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        self.diagonal = nn.Parameter(torch.empty(width, **place))
        self.weight = nn.Parameter(torch.empty(width, width, **place))
        self.bias = nn.Parameter(torch.empty(width, **place))
        # The greater of a unit and its floor is the unit, or its relu.
        floor = [float("-inf")] * (width - bends) + [0.0] * bends
        self.register_buffer("floor", torch.tensor(floor, **place), persistent=False)
        self.start = nn.Linear(observed, width - observed, bias=False, **place) if width > observed else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """A contraction with one direction that neither grows nor fades, and next to no coupling."""
        with torch.no_grad():
            r = torch.randn(self.width, self.width, device=self.bias.device)
            k = r.T @ r / self.width + torch.eye(self.width, device=r.device)
            self.diagonal.copy_(k.diagonal() / torch.linalg.matrix_norm(k, 2))
            nn.init.normal_(self.weight, std=0.01)
            nn.init.zeros_(self.bias)
            if self.start is not None:
                nn.init.uniform_(self.start.weight, -(self.observed**-0.5), self.observed**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        states: list[Tensor] = []
        z = self.begin(x[:, 0])
        for t, seen in enumerate(x.unbind(1)):
            if t and t % self.forcing == 0:
                head = torch.lerp(z[:, : self.observed], seen, self.strength)
                z = torch.cat((head, z[:, self.observed :]), 1)
            z = self.cell(z)
            states.append(z[:, : self.observed])
        return torch.stack(states, 1)

    def begin(self, x: Tensor) -> Tensor:
        """The state (..., M) at an observation (..., N)."""
        return x if self.start is None else torch.cat((x, self.start(x)), -1)

    def cell(self, z: Tensor) -> Tensor:
        """One step of the states (..., M)."""
        bent = nn.functional.linear(torch.maximum(z, self.floor), self.weight, self.bias)
        return torch.addcmul(bent, self.diagonal, z)

    @torch.no_grad()
    def run(self, x: Tensor, steps: int) -> Tensor:
        """States (steps + 1, M) of a trajectory that starts at observation x (N,) and is left to itself."""
        states = [self.begin(x)]
        for _ in range(at_least(0, steps=steps)):
            states.append(self.cell(states[-1]))
        return torch.stack(states)

    def codes(self, z: Tensor) -> Tensor:
        """The signs of the bending units, `(..., P)` boolean: the region in which a state lies."""
        return z[..., self.width - self.bends :] > 0

    def region_map(self, symbol: Tensor | tuple[bool, ...]) -> tuple[Tensor, Tensor]:
        """Matrix and offset of the affine map that the network is in a region."""
        bits = torch.as_tensor(symbol, device=self.bias.device).to(self.bias.dtype)
        if bits.shape != (self.bends,):
            raise ArgumentError.of("symbol", f"shape {tuple(bits.shape)}", f"{self.bends} signs")
        open_ = torch.cat((bits.new_ones(self.width - self.bends), bits))
        return torch.diag(self.diagonal) + self.weight * open_, self.bias

    @torch.no_grad()
    def fixed_points(self) -> list[FixedPoint]:
        """The fixed point of each region's map that has one alone, by its closed form."""
        if self.bends > _MOST_BENDS:
            raise ArgumentError.of("bends", self.bends, f"at most {_MOST_BENDS}, as there are 2^bends regions")
        found: list[FixedPoint] = []
        for symbol in product((False, True), repeat=self.bends):
            matrix, offset = self.region_map(symbol)
            z, info = torch.linalg.solve_ex(torch.eye(self.width).to(matrix) - matrix, offset)
            if int(info) or not bool(z.isfinite().all()):
                continue
            genuine = tuple(self.codes(z).tolist()) == symbol
            stable = float(torch.linalg.eigvals(matrix).abs().max()) < 1
            found.append(FixedPoint(symbol, z, genuine, stable))
        return found

    def graph(self, z: Tensor) -> SymbolicGraph:
        """The regions that a trajectory (t, M) visits, and the steps between them."""
        number, path = dict[tuple[bool, ...], int](), list[int]()
        for row in self.codes(z).tolist():
            path.append(number.setdefault(tuple(row), len(number)))
        at = torch.tensor(path)
        counts = torch.bincount(at[:-1] * len(number) + at[1:], minlength=len(number) ** 2)
        return SymbolicGraph(tuple(number), counts.view(len(number), -1))

    def extra_repr(self) -> str:
        return f"{self.observed}, {self.width}, {self.bends}, forcing={self.forcing}, strength={self.strength}"

    def __repr__(self) -> str:
        return f"ALRNN({self.extra_repr()})"


def state_space_divergence(x: Tensor, reference: Tensor, bins: int = 20) -> float:
    """How much the places that a series (t, N) visits differ from those of a reference, whatever the order.

    Formula:
        sum_k p_k log(p_k / q_k) over boxes of equal size within the reference's range; p of the reference, q of x

    Args:
        x: the generated series.
        reference: the true one.
        bins: boxes along each axis; what falls outside the range counts in a box of its own.

    Departures:
        A tenth of a visit is added to every box that either visits, so that none is empty.

    References:
        Brenner, Hemmer, Monfared, Durstewitz (2024), Almost-Linear RNNs Yield Highly Interpretable Symbolic Codes in
        Dynamical Systems Reconstruction, arXiv:2410.14240.
    """
    low, high = reference.amin(0), reference.amax(0)

    def boxes(series: Tensor) -> Tensor:
        inside = ((series >= low) & (series <= high)).all(-1)
        at = ((series - low) / (high - low) * bins).nan_to_num(0.0, 0.0, 0.0).clamp(0, bins - 1).long()
        base = bins ** torch.arange(series.shape[1])
        return torch.where(inside, (at * base).sum(-1), -1)

    both, counts = torch.cat((boxes(reference), boxes(x))).unique(return_inverse=True)
    p, q = (torch.bincount(part, minlength=len(both)) + 0.1 for part in counts.split([len(reference), len(x)]))
    p, q = p / p.sum(), q / q.sum()
    return float((p * (p / q).log()).sum())


def power_spectrum_error(x: Tensor, reference: Tensor, smooth: int = 20) -> float:
    """How much the spectra of two series (t, N) of one length differ: 0 alike, 1 apart.

    Formula:
        mean over dimensions of sqrt(1 - sum_f sqrt(p_f q_f)), p and q the smoothed spectra, each of sum one

    Args:
        x: the generated series.
        reference: the true one.
        smooth: frequencies averaged around each.

    References:
        Brenner, Hemmer, Monfared, Durstewitz (2024), Almost-Linear RNNs Yield Highly Interpretable Symbolic Codes in
        Dynamical Systems Reconstruction, arXiv:2410.14240.
    """
    if x.shape != reference.shape:
        raise ArgumentError.of("x", f"shape {tuple(x.shape)}", f"that of the reference, {tuple(reference.shape)}")

    def spectrum(series: Tensor) -> Tensor:
        power = torch.fft.rfft(series - series.mean(0), dim=0).abs().square().T
        power = torch.nn.functional.avg_pool1d(power, smooth, 1, smooth // 2)
        return power / power.sum(1, keepdim=True).clamp(min=1e-30)

    overlap = (spectrum(x) * spectrum(reference)).sqrt().sum(1)
    return float((1 - overlap).clamp(min=0).sqrt().mean())
