"""The random map of which GELU is the mean."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example


def stochastic_gelu(x: Tensor) -> Tensor:
    """Keep each number of `x` with probability Phi(x); the functional form of `StochasticGELU`.

    Formula:
        y = x * m, with m = 1 with probability Phi(x), else 0

    References:
        Hendrycks, Gimpel (2016), arXiv:1606.08415.
    """
    wide = x.detach().to(torch.promote_types(x.dtype, torch.float32))
    return x * torch.bernoulli(torch.special.ndtr(wide)).to(x.dtype)


class StochasticGELU(nn.Module):
    """A mask of zeros and ones that depends on the input, in training; its mean, which is GELU, in use.

    Formula:
        y = x * m, with m = 1 with probability Phi(x), else 0    in training
        y = x * Phi(x)                                           in evaluation

    Shape:
        x: (*), floating; y: (*), same type.

    Behaviour:
        Between dropout, whose mask does not know the input, and ReLU, whose mask is not random: no other bend is needed
        beside it. The gradient is that of the identity on what is kept. Draws from torch's generator. As a random map
        it is no `Bend`; those are functions.

    References:
        Hendrycks, Gimpel (2016), Gaussian Error Linear Units, section 2, arXiv:1606.08415.

    Examples:
        >>> StochasticGELU().eval()(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1587,  0.0000,  0.8413])
    """

    aliases: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (Example(),)

    def forward(self, x: Tensor) -> Tensor:
        """The mask at `x`, or its mean."""
        return stochastic_gelu(x) if self.training else F.gelu(x)
