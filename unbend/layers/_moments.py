"""Layers that carry a mean and a variance: the moments of what a network with random weights computes."""

from collections.abc import Callable
from functools import cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of, positive

Moments = tuple[Tensor, Tensor]

_GATES = ("ratio", "marginal")
# Below it the derivative of a deviation by its variance would overflow.
_LEAST = 1e-12


def mp_gelu(mean: Tensor, var: Tensor, gate: str = "ratio") -> Moments:
    """Mean and variance of an input that a coin lets pass, where the coin knows the input's moments only.

    Formula:
        p = Phi(mean / sqrt(var)) for gate "ratio", Phi(mean / sqrt(1 + var)) for "marginal"
        mean' = p mean
        var' = p var + p (1 - p) mean^2

    Args:
        mean: of the input, any shape.
        var: its variance; what is below 1e-12 counts as that.
        gate: the chance p that the input passes.

    References:
        Hirayama, Takamaeda-Yamazaki (2022), MP-GELU Bayesian Neural Networks: Moment Propagation by GELU Nonlinearity,
        arXiv:2211.13402.

    Examples:
        >>> mp_gelu(torch.tensor(2.0), torch.tensor(0.0))
        (tensor(2.), tensor(1.0000e-12))
    """
    var = var.clamp(min=_LEAST)
    scale = var if one_of(_GATES, gate=gate) == "ratio" else 1 + var
    p = torch.special.ndtr(mean * scale.rsqrt())
    out = p * mean
    return out, p * var + (1 - p) * out * mean


def relu_moments(mean: Tensor, var: Tensor) -> Moments:
    """Mean and variance of relu(X) for Gaussian X, exactly.

    Formula:
        a = mean / sqrt(var)
        mean' = mean Phi(a) + sqrt(var) phi(a)
        var' = (mean^2 + var) Phi(a) + mean sqrt(var) phi(a) - mean'^2

    Behaviour:
        Written for |a|, so that nothing cancels where almost all of X passes.

    References:
        Frey, Hinton (1999), Variational Learning in Nonlinear Gaussian Belief Networks.

    Examples:
        >>> relu_moments(torch.tensor(0.0), torch.tensor(1.0))
        (tensor(0.3989), tensor(0.3408))
    """
    var = var.clamp(min=_LEAST)
    std = var.sqrt()
    b = -(mean / std).abs()
    density = torch.exp(-b.square() / 2) * 0.3989422804014327
    tail = torch.special.ndtr(b)
    # First and second moment of the part of a standard normal variable beyond |a|, less |a|.
    first, second = density + b * tail, (b.square() + 1) * tail + b * density
    up = mean > 0
    spread = torch.where(up, 1 - second - first.square() + 2 * b * first, second - first.square())
    return std * first + torch.where(up, mean, 0), var * spread.clamp(min=0)


def gauss_moments(f: Callable[[Tensor], Tensor], mean: Tensor, var: Tensor, order: int = 16) -> Moments:
    """Mean and variance of f(X) for Gaussian X, by Gauss-Hermite quadrature.

    Formula:
        mean' = sum_i w_i f(mean + sqrt(var) z_i)

    Args:
        f: elementwise; exact for polynomials of degree below `order`.
        mean: of X, any shape.
        var: its variance; what is below 1e-12 counts as that.
        order: nodes; so many times the memory.

    References:
        Abramowitz, Stegun (1964), Handbook of Mathematical Functions, 25.4.46.

    Examples:
        >>> [round(float(m), 4) for m in gauss_moments(torch.square, torch.tensor(1.0), torch.tensor(2.0), order=5)]
        [3.0, 16.0]
    """
    nodes, weights = (torch.tensor(values, dtype=mean.dtype, device=mean.device) for values in _hermite(order))
    y = f(mean[..., None] + var.clamp(min=_LEAST).sqrt()[..., None] * nodes)
    out = y @ weights
    return out, (y - out[..., None]).square() @ weights


