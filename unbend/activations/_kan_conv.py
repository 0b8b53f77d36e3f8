"""Convolutions with learned functions."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from unbend._contract import Example
from unbend.activations._kan_conv_base import KANConv


class KANConv1d(KANConv):
    """A convolution of sequences with a learned function at every place of its kernel.

    Formula:
        y[o, p] = sum_c sum_u phi[o, c, u](x[c, p + u]),  phi(x) = w * silu(x) + s * sum_m c_m * B_m(x)

    Shape:
        x: (b, in_channels, t); y: (b, out_channels, t').

    Behaviour:
        As `KANConv2d`, along one axis.

    References:
        Bodner, Tepsich, Spolski, Pourteau (2024), Convolutional Kolmogorov-Arnold Networks, arXiv:2406.13155.

    Examples:
        >>> import torch
        >>> KANConv1d(2, 3, 5, padding=2)(torch.zeros(7, 2, 11)).shape
        torch.Size([7, 3, 11])
    """

    dims = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"in_channels": 3, "out_channels": 5, "kernel_size": 2, "stride": 2}, (2, 3, 7)),
    )

    @property
    def convolve(self) -> Callable[..., Tensor]:
        return F.conv1d


class KANConv2d(KANConv):
    """A convolution of images with a learned function at every place of its kernel.

    Formula:
        y[o, p] = sum_c sum_u phi[o, c, u](x[c, p + u]),  phi(x) = w * silu(x) + s * sum_m c_m * B_m(x)

    Shape:
        x: (b, in_channels, H, W); y: (b, out_channels, H', W').

    Behaviour:
        in * out / groups * k^2 * (grid + order + 2) numbers are learned. The bases are formed once for each pixel, and
        one of torch's convolutions over channels * (grid + order + 1) maps does the rest. Padding comes before the
        functions: a place outside contributes phi(0), which need not be zero. Outside of the domain's `order` intervals
        on either side the base alone is left, so that images should be scaled into it.

    Departures:
        The grid is one for each channel, as in the authors' code, but all starts take the fan-in of the whole kernel,
        as in torch's convolutions, where theirs take that of one channel. There is no bias.

    References:
        Bodner, Tepsich, Spolski, Pourteau (2024), Convolutional Kolmogorov-Arnold Networks, arXiv:2406.13155.

    Examples:
        >>> import torch
        >>> KANConv2d(2, 3, 3, padding=1)(torch.zeros(7, 2, 11, 13)).shape
        torch.Size([7, 3, 11, 13])
    """

    dims = 2
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"in_channels": 3, "out_channels": 5, "kernel_size": 2, "padding": 1}, (2, 3, 5, 7)),
        Example(
            {"in_channels": 4, "out_channels": 6, "kernel_size": (3, 1), "groups": 2, "basis": "rbf", "base": None},
            (2, 4, 5, 7),
        ),
    )

    @property
    def convolve(self) -> Callable[..., Tensor]:
        return F.conv2d
