"""Edge functions of Kolmogorov-Arnold networks as bends of their own, one in all or one for each channel."""

from typing import ClassVar

import torch

from unbend._contract import Example
from unbend.activations._kan_base import BSplines, Chebyshev, Fourier, LearnedEdge, RadialBases

Domain = tuple[float, float]
_EXAMPLES = (Example({"grid": 4}), Example({"grid": 3, "channels": 3}))


class BSplineEdge(LearnedEdge):
    """A learned curve of B-splines upon SiLU: the edge of a Kolmogorov-Arnold network.

    Formula:
        y = w * silu(x) + sum_m c_m * B_m(x)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.
        coef: (channels, grid + order).

    Args:
        grid: intervals of the grid.
        order: of the splines; 3 is cubic.
        channels: learn one curve for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        domain: where the grid lies.

    Behaviour:
        Begins as SiLU. The splines sum to one on the domain and reach `order` intervals beyond it; further out the base
        alone is left. The bases of all numbers are formed at once: grid + order numbers for each.

    Departures:
        The factor of the spline part is one, as in the paper's text, and not learned.

    References:
        Liu et al. (2024), KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756.

    Examples:
        >>> [round(v, 3) for v in BSplineEdge()(torch.tensor([0.0, 1.0])).tolist()]
        [0.0, 0.731]
    """

    aliases = ("bspline_edge",)
    examples: ClassVar[tuple[Example, ...]] = _EXAMPLES

    def __init__(
        self,
        grid: int = 5,
        order: int = 3,
        *,
        channels: int | None = None,
        dim: int = 1,
        domain: Domain = (-2.0, 2.0),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(BSplines(grid, order), "silu", channels, dim, domain, device, dtype)


class RBFEdge(LearnedEdge):
    """A learned curve of Gaussian bells: the edge of FastKAN.

    Formula:
        y = sum_m c_m * exp(-((x - t_m) / h)**2)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.
        coef: (channels, grid + 1).

    Args:
        grid: intervals between the centres of the bells; h is one interval.
        channels: learn one curve for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        domain: where the grid lies.

    Behaviour:
        Begins as near to SiLU on the domain as the bells come. Zero far outside of it.

    References:
        Li (2024), Kolmogorov-Arnold Networks are Radial Basis Function Networks, arXiv:2405.06721.

    Examples:
        >>> RBFEdge(channels=3)(torch.zeros(2, 3)).shape
        torch.Size([2, 3])
    """

    aliases = ("rbf_edge",)
    examples: ClassVar[tuple[Example, ...]] = _EXAMPLES

    def __init__(
        self,
        grid: int = 7,
        *,
        channels: int | None = None,
        dim: int = 1,
        domain: Domain = (-2.0, 2.0),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(RadialBases(grid), None, channels, dim, domain, device, dtype)


class ChebyshevEdge(LearnedEdge):
    """A learned polynomial of tanh, in Chebyshev's basis: the edge of ChebyKAN.

    Formula:
        y = sum_m c_m * T_m(tanh(x))

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.
        coef: (channels, grid + 1).

    Args:
        grid: degree.
        channels: learn one curve for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        domain: where the grid lies.

    Behaviour:
        Begins as near to SiLU on the domain as it comes. Levels out far outside. A domain other than (-1, 1) scales x.

    Departures:
        By the recurrence of the polynomials, whose slope stays finite where the tanh is one.

    References:
        Sidharth, Keerthana, Gokul, Anas (2024), Chebyshev Polynomial-Based KANs, arXiv:2405.07200.

    Examples:
        >>> ChebyshevEdge(channels=3)(torch.zeros(2, 3)).shape
        torch.Size([2, 3])
    """

    aliases = ("chebyshev_edge",)
    examples: ClassVar[tuple[Example, ...]] = _EXAMPLES

    def __init__(
        self,
        grid: int = 4,
        *,
        channels: int | None = None,
        dim: int = 1,
        domain: Domain = (-1.0, 1.0),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(Chebyshev(grid), None, channels, dim, domain, device, dtype)


class FourierEdge(LearnedEdge):
    """A learned sum of waves: the edge of FourierKAN.

    Formula:
        y = sum_k a_k * cos(k * x) + b_k * sin(k * x)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.
        coef: (channels, 2 * grid).

    Args:
        grid: number of frequencies, from 1 on.
        channels: learn one curve for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.
        domain: where the grid lies.

    Behaviour:
        Begins as near to SiLU on the domain as the waves come. Periodic, with mean zero. A domain other than (-1, 1)
        scales x, so that the waves repeat after pi times its length.

    Departures:
        Five frequencies by default; the catalogue has 300. The constant is left to the bias of the next layer.

    References:
        Xu et al. (2024), FourierKAN-GCF, arXiv:2406.01034.

    Examples:
        >>> FourierEdge(channels=3)(torch.zeros(2, 3)).shape
        torch.Size([2, 3])
    """

    aliases = ("fourier_edge",)
    examples: ClassVar[tuple[Example, ...]] = _EXAMPLES

    def __init__(
        self,
        grid: int = 5,
        *,
        channels: int | None = None,
        dim: int = 1,
        domain: Domain = (-1.0, 1.0),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(Fourier(grid), None, channels, dim, domain, device, dtype)
