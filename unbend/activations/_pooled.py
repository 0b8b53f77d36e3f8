"""Bends that look at a whole map before they bend."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least

Axes = Sequence[int] | None


def _pool(x: Tensor) -> Tensor:
    """Mean of each map of (b, c, *): (b, c)."""
    return x[..., None].flatten(2).mean(-1)


def _beside(values: Tensor, x: Tensor) -> Tensor:
    """Values (b, c) or (c,), shaped to meet (b, c, *)."""
    return values.reshape(*values.shape, *[1] * (x.ndim - 2))


def _checked(x: Tensor, channels: int) -> Tensor:
    if x.ndim < 2 or x.shape[1] != channels:
        raise ArgumentError.of("input", f"shape {tuple(x.shape)}", f"(b, {channels}, *)")
    return x


class ABReLU(nn.Module):
    """Average-biased ReLU: what is above the mean of the map.

    Formula:
        y = relu(x - mean(x))

    Shape:
        x: (*), with the axes `dims`; y: the same.

    Args:
        dims: the axes of the mean; None for all, the batch with them.

    Behaviour:
        Does not change when a constant is added to a map.

    Departures:
        The mean is over each map, as in the paper; a benchmark's code takes it over the whole tensor, `dims=None`, so
        that an example depends on its batch.

    References:
        Dubey, Chakraborty (2018), Average Biased ReLU Based CNN Descriptor, arXiv:1804.02051.

    Examples:
        >>> ABReLU(dims=(-1,))(torch.tensor([1.0, 2.0, 6.0]))
        tensor([0., 0., 3.])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({}, (2, 3, 5, 7)),)

    def __init__(self, dims: Axes = (-2, -1)) -> None:
        super().__init__()
        self.dims = dims if dims is None else tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        """What is above the mean."""
        return torch.relu(x - x.mean(self.dims, keepdim=True))

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.dims}"