@cache
def _hermite(order: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(at_least(1, order=order))
    return nodes, weights / weights.sum()


class MPGELU(nn.Module):
    """The bend of Bayesian networks that lets mean and variance pass without an integral.

    Formula:
        p = Phi(mean / sqrt(var)) for gate "ratio", Phi(mean / sqrt(1 + var)) for "marginal"
        mean' = p mean
        var' = p var + p (1 - p) mean^2

    Shape:
        x: (*, 2, d), means and variances;  y: as x.

    Args:
        gate: "ratio" or "marginal".

    Behaviour:
        One normal distribution function for each unit, where the exact moments of ReLU want that, a density and half a
        dozen products more. Variances are never negative. Units are taken as independent.

    Departures:
        UNVERIFIED: only the abstract could be read, which says that the moments come from applying the nonlinearity to
        the statistics of the input. That p is the chance that X is positive ("ratio") is our reading; "marginal" is the
        mean of GELU's own gate, E Phi(X).

    References:
        Hirayama, Takamaeda-Yamazaki (2022), MP-GELU Bayesian Neural Networks: Moment Propagation by GELU Nonlinearity,
        arXiv:2211.13402.

    Examples:
        >>> MPGELU()(torch.tensor([[[0.0, 1.0], [1.0, 1.0]]])).shape
        torch.Size([1, 2, 2])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, (3, 2, 5), largest=1e15),
        Example({"gate": "marginal"}, (3, 2, 5), largest=1e15),
    )

    def __init__(self, gate: str = "ratio") -> None:
        super().__init__()
        self.gate = one_of(_GATES, gate=gate)

    def forward(self, x: Tensor) -> Tensor:
        return _packed(x, mp_gelu(*_unpacked(x), self.gate))

    def __repr__(self) -> str:
        return f"MPGELU(gate={self.gate!r})"


class MomentReLU(nn.Module):
    """ReLU of Gaussian inputs by its exact mean and variance.

    Formula:
        a = mean / sqrt(var)
        mean' = mean Phi(a) + sqrt(var) phi(a)
        var' = (mean^2 + var) Phi(a) + mean sqrt(var) phi(a) - mean'^2

    Shape:
        x: (*, 2, d), means and variances;  y: as x.

    Behaviour:
        Exact for one layer; what goes on as Gaussian is no longer so. Units are taken as independent.

    References:
        Frey, Hinton (1999), Variational Learning in Nonlinear Gaussian Belief Networks.

    Examples:
        >>> MomentReLU()(torch.tensor([[[0.0], [1.0]]]))
        tensor([[[0.3989],
                 [0.3408]]])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({}, (3, 2, 5), largest=1e15),)

    def forward(self, x: Tensor) -> Tensor:
        return _packed(x, relu_moments(*_unpacked(x)))


class MomentLinear(nn.Module):
    """A linear layer whose weights are independent Gaussians, by the moments of its output.

    Formula:
        mean' = M mean + m
        var' = M^2 var + S (mean^2 + var) + s

    Shape:
        x: (*, 2, in_features), means and variances;  y: (*, 2, out_features).

    Args:
        in_features: inputs.
        out_features: outputs.
        std: deviation of the weights at the start, over 1 / sqrt(in_features); that of the biases is `std` as it is.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        M, m are the means of weights and biases, S, s their variances; squares are by element. Exact for independent
        inputs; correlations between outputs are dropped. Three matrix products, and twice the parameters of
        `nn.Linear`. `kl()` is the divergence from the prior.

    References:
        Hirayama, Takamaeda-Yamazaki (2022), MP-GELU Bayesian Neural Networks: Moment Propagation by GELU Nonlinearity,
        arXiv:2211.13402.

    Examples:
        >>> MomentLinear(3, 5)(certain(torch.randn(7, 3))).shape
        torch.Size([7, 2, 5])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"in_features": 5, "out_features": 7}, (3, 2, 5), largest=1e15),)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        std: float = 0.1,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = at_least(1, in_features=in_features)
        self.out_features = at_least(1, out_features=out_features)
        self.std = positive(std=std)
        self.mean = nn.Linear(in_features, out_features, device=device, dtype=dtype)
        self.log_std = nn.Linear(in_features, out_features, device=device, dtype=dtype)
        nn.init.constant_(self.log_std.weight, float(np.log(std / in_features**0.5)))
        nn.init.constant_(self.log_std.bias, float(np.log(std)))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = _unpacked(x)
        if mean.shape[-1] != self.in_features:
            raise ArgumentError.of("x", tuple(x.shape), f"shape (*, 2, {self.in_features})")
        weight, bias = self.mean.weight.to(mean.dtype), self.mean.bias.to(mean.dtype)
        spread, spread_bias = ((2 * p.to(mean.dtype)).exp() for p in (self.log_std.weight, self.log_std.bias))
        out = F.linear(var, weight.square() + spread) + F.linear(mean.square(), spread, spread_bias)
        return _packed(x, (F.linear(mean, weight, bias), out))

    def kl(self, prior: float = 1.0) -> Tensor:
        """Divergence of all weights from N(0, prior^2), in nats."""
        positive(prior=prior)
        total = self.mean.weight.new_zeros(())
        for mean, log_std in zip(self.mean.parameters(), self.log_std.parameters()):
            ratio = ((2 * log_std).exp() + mean.square()) / prior**2
            total = total + (ratio / 2 - 0.5 - log_std + float(np.log(prior))).sum()
        return total

    def __repr__(self) -> str:
        return f"MomentLinear({self.in_features}, {self.out_features}, std={self.std})"


def certain(x: Tensor) -> Tensor:
    """An input that is known: means `x` (*, d) and variances 0, as (*, 2, d).

    Examples:
        >>> certain(torch.ones(3, 5)).shape
        torch.Size([3, 2, 5])
    """
    return torch.stack([x, torch.zeros_like(x)], -2)


def _unpacked(x: Tensor) -> Moments:
    """Mean and variance, in float32 at least."""
    if x.ndim < 2 or x.shape[-2] != 2:
        raise ArgumentError.of("x", tuple(x.shape), "shape (*, 2, d): means and variances", "Start with certain(x).")
    wide = x if x.dtype == torch.float64 else x.float()
    return wide.select(-2, 0), wide.select(-2, 1).clamp(min=0)


def _packed(x: Tensor, moments: Moments) -> Tensor:
    return torch.stack(moments, -2).to(x.dtype)
