"""What the learned edge functions share: families of basis functions of one number, with their grids, as data."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least, one_of
from unbend.kernels._spline import bspline, spline_basis

BasisName = Literal["bspline", "rbf", "chebyshev", "fourier"]
Path = Literal["kernel", "torch"]
Base = Literal["silu"] | nn.Module | None


@dataclass(frozen=True)
class Basis(ABC):
    """A family of functions of one number.

    Its place on the line is a tensor, `knots`, with a row for each feature. The knots come from `grid + 1` increasing
    points for each feature, and give them back: so a grid is moved and refined in the same way for every family.

    Args:
        grid: number of intervals; degree of Chebyshev's polynomials, number of frequencies of Fourier's waves.
    """

    grid: int
    name: ClassVar[BasisName]
    path: ClassVar[Path] = "torch"

    def __post_init__(self) -> None:
        at_least(1, grid=self.grid)

    @property
    @abstractmethod
    def size(self) -> int:
        """How many functions there are."""

    @abstractmethod
    def knots(self, points: Tensor) -> Tensor:
        """Knots `(features, *)` of the points `(features, grid + 1)`."""

    @abstractmethod
    def points(self, knots: Tensor) -> Tensor:
        """The points of the knots."""

    @abstractmethod
    def __call__(self, x: Tensor, knots: Tensor) -> Tensor:
        """The value `(..., features, size)` of every function at `x`, `(..., features)`."""

    def resized(self, size: int) -> "Basis":
        """The same family with `size` functions."""
        each = (replace(self, grid=2).size - replace(self, grid=1).size) or 1
        return replace(self, grid=1 + (size - replace(self, grid=1).size) // each)


@dataclass(frozen=True)
class BSplines(Basis):
    """`grid + order` B-splines: piecewise polynomials that sum to one between the first and the last point.

    The grid goes on evenly for `order` intervals on either side; beyond, all are zero.
    """

    order: int = 3
    plain: bool = False
    name = "bspline"

    def __post_init__(self) -> None:
        at_least(1, grid=self.grid)
        at_least(1, order=self.order)

    @property
    def path(self) -> Path:  # pyright: ignore[reportIncompatibleVariableOverride]  a fact of the instance here
        """Which way they are computed: by the compiled loop, or by the formula in plain torch."""
        return "torch" if self.plain else "kernel"

    @property
    def size(self) -> int:
        return self.grid + self.order

    def knots(self, points: Tensor) -> Tensor:
        first, last = points[:, :1], points[:, -1:]
        more = torch.arange(1, self.order + 1, device=points.device) * (last - first) / self.grid
        return torch.cat([first - more.flip(-1), points, last + more], -1)

    def points(self, knots: Tensor) -> Tensor:
        return knots[:, self.order : -self.order]

    def __call__(self, x: Tensor, knots: Tensor) -> Tensor:
        return (bspline if self.plain else spline_basis)(x, knots, self.order)


@dataclass(frozen=True)
class RadialBases(Basis):
    """`grid + 1` Gaussian bells, one at each point, as wide as the points are apart on average."""

    name = "rbf"

    @property
    def size(self) -> int:
        return self.grid + 1

    def knots(self, points: Tensor) -> Tensor:
        return points.clone()

    def points(self, knots: Tensor) -> Tensor:
        return knots

    def __call__(self, x: Tensor, knots: Tensor) -> Tensor:
        width = (knots[:, -1:] - knots[:, :1]) / self.grid
        # Past 30 the bell is zero in every type; left unbounded the slope becomes inf * 0.
        return torch.exp(-(((x[..., None] - knots) / width).clamp(-30, 30) ** 2))


@dataclass(frozen=True)
class _Ends(Basis, ABC):
    """Families that know the ends of their domain only: it is brought to (-1, 1)."""

    def knots(self, points: Tensor) -> Tensor:
        return points[:, [0, -1]]

    def points(self, knots: Tensor) -> Tensor:
        return _line(knots, self.grid)

    @staticmethod
    def inner(x: Tensor, knots: Tensor) -> Tensor:
        """`x` in units in which the domain is (-1, 1)."""
        low, high = knots[:, 0], knots[:, 1]
        return (x - (low + high) / 2) * (2 / (high - low))


@dataclass(frozen=True)
class Chebyshev(_Ends):
    """Chebyshev's polynomials of degree 0 to `grid` of `tanh(x)`.

    By their recurrence: through the arc cosine the slope is nan where the tanh is rounded to one.
    """

    name = "chebyshev"

    @property
    def size(self) -> int:
        return self.grid + 1

    def __call__(self, x: Tensor, knots: Tensor) -> Tensor:
        z = torch.tanh(self.inner(x, knots))
        terms = [torch.ones_like(z) + 0 * z, z]
        while len(terms) < self.size:
            terms.append(2 * z * terms[-1] - terms[-2])
        return torch.stack(terms, -1)


@dataclass(frozen=True)
class Fourier(_Ends):
    """`cos(k x)` and `sin(k x)` for k from 1 to `grid`."""

    name = "fourier"

    @property
    def size(self) -> int:
        return 2 * self.grid

    def __call__(self, x: Tensor, knots: Tensor) -> Tensor:
        waves = self.inner(x, knots)[..., None] * torch.arange(1, self.grid + 1, device=x.device, dtype=x.dtype)
        return torch.cat([torch.cos(waves), torch.sin(waves)], -1)


_FAMILIES: dict[str, Callable[..., Basis]] = {"rbf": RadialBases, "chebyshev": Chebyshev, "fourier": Fourier}


def basis_of(name: BasisName, grid: int, order: int = 3, path: Path | None = None) -> Basis:
    """The family called `name`.

    Args:
        name: "bspline", "rbf", "chebyshev" or "fourier".
        grid: number of intervals, of the degree, or of frequencies.
        order: of B-splines.
        path: "kernel" (B-splines only, and their default) or "torch".
    """
    one_of(("bspline", *_FAMILIES), basis=name)
    if path is not None:
        one_of(("kernel", "torch"), path=path)
    if name == "bspline":
        return BSplines(grid, order, plain=path == "torch")
    if path == "kernel":
        raise ArgumentError.of("path", path, f"'torch' for the basis {name}", "Only B-splines have a kernel.")
    return _FAMILIES[name](grid)


def even_points(domain: tuple[float, float], features: int, grid: int, **where: Any) -> Tensor:
    """`grid + 1` points spread evenly over the domain, for each feature."""
    low, high = domain
    if not -float("inf") < low < high < float("inf"):
        raise ArgumentError.of("domain", domain, "two finite numbers, the first the smaller")
    return torch.linspace(low, high, grid + 1, **where).expand(features, -1)


def sampled_points(samples: Tensor, grid: int, eps: float, otherwise: Tensor) -> Tensor:
    """Points at quantiles of `samples`, `(n, features)`, mixed with a share `eps` of even ones.

    A feature whose samples are all the same keeps the points of `otherwise`, which may have another number.
    """
    shares = torch.linspace(0, 1, grid + 1, dtype=samples.dtype, device=samples.device)
    adapted = torch.quantile(samples, shares, 0).T
    points = eps * _line(adapted[:, [0, -1]], grid) + (1 - eps) * adapted
    wide = points[:, -1] - points[:, 0] > 1e-6 * (1 + points.abs().amax(1))
    return torch.where(wide[:, None], points, refined(otherwise, grid))


def refined(points: Tensor, grid: int) -> Tensor:
    """`grid + 1` points that lie among the given ones as evenly as these do; all of them, where there are as many."""
    return F.interpolate(points[None], size=grid + 1, mode="linear", align_corners=True)[0]


def least_squares(values: Tensor, target: Tensor) -> Tensor:
    """Coefficients `(..., size, k)` whose curves come nearest to `target` `(..., n, k)`; the least where many do."""
    solved = torch.linalg.lstsq(values.double().cpu(), target.double().cpu(), driver="gelsd").solution
    return solved.to(target)


def base_function(base: Base) -> Callable[[Tensor], Tensor] | None:
    """What is called for the base branch; None where there is none."""
    if base is None or isinstance(base, nn.Module):
        return base
    one_of(("silu",), base=base)
    return F.silu


def _line(ends: Tensor, grid: int) -> Tensor:
    share = torch.linspace(0, 1, grid + 1, dtype=ends.dtype, device=ends.device)
    return ends[:, :1] * (1 - share) + ends[:, 1:] * share


class LearnedEdge(nn.Module, ABC):
    """A learned function of one number, the same for all inputs or one for each channel: an edge of a KAN, as a bend.

    Args:
        basis: the family of functions.
        base: added to the curve, times a learned factor; None for the curve alone.
        channels: learn one curve for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        domain: where the grid lies.
        device: where the parameters lie.
        dtype: their type.
    """

    aliases: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        basis: Basis,
        base: Base,
        channels: int | None,
        dim: int,
        domain: tuple[float, float],
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        if dim not in (1, -1):
            raise ArgumentError.of("dim", dim, "1 or -1, the axis that holds the channels")
        rows = 1 if channels is None else at_least(1, channels=channels)
        self.basis, self.channels, self.dim, self.domain = basis, channels, dim, domain
        self.base: Base = base
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_buffer("knots", basis.knots(even_points(domain, rows, basis.grid, **where)))
        self.coef = nn.Parameter(torch.empty(rows, basis.size, **where))
        self.base_weight = None if base is None else nn.Parameter(torch.empty(rows, **where))
        self.reset_parameters()

    knots: Tensor

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Begin at SiLU: by the base, or as near as the family comes on the domain."""
        if self.base_weight is not None:
            self.base_weight.fill_(1.0)
            self.coef.zero_()
        elif not self.coef.is_meta:
            at = torch.linspace(*self.domain, 8 * self.basis.size, dtype=torch.float64, device=self.coef.device)
            values = self.basis(at[:, None].expand(-1, len(self.coef)), self.knots.double()).transpose(0, 1)
            target = F.silu(at)[:, None].expand(len(self.coef), -1, 1)
            self.coef.copy_(least_squares(values, target)[..., 0])

    def forward(self, x: Tensor) -> Tensor:
        """The curve at every element of `x`."""
        rows = x[..., None] if self.channels is None else x.movedim(self.dim, -1)
        if rows.shape[-1] != len(self.coef):
            raise ArgumentError.of("x", f"shape {tuple(x.shape)}", f"{self.channels} channels along axis {self.dim}")
        wide = torch.promote_types(x.dtype, torch.float32)
        bases = self.basis(rows.to(wide), self.knots.to(wide))
        y = (bases * self.coef.to(wide)).sum(-1).to(x.dtype)
        base = base_function(self.base)
        if base is not None and self.base_weight is not None:
            y = y + self.base_weight.to(x.dtype) * base(rows)
        return y[..., 0] if self.channels is None else y.movedim(-1, self.dim)

    def extra_repr(self) -> str:
        """The arguments."""
        order = {"order": self.basis.order} if isinstance(self.basis, BSplines) else {}
        shown = {"grid": self.basis.grid, **order, "channels": self.channels, "dim": self.dim, "domain": self.domain}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())
