"""Weighted means of all kinds, and a layer that takes several of them with the same weights."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of

Order = float | tuple[float, float]
Number = Tensor | float


def _log_softplus(x: Tensor) -> Tensor:
    # Far below zero softplus is the exponential, to the last digit and beyond the smallest number.
    return torch.where(x < _LOW, x, F.softplus(x.clamp(min=_LOW)).log())


_LOW = -40.0
# The logarithm of the embedded input.
_LOGARITHMS: dict[str, Callable[[Tensor], Tensor]] = {"none": torch.log, "softplus": _log_softplus, "exp": lambda x: x}


def gini_mean(x: Tensor, w: Tensor, r: Number, s: Number) -> Tensor:
    """The Gini mean of positive numbers along the last axis.

    Formula:
        G = (sum_i w_i x_i^r / sum_i w_i x_i^s)^(1 / (r - s))
        G = exp(sum_i w_i x_i^r log x_i / sum_i w_i x_i^r)    where r = s

    Args:
        x: shape (*, n), positive; nan where it is not.
        w: weights >= 0, shape (n) or one that broadcasts with `x`; only their ratios count.
        r: of the upper sum; a number, or a tensor that broadcasts with (*).
        s: of the lower sum.

    References:
        Gini (1938), Di una formula comprensiva delle medie.

    Examples:
        >>> gini_mean(torch.tensor([1.0, 4.0]), torch.ones(2), 0.0, 0.0)
        tensor(2.)
    """
    return _log_gini(x.log(), w.log(), r, s).exp()


def lehmer_mean(x: Tensor, w: Tensor, p: Number) -> Tensor:
    """The Lehmer mean of positive numbers along the last axis: harmonic at p = 0, arithmetic at 1, greatest far up.

    Formula:
        L = sum_i w_i x_i^p / sum_i w_i x_i^(p - 1)

    Args:
        x: shape (*, n), positive; nan where it is not.
        w: weights >= 0, as in `gini_mean`.
        p: order; a number, or a tensor that broadcasts with (*).

    References:
        Lehmer (1971), On the compounding of certain means.

    Examples:
        >>> lehmer_mean(torch.tensor([1.0, 4.0]), torch.ones(2), torch.tensor([0.0, 0.5, 1.0]))
        tensor([1.6000, 2.0000, 2.5000])
    """
    return gini_mean(x, w, p, p - 1)


def power_mean(x: Tensor, w: Tensor, p: Number) -> Tensor:
    """The power mean of positive numbers along the last axis: harmonic at p = -1, geometric at 0, arithmetic at 1.

    Formula:
        M = (sum_i w_i x_i^p / sum_i w_i)^(1 / p)

    Args:
        x: shape (*, n), positive; nan where it is not.
        w: weights >= 0, as in `gini_mean`.
        p: order; a number, or a tensor that broadcasts with (*).

    References:
        Hardy, Littlewood, Polya (1934), Inequalities.

    Examples:
        >>> power_mean(torch.tensor([1.0, 4.0]), torch.ones(2), torch.tensor([-1.0, 0.0, 1.0]))
        tensor([1.6000, 2.0000, 2.5000])
    """
    return gini_mean(x, w, p, 0.0)


def _log_gini(log_x: Tensor, log_w: Tensor, r: Number, s: Number) -> Tensor:
    wide = torch.promote_types(log_x.dtype, torch.float32)
    log_x, log_w = log_x.to(wide), log_w.to(wide)
    r, s = (torch.as_tensor(order, dtype=wide, device=log_x.device) for order in (r, s))
    gap = r - s
    # Where the orders meet the ratio is of two zeros: there the slope between them is taken at their middle.
    near = gap.abs() < torch.finfo(wide).eps ** (1 / 3)
    upper = log_w + ((r + s) / 2).unsqueeze(-1) * log_x
    # A weight of zero, or a number that is no part of a greatest one, gives -inf: it counts for nothing.
    middle = (upper.softmax(-1) * torch.where(log_w == -torch.inf, 0.0, log_x)).sum(-1)
    over, under = (torch.logsumexp(log_w + order.unsqueeze(-1) * log_x, -1) for order in (r, s))
    return torch.where(near, middle, (over - under) / torch.where(near, 1.0, gap))


class Multiplet(nn.Module):
    """Several means of the inputs with the same weights, each of an order of its own.

    Formula:
        w_j = softmax(logits_j)
        y_jk = sum_i w_ji x_i^p_k / sum_i w_ji x_i^(p_k - 1)    for an order p_k
        y_jk = (sum_i w_ji x_i^r_k / sum_i w_ji x_i^s_k)^(1 / (r_k - s_k))    for a pair (r_k, s_k)

    Shape:
        x: (*, in_features), positive unless embedded;  y: (*, out_features * len(orders)), the orders fastest.

    Args:
        in_features: inputs.
        out_features: sets of weights.
        orders: p for a Lehmer mean, (r, s) for a Gini mean.
        trainable: learn the orders too; a Lehmer mean stays one.
        embed: how inputs become positive: none, softplus or exp.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Lies between the least and the greatest input, grows with p, is homogeneous of degree 1, and monotone in the
        inputs for p in [0, 1]. Nonlinear by itself: no bend is needed behind it. nan where an input is not positive.
        Computed in logarithms: inputs from 1e-30 to 1e30 do no harm. Time and memory out_features * len(orders) for
        each input.

    Departures:
        Only the abstract could be read: that weights are a softmax, and what the exponent counts, is our reading.

    References:
        Sharpe, Wilder (2020), An Informal Introduction to Multiplet Neural Networks, arXiv:2006.01606.

    Examples:
        >>> Multiplet(3, 4, orders=(0.0, 1.0, 5.0))(torch.rand(2, 3) + 0.1).shape
        torch.Size([2, 12])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"in_features": 5, "out_features": 3, "embed": "softplus"}),
        Example(
            {"in_features": 5, "out_features": 2, "orders": (0.5, (2.0, -1.0)), "trainable": True, "embed": "exp"},
            largest=60.0,
        ),
    )

    def __init__(
        self,
        in_features: int,
        out_features: int,
        orders: Sequence[Order] = (0.0, 0.5, 1.0, 2.0),
        *,
        trainable: bool = False,
        embed: str = "none",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = at_least(1, in_features=in_features)
        self.out_features = at_least(1, out_features=out_features)
        self.orders = tuple(orders)
        self.trainable, self.embed = trainable, one_of(_LOGARITHMS, embed=embed)
        if not self.orders:
            raise ArgumentError.of("orders", orders, "at least one order")
        pairs = [order if isinstance(order, tuple) else (order, order - 1) for order in self.orders]
        self.logits = nn.Parameter(torch.randn(out_features, in_features, device=device, dtype=dtype))
        upper = torch.tensor([r for r, _ in pairs], device=device, dtype=self.logits.dtype)
        gap = torch.tensor([r - s for r, s in pairs], device=device, dtype=self.logits.dtype)
        self.upper = nn.Parameter(upper, requires_grad=trainable)
        lehmer = [not isinstance(order, tuple) for order in self.orders]
        self.gap = nn.Parameter(gap, requires_grad=trainable and not all(lehmer))
        self.register_buffer("lehmer", torch.tensor(lehmer, device=device), persistent=False)

    @property
    def weight(self) -> Tensor:
        """The weights of the means, (out_features, in_features); each row sums to 1."""
        return self.logits.softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        if not x.dim() or x.shape[-1] != self.in_features:
            raise ArgumentError.of("x", tuple(x.shape), f"shape (*, {self.in_features})")
        log_x = _LOGARITHMS[self.embed](x.to(torch.promote_types(x.dtype, torch.float32)))
        gap = torch.where(self.get_buffer("lehmer"), 1.0, self.gap)
        rows = log_x[..., None, None, :], self.logits.log_softmax(-1)[:, None, :]
        return _log_gini(*rows, self.upper, self.upper - gap).exp().flatten(-2).to(x.dtype)

    def extra_repr(self) -> str:
        """All arguments."""
        return (
            f"{self.in_features}, {self.out_features}, orders={self.orders}, trainable={self.trainable}, "
            f"embed={self.embed!r}"
        )
