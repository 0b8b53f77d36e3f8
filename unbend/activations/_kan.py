"""A linear layer whose weights are functions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.activations import _kan_base as _base
from unbend.activations._kan_base import Base, BasisName, Path


class KANLayer(nn.Module):
    """Layer of a Kolmogorov-Arnold network: each output is a sum of learned functions, one of each input.

    Formula:
        y_j = sum_i phi_ji(x_i),  phi(x) = w * silu(x) + s * sum_m c_m * B_m(x)

    Shape:
        x: (*, in_features); y: (*, out_features). base_weight (w), scale (s) and mask: (out, in); coef (c):
        (out, in, size) with size = grid + order for B-splines; knots: (in, grid + 2 * order + 1).

    Args:
        in_features: inputs.
        out_features: outputs.
        grid: intervals of the grid; the degree for "chebyshev", the number of frequencies for "fourier".
        order: of the B-splines; 3 is cubic.
        base: what is added to every curve, scaled: "silu", a module of your own, or None.
        basis: "bspline", "rbf" (Gaussian bells), "chebyshev" (of tanh(x)) or "fourier".
        domain: where the grid lies at first, for every input.
        noise: the curves start as steps of this size over the grid; 0 starts them at zero.
        path: for B-splines "kernel" (default), a compiled loop on the CPU, or "torch".

    Behaviour:
        in * out * (size + 2) numbers are learned. B-splines sum to one on the domain and go to zero over the `order`
        intervals on either side of it; beyond, the base alone is left. The right end of the domain is inside. The
        bases are formed once for each input, with `order + 1` of them not zero, then one matrix product follows. On
        other devices than the CPU the kernel's operator computes the formula of Cox and de Boor in torch.

    Departures:
        Start as in the authors' code: w from U(-1, 1) / sqrt(in), s = 1 / sqrt(in); the paper says Xavier, and s = 1.
        Coefficients lie as (out, in, size). Bells, polynomials and waves are those of FastKAN, ChebyKAN and FourierKAN.

    References:
        Liu et al. (2024), KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756.

    Examples:
        >>> layer = KANLayer(2, 3)
        >>> layer(torch.zeros(5, 2)).shape, layer.refine(10).coef.shape
        (torch.Size([5, 3]), torch.Size([3, 2, 13]))
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"in_features": 5, "out_features": 7}, (2, 3, 5)),
        Example({"in_features": 5, "out_features": 2, "order": 2, "path": "torch", "base": None}, (3, 5)),
        Example({"in_features": 5, "out_features": 2, "basis": "rbf", "base": nn.Tanh()}, (3, 5)),
        Example({"in_features": 5, "out_features": 2, "basis": "chebyshev", "grid": 4}, (3, 5)),
        Example({"in_features": 5, "out_features": 2, "basis": "fourier", "grid": 3}, (3, 5)),
    )

    def __init__(
        self,
        in_features: int,
        out_features: int,
        grid: int = 5,
        order: int = 3,
        *,
        base: Base = "silu",
        basis: BasisName = "bspline",
        domain: tuple[float, float] = (-1.0, 1.0),
        noise: float = 0.3,
        path: Path | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = (
            at_least(1, in_features=in_features),
            at_least(1, out_features=out_features),
        )
        self.basis = _base.basis_of(basis, grid, order, path)
        self.order, self.domain, self.noise = order, domain, noise
        self.base: Base = base
        _base.base_function(base)
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        points = _base.even_points(domain, in_features, grid, **where)
        self.register_buffer("knots", self.basis.knots(points))
        self.register_buffer("mask", torch.ones(out_features, in_features, **where))
        self.coef = nn.Parameter(torch.empty(out_features, in_features, self.basis.size, **where))
        self.scale = nn.Parameter(torch.empty(out_features, in_features, **where))
        self.base_weight = None
        if base is not None:
            self.base_weight = nn.Parameter(torch.empty(out_features, in_features, **where))
        self.reset_parameters()

    knots: Tensor
    mask: Tensor

    @property
    def grid(self) -> int:
        """Intervals of the grid as it now is."""
        return self.basis.grid

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the curves anew, on the grid as it now is."""
        size = self.in_features**-0.5
        self.scale.fill_(size)
        if self.base_weight is not None:
            self.base_weight.uniform_(-size, size)
        points = self.basis.points(self.knots)
        steps = (torch.rand(*points.shape, self.out_features, device=points.device) - 0.5) * (self.noise / self.grid)
        if not self.coef.is_meta:
            self._fit(points.T.double(), steps.double())

    def forward(self, x: Tensor) -> Tensor:
        """The sums of the edges' values."""
        if x.shape[-1] != self.in_features:
            raise ArgumentError.of("x", f"shape {tuple(x.shape)}", f"(*, {self.in_features})")
        weight = (self.scale * self.mask)[..., None] * self.coef
        y = F.linear(self.bases(x).flatten(-2), weight.flatten(1))
        base = _base.base_function(self.base)
        if base is None or self.base_weight is None:
            return y
        return y + F.linear(base(x), self.base_weight * self.mask)

    def bases(self, x: Tensor) -> Tensor:
        """The basis functions at `x`: (*, in, size); computed in float32 at least."""
        wide = torch.promote_types(x.dtype, torch.float32)
        return self.basis(x.to(wide), self.knots.to(wide)).to(x.dtype)

    def edges(self, x: Tensor) -> Tensor:
        """The value of every edge at `x`: (*, out, in); their sum over `in` is the output."""
        y = self.scale * torch.einsum("...im,jim->...ji", self.bases(x), self.coef)
        base = _base.base_function(self.base)
        if base is not None and self.base_weight is not None:
            y = y + self.base_weight * base(x)[..., None, :]
        return self.mask * y

    def edge_function(self, i: int, j: int) -> Callable[[Tensor], Tensor]:
        """The function from input `i` to output `j`, elementwise on tensors of any shape; it follows the layer."""
        for name, at, count in (("i", i, self.in_features), ("j", j, self.out_features)):
            if not 0 <= at < count:
                raise ArgumentError.of(name, at, f"0 to {count - 1}")

        def phi(x: Tensor) -> Tensor:
            bases = self.basis(x[..., None], self.knots[i : i + 1].to(x.dtype))[..., 0, :]
            y = self.scale[j, i].to(x.dtype) * (bases @ self.coef[j, i].to(x.dtype))
            base = _base.base_function(self.base)
            if base is not None and self.base_weight is not None:
                y = y + self.base_weight[j, i].to(x.dtype) * base(x)
            return self.mask[j, i].to(x.dtype) * y

        return phi

    def penalty(self, x: Tensor, l1: float = 1.0, entropy: float = 1.0) -> Tensor:
        """What to add to a loss for few and unlike edges: `l1 * sum(v) - entropy * sum(p * log(p))`.

        `v` is the mean size of an edge's value over the batch `x`, and `p = v / sum(v)`.
        """
        v = self.edges(x).flatten(0, -3).abs().mean(0)
        p = v / v.sum().clamp(min=torch.finfo(v.dtype).tiny)
        return l1 * v.sum() + entropy * torch.special.entr(p).sum()

    @torch.no_grad()
    def update_grid(self, x: Tensor, eps: float = 0.02) -> Self:
        """Move the grid to where the samples `x` lie, and keep the curves as near as may be on them.

        Args:
            x: (*, in_features); more samples than functions in the basis.
            eps: share of an even grid over the range of the samples, mixed into that of their quantiles; 0 < eps <= 1.
        """
        if not 0 < eps <= 1:
            raise ArgumentError.of("eps", eps, "0 < eps <= 1", "An even share keeps points apart where samples tie")
        samples = x.detach().reshape(-1, self.in_features).double()
        if len(samples) < 2 or not samples.isfinite().all():
            raise ArgumentError.of("x", f"shape {tuple(x.shape)}, or values not finite", "two finite samples or more")
        before = self.basis.points(self.knots).double()
        return self._move(_base.sampled_points(samples, self.grid, eps, before), samples)

    @torch.no_grad()
    def refine(self, grid: int) -> Self:
        """Change the number of intervals. B-splines on a multiple of the old grid stay the same on the domain.

        `coef` becomes another parameter: make the optimiser anew.
        """
        at_least(1, grid=grid)
        before = self.basis.points(self.knots).double()
        dense = max(grid, self.grid) * 2 * (self.order + 1)
        return self._move(_base.refined(before, grid), _base.refined(before, dense).T, grid)

    def _move(self, points: Tensor, samples: Tensor, grid: int | None = None) -> Self:
        """Lay the grid on other points and fit the curves to what they were at the samples."""
        values = torch.einsum("nim,jim->inj", self.basis(samples, self.knots.double()), self.coef.double())
        self._resize(self.basis.grid if grid is None else grid)
        self.knots.copy_(self.basis.knots(points))
        self._fit(samples, values)
        return self

    def _fit(self, samples: Tensor, values: Tensor) -> None:
        """Coefficients of the curves through `values`, (in, n, out), at `samples`, (n, in)."""
        bases = self.basis(samples, self.knots.double()).transpose(0, 1)
        self.coef.copy_(_base.least_squares(bases, values).permute(2, 0, 1))

    def _resize(self, grid: int) -> None:
        """Room for another grid; knots and coefficients are then still to be written."""
        if grid == self.grid:
            return
        self.basis = replace(self.basis, grid=grid)
        points = self.knots.new_zeros(self.in_features, grid + 1)
        self.knots = self.basis.knots(points)
        self.coef = nn.Parameter(self.coef.new_zeros(self.out_features, self.in_features, self.basis.size))

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        # A layer that was refined before it was saved comes back with the grid that it had.
        saved = state_dict.get(prefix + "coef")
        if isinstance(saved, Tensor) and saved.ndim == 3 and saved.shape[:2] == self.coef.shape[:2]:
            self._resize(self.basis.resized(saved.shape[2]).grid)
        lists = missing_keys, unexpected_keys, error_msgs
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *lists)

    def __repr__(self) -> str:
        options = {"base": self.base, "basis": self.basis.name, "domain": self.domain, "noise": self.noise}
        listed = ", ".join(f"{name}={value!r}" for name, value in {**options, "path": self.basis.path}.items())
        return f"KANLayer({self.in_features}, {self.out_features}, {self.grid}, {self.order}, {listed})"
