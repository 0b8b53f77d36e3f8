"""The k largest numbers of a row, or of a batch; the others become zero."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of

_ORDERS = ("value", "abs")


def k_sparse(x: Tensor, k: int, dim: int = -1, by: str = "value") -> Tensor:
    """Keep the `k` largest numbers along `dim`; the functional form of `KSparse`.

    Formula:
        y_i = x_i where x_i is among the k largest of x, else 0

    Args:
        x: any shape.
        k: at most the size of `dim`.
        dim: the axis along which numbers compete.
        by: compare by value, or by abs.

    References:
        Makhzani, Frey (2013), k-Sparse Autoencoders, arXiv:1312.5663.
    """
    return _winners(x, k, dim, by)[0]


def _winners(x: Tensor, k: int, dim: int, by: str) -> tuple[Tensor, Tensor]:
    """The winners at their places, and by themselves."""
    if not 0 <= k <= x.shape[dim]:
        raise ArgumentError.of("k", k, f"at most {x.shape[dim]}, the size of axis {dim} of the input")
    places = (x.abs() if by == "abs" else x).topk(k, dim, sorted=False).indices
    # Gradients come back through what is gathered alone: nothing of full size is kept.
    won = x.gather(dim, places)
    return torch.zeros_like(x).scatter_(dim, places, won), won


class KSparse(nn.Module):
    """The k winners of each row take all.

    Formula:
        y_i = x_i where x_i is among the k largest of x, else 0

    Shape:
        x: (*), with at least k entries along `dim`; y: the same.

    Args:
        k: how many are kept; as many as there are make it the identity.
        dim: the axis along which numbers compete.
        by: `value` keeps the largest, as the paper does; `abs` those farthest from zero.

    Behaviour:
        Exactly k of each row are kept, of equal ones those that torch.topk takes. Idempotent by `abs`, and by value
        where the kept ones are positive. The gradient is that of the identity on what is kept, and zero elsewhere. nan
        counts as the largest. Jumps where two numbers change order. One pass and k * log k per row.

    References:
        Makhzani, Frey (2013), k-Sparse Autoencoders, arXiv:1312.5663.

    Examples:
        >>> KSparse(2)(torch.tensor([1.0, -5.0, 3.0, 2.0]))
        tensor([0., 0., 3., 2.])
    """

    aliases: ClassVar[tuple[str, ...]] = ("k_wta",)
    examples: ClassVar[tuple[Example, ...]] = (Example({"k": 2}), Example({"k": 1, "dim": 1, "by": "abs"}))

    def __init__(self, k: int, dim: int = -1, by: str = "value") -> None:
        super().__init__()
        self.k, self.dim, self.by = at_least(1, k=k), dim, one_of(_ORDERS, by=by)

    def forward(self, x: Tensor) -> Tensor:
        """The winners at their places, zeros elsewhere."""
        return k_sparse(x, self.k, self.dim, self.by)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.k}, dim={self.dim}, by={self.by!r}"


class BatchTopK(nn.Module):
    """On average k winners in a row: rows compete with each other for places.

    Formula:
        in training: y = x where x is among the b * k largest of the batch, else 0
        in evaluation: y = x where x > threshold, else 0

    Shape:
        x: (b, n) or (*, n), all axes but the last being the batch; y: the same.

    Args:
        k: winners per row, on average.
        momentum: by which the threshold moves to the least winner of a batch.
        device: where the threshold lies.
        dtype: its type.

    Behaviour:
        In evaluation a row does not depend on others: what counts is the threshold that training has found. Rows may
        then have any number of winners. At the start the threshold is 0, as of a ReLU.

    Departures:
        In the paper's autoencoder a ReLU comes before; here what is negative may win, as in k-sparse autoencoders.

    References:
        Bussmann, Leask, Nanda (2024), BatchTopK Sparse Autoencoders, arXiv:2412.06410.

    Examples:
        >>> BatchTopK(1)(torch.tensor([[5.0, 4.0, 0.0], [1.0, 2.0, 3.0]]))
        tensor([[5., 4., 0.],
                [0., 0., 0.]])
    """

    threshold: Tensor
    examples: ClassVar[tuple[Example, ...]] = (Example({"k": 2}),)

    def __init__(
        self,
        k: int,
        momentum: float = 0.01,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not 0 < momentum <= 1:
            raise ArgumentError.of("momentum", momentum, "a number in (0, 1]")
        self.k, self.momentum = at_least(1, k=k), momentum
        self.register_buffer("threshold", torch.zeros((), device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """The winners at their places; in training the threshold moves."""
        if not self.training:
            return torch.where(x <= self.threshold.to(x.dtype), 0.0, x)
        rows = x.numel() // max(1, x.shape[-1])
        y, won = _winners(x.flatten(), rows * self.k, 0, "value")
        if rows:
            with torch.no_grad():
                self.threshold.lerp_(won.min().to(self.threshold.dtype), self.momentum)
        return y.view(x.shape)

    def extra_repr(self) -> str:
        """All arguments."""
        return f"{self.k}, momentum={self.momentum}"