class AOAF(nn.Module):
    """Adaptive offset: ReLU with a threshold and an offset in proportion to the mean of the map.

    Formula:
        y = relu(x - b * mean(x)) + c * mean(x)

    Shape:
        x: (*), with the axes `dims`; y: the same.

    Args:
        b: share of the mean that is the threshold.
        c: share of the mean that is added.
        dims: the axes of the mean; None for all, the batch with them.

    Behaviour:
        Positively homogeneous of degree 1. With b = c what is above the threshold stays as it is.

    Departures:
        UNVERIFIED: over which axes the mean is taken, and that b and c are not trained.

    References:
        Kunc, Klema (2024), Three Decades of Activations, equation 271, arXiv:2402.09092.

    Examples:
        >>> AOAF(0.5, 0.5, dims=(-1,))(torch.tensor([1.0, 2.0, 9.0]))
        tensor([2., 2., 9.])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"b": 0.3}, (2, 3, 5, 7)),)

    def __init__(self, b: float = 0.17, c: float = 0.17, dims: Axes = (-2, -1)) -> None:
        super().__init__()
        self.b, self.c, self.dims = b, c, dims if dims is None else tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        """The layer at `x`."""
        mean = x.mean(self.dims, keepdim=True)
        return torch.relu(x - self.b * mean) + self.c * mean

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.b}, {self.c}, {self.dims}"


class MidReLU(nn.Module):
    """Raises to the middle of the map's range what is below it.

    Formula:
        y = maximum(x, (min(x) + max(x)) / 2)

    Shape:
        x: (*), with the axes `dims`; y: the same.

    Args:
        dims: the axes of the range; None for all, the batch with them.

    Behaviour:
        Moves with a constant added to a map, and scales with it.

    Departures:
        UNVERIFIED: over which axes the range is taken; known as dynamic ReLU, a name that another bend has as well.

    References:
        Kunc, Klema (2024), Three Decades of Activations, equation 274, arXiv:2402.09092.

    Examples:
        >>> MidReLU(dims=(-1,))(torch.tensor([0.0, 1.0, 4.0]))
        tensor([2., 2., 4.])
    """

    aliases: ClassVar[tuple[str, ...]] = ("dynamic_relu_mid",)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (2, 3, 5, 7)),)

    def __init__(self, dims: Axes = (-2, -1)) -> None:
        super().__init__()
        self.dims = dims if dims is None else tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        """The layer at `x`."""
        dims = range(x.ndim) if self.dims is None else self.dims
        middle = x.amin(tuple(dims), keepdim=True) / 2 + x.amax(tuple(dims), keepdim=True) / 2
        return torch.maximum(x, middle)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.dims}"


class FunnelReLU(nn.Module):
    """ReLU whose threshold is what a small window of the map says.

    Formula:
        y = maximum(x, T(x)); T: a depthwise convolution and BatchNorm

    Shape:
        x: (b, channels, H, W); y: the same.

    Args:
        channels: c.
        kernel: side of the window, odd.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Looks at kernel * kernel neighbours, zero beyond the border. Costs a depthwise convolution.

    Departures:
        The convolution has no bias, which BatchNorm would take away; the authors' has one.

    References:
        Ma, Zhang, Sun (2020), Funnel Activation for Visual Recognition, arXiv:2007.11824.

    Examples:
        >>> FunnelReLU(8)(torch.randn(2, 8, 5, 5)).shape
        torch.Size([2, 8, 5, 5])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"channels": 3}, (2, 3, 5, 7)),)

    def __init__(
        self,
        channels: int,
        kernel: int = 3,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if at_least(1, kernel=kernel) % 2 == 0:
            raise ArgumentError.of("kernel", kernel, "an odd number")
        self.channels, self.kernel = at_least(1, channels=channels), kernel
        self.window = nn.Conv2d(
            channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False, device=device, dtype=dtype
        )
        self.norm = nn.BatchNorm2d(channels, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The larger of each number and what its window says."""
        return torch.maximum(x, self.norm(self.window(x)))

    def __repr__(self) -> str:
        return f"FunnelReLU({self.channels}, {self.kernel})"


class DyReLU(nn.Module):
    """Dynamic ReLU: the largest of some lines, whose slopes and offsets a small network sets from the pooled input.

    Formula:
        y = max_k (a_k + d_k) * x + e_k / 2; (d, e) = 2 * sigmoid(W2 relu(W1 mean(x))) - 1; a = (1, 0, ...)

    Shape:
        x: (b, channels, *); y: the same.

    Args:
        channels: c.
        pieces: how many lines.
        reduction: c over the width of the small network.
        shared: one set of lines for all channels (the paper's A), and not one for each (its B).
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Begins near ReLU. Slopes stay within 1 of their start and offsets within 1/2 of 0. Convex in x as long as the
        mean stays.

    Departures:
        The paper's C, with weights that vary over the map, is left out. Without axes beyond c there is no pooling.

    References:
        Chen, Dai, Liu, Chen, Yuan, Liu (2020), Dynamic ReLU, arXiv:2003.10027.

    Examples:
        >>> DyReLU(16)(torch.randn(2, 16, 5, 5)).shape
        torch.Size([2, 16, 5, 5])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"channels": 7, "reduction": 2}, (2, 7, 5), largest=1e9),
        Example({"channels": 7, "pieces": 3, "shared": True}, (2, 7, 5), largest=1e9),
    )

    def __init__(
        self,
        channels: int,
        pieces: int = 2,
        reduction: int = 8,
        *,
        shared: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.pieces = at_least(1, channels=channels), at_least(1, pieces=pieces)
        self.reduction, self.shared = at_least(1, reduction=reduction), shared
        inner = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, inner, device=device, dtype=dtype)
        self.expand = nn.Linear(inner, 2 * pieces * (1 if shared else channels), device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The largest line at every number."""
        moved = 2 * torch.sigmoid(self.expand(self.squeeze(_pool(_checked(x, self.channels))).relu())) - 1
        slopes, offsets = moved.unflatten(1, (2, self.pieces, -1)).unbind(1)
        lines = [_beside(slopes[:, k] + (k == 0), x) * x + _beside(offsets[:, k] / 2, x) for k in range(self.pieces)]
        return torch.stack(lines).amax(0)

    def __repr__(self) -> str:
        return f"DyReLU({self.channels}, {self.pieces}, {self.reduction}, shared={self.shared})"


class MetaACON(nn.Module):
    """Activate or not: a smooth maximum of two lines, as sharp as a small network says from the pooled input.

    Formula:
        y = (p - q) * x * sigmoid(g * (p - q) * x) + q * x; g = sigmoid(W2 W1 mean(x))

    Shape:
        x: (b, channels, *); y: the same.

    Args:
        channels: c.
        reduction: c over the width of the small network.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        g = 0 is the line (p + q) / 2 * x, and as g grows y tends to max(p * x, q * x); g stays below 1. p and q start
        as normal random numbers, as in the authors' code, and there is no bend between W1 and W2.

    References:
        Ma, Zhang, Liu, Sun (2021), Activate or Not: Learning Customized Activation, arXiv:2009.04759.

    Examples:
        >>> MetaACON(16)(torch.randn(2, 16, 5, 5)).shape
        torch.Size([2, 16, 5, 5])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"channels": 7, "reduction": 2}, (2, 7, 5), largest=1e9),)

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.reduction = at_least(1, channels=channels), at_least(1, reduction=reduction)
        inner = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, inner, bias=False, device=device, dtype=dtype)
        self.expand = nn.Linear(inner, channels, bias=False, device=device, dtype=dtype)
        self.p = nn.Parameter(torch.randn(channels, device=device, dtype=dtype))
        self.q = nn.Parameter(torch.randn(channels, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """The smooth maximum at every number."""
        sharp = torch.sigmoid(self.expand(self.squeeze(_pool(_checked(x, self.channels)))))
        gap = _beside(self.p - self.q, x) * x
        return gap * torch.sigmoid(_beside(sharp, x) * gap) + _beside(self.q, x) * x

    def __repr__(self) -> str:
        return f"MetaACON({self.channels}, {self.reduction})"
