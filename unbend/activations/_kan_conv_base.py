"""What convolutions with learned functions share, in any number of dimensions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least
from unbend.activations import _kan_base as _base
from unbend.activations._kan_base import Base, BasisName, Path

Size = int | Sequence[int]


class KANConv(nn.Module, ABC):
    """A convolution whose kernel holds a function at every place, instead of a weight.

    Args:
        in_channels: channels that go in.
        out_channels: channels that come out.
        kernel_size: one number, or one for each axis.
        stride: as in torch's convolutions, and so are padding, dilation and groups.
        padding: zeros around the input, before the functions: there an edge contributes phi(0).
        dilation: distance between the places of the kernel.
        groups: groups of channels that do not see each other.
        grid: intervals of the grid; the degree for "chebyshev", the number of frequencies for "fourier".
        order: of the B-splines.
        base: what is added to every curve, scaled: "silu", a module of your own, or None.
        basis: "bspline", "rbf", "chebyshev" or "fourier".
        domain: where the grid lies, for every channel.
        noise: the curves start as steps of this size over the grid.
        path: for B-splines "kernel" (default), a compiled loop on the CPU, or "torch".
        device: where the parameters lie.
        dtype: their type.
    """

    dims: ClassVar[int]
    knots: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        grid: int = 5,
        order: int = 3,
        *,
        base: Base = "silu",
        basis: BasisName = "bspline",
        domain: tuple[float, float] = (-1.0, 1.0),
        noise: float = 0.1,
        path: Path | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = at_least(1, in_channels=in_channels)
        self.out_channels = at_least(1, out_channels=out_channels)
        self.groups = at_least(1, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ArgumentError.of("groups", groups, f"a divisor of {in_channels} and {out_channels}")
        self.kernel_size = self._sizes(1, kernel_size=kernel_size)
        self.stride, self.dilation = self._sizes(1, stride=stride), self._sizes(1, dilation=dilation)
        self.padding = self._sizes(0, padding=padding)
        self.basis = _base.basis_of(basis, grid, order, path)
        self.order, self.domain, self.noise = order, domain, noise
        self.base: Base = base
        _base.base_function(base)
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_buffer("knots", self.basis.knots(_base.even_points(domain, in_channels, grid, **where)))
        shape = out_channels, in_channels // groups, *self.kernel_size
        self.coef = nn.Parameter(torch.empty(*shape, self.basis.size, **where))
        self.scale = nn.Parameter(torch.empty(shape, **where))
        self.base_weight = None if base is None else nn.Parameter(torch.empty(shape, **where))
        self.reset_parameters()

    @property
    @abstractmethod
    def convolve(self) -> Callable[..., Tensor]:
        """Torch's convolution in as many dimensions."""

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the curves anew."""
        bound = self.coef[0, ..., 0].numel() ** -0.5
        self.scale.uniform_(-bound, bound)
        if self.base_weight is not None:
            self.base_weight.uniform_(-bound, bound)
        if self.coef.is_meta:
            return
        points = self.basis.points(self.knots[:1]).double()
        curves = self.scale.numel()
        steps = (torch.rand(1, points.shape[1], curves, device=points.device) - 0.5) * (self.noise / self.basis.grid)
        values = self.basis(points.T, self.knots[:1].double()).transpose(0, 1)
        self.coef.copy_(_base.least_squares(values, steps.double())[0].T.reshape(self.coef.shape))

    def forward(self, x: Tensor) -> Tensor:
        """The sums of the functions' values over each window."""
        if x.ndim != self.dims + 2 or x.shape[1] != self.in_channels:
            wanted = ", ".join(["b", f"{self.in_channels}", *"tHWD"[1 if self.dims > 1 else 0 :][: self.dims]])
            raise ArgumentError.of("x", tuple(x.shape), f"shape ({wanted})")
        x = F.pad(x, [pad for size in reversed(self.padding) for pad in (size, size)])
        weight = self.scale[..., None] * self.coef
        base = _base.base_function(self.base)
        wide = torch.promote_types(x.dtype, torch.float32)
        at = x.movedim(1, -1)
        # A function of the input is formed once for each place, and not for each window that holds it.
        values = self.basis(at.to(wide), self.knots.to(wide)).to(x.dtype)
        if base is not None and self.base_weight is not None:
            values = torch.cat([values, base(at)[..., None]], -1)
            weight = torch.cat([weight, self.base_weight[..., None]], -1)
        # (out, in, *kernel, size) to (out, in * size, *kernel), the functions of a channel side by side.
        weight = weight.movedim(-1, 2).flatten(1, 2)
        return self.convolve(
            values.flatten(-2).movedim(-1, 1), weight, None, self.stride, 0, self.dilation, self.groups
        )

    def _sizes(self, least: int, **size: Size) -> tuple[int, ...]:
        ((name, given),) = size.items()
        sizes = (given,) * self.dims if isinstance(given, int) else tuple(given)
        if len(sizes) != self.dims or any(one < least for one in sizes):
            raise ArgumentError.of(name, given, f"a whole number >= {least}, or {self.dims} of them")
        return sizes

    def __repr__(self) -> str:
        shape = f"{self.in_channels}, {self.out_channels}, {self.kernel_size}, {self.stride}, {self.padding}"
        listed = ", ".join(
            f"{name}={value!r}"
            for name, value in {
                "base": self.base, "basis": self.basis.name, "domain": self.domain, "noise": self.noise,
                "path": self.basis.path,
            }.items()
        )  # fmt: skip
        rest = f"{self.dilation}, {self.groups}, {self.basis.grid}, {self.order}, {listed}"
        return f"{type(self).__name__}({shape}, {rest})"
