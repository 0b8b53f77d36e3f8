"""A gate that knows how large its neighbours are."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError


def velu(
    x: Tensor,
    alpha: float = 0.1,
    beta1: float = 0.1,
    beta2: float = 0.1,
    gamma: float = 0.1,
    momentum: float = 0.9,
    dim: int = -1,
) -> Tensor:
    """Gate `x` by arctangent and arcsine, and scale it by the size of its row; the functional form of `VeLU`.

    Formula:
        r = 1 / sqrt(mean(x^2) + 1e-6)    along dim
        y = x * sigmoid(alpha * (atan(beta1 * x) + asin(clip(beta2 * x, -1, 1)))) * (1 + gamma * tanh(momentum * r))

    References:
        Shakarami, Yeganeh, Farshad, Nicolè, Ghidoni, Navab (2025), arXiv:2504.15051.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    size = torch.rsqrt(wide.square().mean(dim, keepdim=True) + 1e-6)
    turn = beta2 * wide
    inside = turn.abs() < 1
    # At its ends the arcsine is infinitely steep: there and beyond it is taken as the constant that it is.
    arc = torch.where(inside, torch.asin(torch.where(inside, turn, 0.0)), turn.sign() * (math.pi / 2))
    gate = torch.sigmoid(alpha * (torch.atan(beta1 * wide) + arc))
    return (wide * gate * (1 + gamma * torch.tanh(momentum * size))).to(x.dtype)


class VeLU(nn.Module):
    """Variance-enhanced learning unit: a gate of arctangent and arcsine, scaled by the size of the row.

    Formula:
        r = 1 / sqrt(mean(x^2) + 1e-6)    along dim
        u = x * sigmoid(alpha * (atan(beta1 * x) + asin(clip(beta2 * x, -1, 1)))) * (1 + gamma * tanh(momentum * r))
        y = scale * u
        reg_loss = lambda_ot * (mean(u)^2 + (std(u) - 1)^2)    over all numbers of u

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        alpha: steepness of the gate.
        beta1: of the arctangent.
        beta2: of the arcsine, which is constant beyond 1 / beta2.
        gamma: by how much small rows grow at most.
        momentum: how soon; a factor, no running mean.
        lambda_ot: weight of the loss.
        dim: along which the size of a row is taken; 1 for images (b, c, H, W).

    Behaviour:
        In training each call leaves its `reg_loss` behind, to be added to the task's; None in evaluation. It is the
        squared 2-Wasserstein distance from a normal law of u's mean and deviation to N(0, 1). `scale`, learned from 1,
        does not enter it. With the defaults the gate is nearly 1/2: for |x| < 3 and rows of size 1, y is within 0.05 of
        x / 2 times the factor of its row, almost a linear map.

    Departures:
        "Variance" is a second moment about zero, as in the authors' code. The arcsine's gradient is zero at its ends,
        where it would be infinite.

    References:
        Shakarami, Yeganeh, Farshad, Nicolè, Ghidoni, Navab (2025), VeLU: Variance-enhanced Learning Unit for Deep
        Neural Networks, arXiv:2504.15051.

    Examples:
        >>> VeLU(alpha=2.0, beta1=1.0, beta2=0.7)(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([-0.0456,  0.0000,  1.0345])
    """

    aliases: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example(),
        Example({"alpha": 2.0, "beta1": 1.0, "beta2": 0.7, "dim": 1}),
    )

    def __init__(
        self,
        alpha: float = 0.1,
        beta1: float = 0.1,
        beta2: float = 0.1,
        gamma: float = 0.1,
        momentum: float = 0.9,
        *,
        lambda_ot: float = 0.1,
        dim: int = -1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if lambda_ot < 0:
            raise ArgumentError.of("lambda_ot", lambda_ot, "a number >= 0")
        self.settings = (alpha, beta1, beta2, gamma, momentum)
        self.lambda_ot, self.dim = lambda_ot, dim
        self.scale = nn.Parameter(torch.ones(1, device=device, dtype=dtype))
        self.reg_loss: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The unit at every row of `x`; in training it sets `reg_loss`."""
        u = velu(x, *self.settings, dim=self.dim)
        self.reg_loss = self._reg_loss(u) if self.training else None
        return u * self.scale.to(u.dtype)

    def _reg_loss(self, u: Tensor) -> Tensor:
        wide = u.to(torch.promote_types(u.dtype, torch.float32))
        variance, mean = torch.var_mean(wide, correction=0)
        # A variance of zero has no root to differentiate.
        return self.lambda_ot * (mean.square() + (variance.clamp(min=1e-12).sqrt() - 1).square())

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{', '.join(f'{value:g}' for value in self.settings)}, lambda_ot={self.lambda_ot}, dim={self.dim}"
