"""A Bayesian network by the moments of its output."""

from collections.abc import Sequence
from itertools import pairwise
from math import log, pi
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of
from unbend.layers import MPGELU, MomentLinear, MomentReLU, certain

_BENDS = {"mp-gelu": MPGELU, "mp-gelu-marginal": lambda: MPGELU("marginal"), "relu": MomentReLU}


class MomentMLP(nn.Module):
    """A fully connected network with Gaussian weights, trained by its bound on the evidence without sampling.

    Formula:
        (mean, spread) = L_n B ... B L_1 (x, 0)
        var = spread + noise
        bound = sum_rows E log N(y | f, noise) - KL
        E log N(y | f, noise) = -log(2 pi noise) / 2 - ((y - mean)^2 + spread) / (2 noise)

    Shape:
        x: (*, in_features);  y: (*, 2, out_features), means and variances of what is observed.

    Args:
        in_features: inputs.
        out_features: targets.
        hidden: widths of the hidden layers.
        bend: mp-gelu, mp-gelu-marginal, or relu by its exact moments.
        std: deviation of the weights at the start, see `MomentLinear`.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        `noise` is a learned variance for each target, 1e-6 at least; `spread` comes from the weights. Covariances
        between units are dropped.

    References:
        Hirayama, Takamaeda-Yamazaki (2022), MP-GELU Bayesian Neural Networks: Moment Propagation by GELU Nonlinearity,
        arXiv:2211.13402.
        Wu, Nowozin, Meeds, Turner, Hernandez-Lobato, Gaunt (2018), Deterministic Variational Inference for Robust
        Bayesian Neural Networks, arXiv:1810.03958.

    Examples:
        >>> MomentMLP(3, 1)(torch.zeros(5, 3)).shape
        torch.Size([5, 2, 1])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"in_features": 5, "out_features": 3, "hidden": (7,)}, largest=1e9),
        Example({"in_features": 5, "out_features": 3, "hidden": (7, 11), "bend": "relu"}, largest=1e9),
    )

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden: Sequence[int] = (50,),
        bend: str = "mp-gelu",
        std: float = 0.1,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        make = _BENDS[one_of(_BENDS, bend=bend)]
        self.in_features, self.out_features = in_features, at_least(1, out_features=out_features)
        self.hidden, self.bend, self.std = tuple(hidden), bend, std
        if not self.hidden:
            raise ArgumentError.of("hidden", hidden, "one width or more")
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((in_features, *self.hidden, out_features)):
            layers += [MomentLinear(fan_in, fan_out, std, device=device, dtype=dtype), make()]
        self.layers = nn.Sequential(*layers[:-1])
        self.log_noise = nn.Parameter(torch.full((out_features,), log(0.1), device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        if not x.dim() or x.shape[-1] != self.in_features:
            raise ArgumentError.of("x", tuple(x.shape), f"shape (*, {self.in_features})")
        mean, spread = self.layers(certain(x)).unbind(-2)
        return torch.stack([mean, spread + self._noise()], -2)

    def loss(self, out: Tensor, y: Tensor, rows: int) -> Tensor:
        """The bound with its sign turned, over rows and targets, in nats.

        Args:
            out: what the network gives, (*, 2, out_features).
            y: targets, (*, out_features).
            rows: how many there are to train on; the divergence counts once for all of them.
        """
        mean, var = out.unbind(-2)
        noise = self._noise()
        misfit = ((y - mean).square() + var) / noise - 1
        return (misfit + (2 * pi * noise).log()).mean() / 2 + self.kl() / (rows * self.out_features)

    def _noise(self) -> Tensor:
        return self.log_noise.clamp(min=log(1e-6)).exp()

    def kl(self) -> Tensor:
        """Divergence of the weights from a standard normal prior, in nats."""
        return torch.stack([layer.kl() for layer in self.layers if isinstance(layer, MomentLinear)]).sum()

    def __repr__(self) -> str:
        return f"MomentMLP({self.in_features}, {self.out_features}, {self.hidden}, bend={self.bend!r}, std={self.std})"
