"""An autoencoder in which the k largest units speak."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, positive
from unbend.activations import k_sparse


class KSparseAutoencoder(nn.Module):
    """A linear autoencoder whose code keeps its k largest entries.

    Formula:
        z = k_sparse(x W' + b, k)
        y = z W + c

    Shape:
        x: (*, features); y: the same; z, from `encode`: (*, hidden).

    Args:
        features: of the input.
        hidden: units of the code.
        k: units that speak.
        start: units that speak at the start of training, k or more; None for k.
        alpha: in evaluation round(alpha * k) units speak; 1 or more.
        tied: decode by the weights of the encoder.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Trained on the mean square of y - x. With few units speaking from the start, most of them never learn: give a
        `start`, and tell `progress` how far training is. With orthonormal rows of W and an input that is a sum of k of
        them, with positive weights, the code is exact and y = x. One product each way, and the search for the k.

    References:
        Makhzani, Frey (2013), k-Sparse Autoencoders, arXiv:1312.5663.

    Examples:
        >>> model = KSparseAutoencoder(64, 256, k=20)
        >>> model(torch.randn(5, 64)).shape, (model.encode(torch.randn(64)) != 0).sum()
        (torch.Size([5, 64]), tensor(20))
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"features": 5, "hidden": 11, "k": 3}, (2, 3, 5)),
        Example({"features": 5, "hidden": 7, "k": 2, "start": 5, "alpha": 1.5, "tied": False}, (3, 5)),
    )

    def __init__(
        self,
        features: int,
        hidden: int,
        k: int,
        *,
        start: int | None = None,
        alpha: float = 1.0,
        tied: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.features, self.hidden = at_least(1, features=features), at_least(1, hidden=hidden)
        self.k, self.start = at_least(1, k=k), at_least(k, start=k if start is None else start)
        self.alpha, self.tied = positive(alpha=alpha), tied
        most = max(self.start, self.spoken)
        if alpha < 1 or most > hidden:
            raise ArgumentError.of(
                "k, start, alpha", f"{k}, {start}, {alpha}", f"alpha >= 1, and at most {hidden} units"
            )
        self.active = self.start
        self.encoder = nn.Linear(features, hidden, device=device, dtype=dtype)
        self.bias = nn.Parameter(torch.zeros(features, device=device, dtype=dtype))
        self.decoder = None if tied else nn.Parameter(self.encoder.weight.detach().clone())

    @property
    def spoken(self) -> int:
        """How many units speak in evaluation."""
        return round(self.alpha * self.k)

    def progress(self, share: float) -> None:
        """Tell how far training is, from 0 to 1: the number of units falls linearly up to one half, then it is k."""
        self.active = round(self.k + (self.start - self.k) * max(0.0, 1 - 2 * share))

    def encode(self, x: Tensor) -> Tensor:
        """The code, most of it zero."""
        return k_sparse(self.encoder(x), self.active if self.training else self.spoken)

    def decode(self, z: Tensor) -> Tensor:
        """The input that a code stands for."""
        weight = self.encoder.weight if self.decoder is None else self.decoder
        return F.linear(z, weight.T, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The input, as its code tells it."""
        return self.decode(self.encode(x))

    def __repr__(self) -> str:
        return (
            f"KSparseAutoencoder({self.features}, {self.hidden}, {self.k}, start={self.start}, "
            f"alpha={self.alpha}, tied={self.tied})"
        )
