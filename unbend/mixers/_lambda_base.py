"""What the lambda layers share: projections, key normalisation, the position table, and the two contraction orders."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least, one_of
from unbend.mixers._base import Mixer, accumulate

KeyNorm = Literal["softmax", "l2", "none", "softmax_both"]
Norm = Literal["batch", "layer", "none"]
Path = Literal["lambdas", "scores"]


def normalise_keys(k: Tensor, key_norm: KeyNorm, padding: Tensor | None = None) -> Tensor:
    """Normalise keys `(b, m, k, u)`: the softmax runs over the m positions, each of the k u columns by itself."""
    real = None if padding is None else padding[:, :, None, None]
    if key_norm in ("softmax", "softmax_both"):
        k = (k if real is None else k.masked_fill(~real, float("-inf"))).softmax(1)
    elif key_norm == "l2":
        k = F.normalize(k, dim=2)
    # A row without a real token has no softmax: its keys are zero, not NaN.
    return k if real is None else k.masked_fill(~real, 0.0)


class LambdaProjection(nn.Module):
    """Queries, keys and values of a lambda layer: three maps without bias, and a norm on queries and values.

    `x: (b, n, dim)` and `context: (b, m, dim)` give `q: (b, h, n, k)`, `k: (b, m, k, u)`, `v: (b, m, v, u)`, where
    `v = dim_out / h`; all in the type of accumulation.
    """

    def __init__(
        self,
        dim: int,
        dim_out: int | None,
        heads: int,
        key_dim: int,
        intra_depth: int,
        key_norm: KeyNorm,
        norm: Norm,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.dim = at_least(1, dim=dim)
        self.dim_out = dim if dim_out is None else at_least(1, dim_out=dim_out)
        self.heads = at_least(1, heads=heads)
        self.key_dim = at_least(1, key_dim=key_dim)
        self.intra_depth = at_least(1, intra_depth=intra_depth)
        self.key_norm: KeyNorm = cast(KeyNorm, one_of(get_args(KeyNorm), key_norm=key_norm))
        self.norm: Norm = cast(Norm, one_of(get_args(Norm), norm=norm))
        if self.dim_out % heads:
            raise ArgumentError.of("dim_out", self.dim_out, f"a multiple of heads={heads}")
        self.value_dim = self.dim_out // heads
        widths = (heads * key_dim, key_dim * intra_depth, self.value_dim * intra_depth)
        self.to_q, self.to_k, self.to_v = (nn.Linear(dim, w, bias=False, device=device, dtype=dtype) for w in widths)
        self.norm_q = _norm(norm, widths[0], device, dtype)
        self.norm_v = _norm(norm, widths[2], device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        # The query's scale holds the 1 / sqrt(k) of attention: there is no temperature elsewhere.
        nn.init.normal_(self.to_q.weight, std=(self.key_dim * self.dim) ** -0.5)
        nn.init.normal_(self.to_k.weight, std=self.dim**-0.5)
        nn.init.normal_(self.to_v.weight, std=self.dim**-0.5)

    def forward(self, x: Tensor, context: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        k = accumulate(self.to_k(context)).unflatten(2, (self.intra_depth, self.key_dim)).transpose(2, 3)
        v = accumulate(self.norm_v(self.to_v(context))).unflatten(2, (self.intra_depth, self.value_dim))
        v = v.transpose(2, 3)
        if padding is not None:
            v = v.masked_fill(~padding[:, :, None, None], 0.0)
        return self.queries(x), normalise_keys(k, self.key_norm, padding), v

    def queries(self, x: Tensor) -> Tensor:
        """Queries `(b, h, n, k)` of `x: (b, n, dim)`."""
        q = accumulate(self.norm_q(self.to_q(x))).unflatten(2, (self.heads, self.key_dim)).transpose(1, 2)
        return q.softmax(-1) if self.key_norm == "softmax_both" else q

    def arguments(self, place: tuple[int, ...]) -> str:
        """How a lambda layer's constructor call begins; `place` is its size or scope."""
        names = ("heads", "key_dim", "intra_depth", "key_norm", "norm")
        return f"{self.dim}, {place}, {self.dim_out}, " + ", ".join(f"{n}={getattr(self, n)!r}" for n in names)


class _TokenBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of the last axis of `(b, n, c)`."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(0, -2)).view_as(input)


def _norm(norm: Norm, width: int, device: torch.device | str | None, dtype: torch.dtype | None) -> nn.Module:
    makers = {"batch": _TokenBatchNorm, "layer": nn.LayerNorm}
    return makers[norm](width, device=device, dtype=dtype) if norm in makers else nn.Identity()


class RelPosEmbedding(nn.Module):
    """A table of position embeddings by offset, `e[n, m] = table[m - n]`; one may serve several layers.

    Args:
        size: the grid of positions, `(H, W)`, `(L,)` or `L`.
        key_dim: depth k of an embedding.
        intra_depth: how many embeddings per offset, u.
        device: where the table lies.
        dtype: its type.

    Examples:
        >>> RelPosEmbedding((3, 5), key_dim=4)().shape
        torch.Size([15, 15, 4, 1])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        key_dim: int = 16,
        intra_depth: int = 1,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.size = grid(size)
        self.key_dim, self.intra_depth = key_dim, intra_depth
        shape = (*(2 * s - 1 for s in self.size), key_dim, intra_depth)
        self.table = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.table)

    def forward(self) -> Tensor:
        """The embeddings `e: (n, m, k, u)`, n = m = the number of positions, row by row."""
        axes = [torch.arange(s, device=self.table.device) for s in self.size]
        steps = [axis[None, :] - axis[:, None] + len(axis) - 1 for axis in axes]
        if len(steps) == 1:
            return self.table[steps[0]]
        rows, columns = steps
        e = self.table[rows[:, None, :, None], columns[None, :, None, :]]
        return e.flatten(0, 1).flatten(1, 2)

    def __repr__(self) -> str:
        return f"RelPosEmbedding({self.size}, key_dim={self.key_dim}, intra_depth={self.intra_depth})"


class LambdaMixer(Mixer):
    """Reads a context into linear functions, and applies one to each query; the ways to read positions differ."""

    axes: int
    content: bool
    project: LambdaProjection

    @abstractmethod
    def position_lambdas(self, v: Tensor, size: tuple[int, ...]) -> Tensor | None:
        """`(b, n, k, v)`, one linear function for each position; None where the layer reads no positions."""

    @abstractmethod
    def position_outputs(self, q: Tensor, v: Tensor, size: tuple[int, ...]) -> Tensor | None:
        """`(b, h, n, v)`, those functions applied to the queries, in whichever order costs less."""

    def forward(self, x: Tensor, padding: Tensor | None = None, *, context: Tensor | None = None) -> Tensor:
        """Mix `x`, reading `context` (`x` itself when None), whose real tokens `padding` tells."""
        q, k, v, size = self._read(x, padding, context)
        y = self.position_outputs(q, v, size)
        if self.content:
            fixed = q @ content_lambda(k, v)[:, None]
            y = fixed if y is None else fixed + y
        assert y is not None
        return untokens(y.transpose(1, 2).flatten(2).to(x.dtype), size)

    def lambdas(
        self, x: Tensor, padding: Tensor | None = None, *, context: Tensor | None = None
    ) -> tuple[Tensor | None, Tensor | None]:
        """The content lambda `(b, k, v)` and the position lambdas `(b, n, k, v)` of `x`; None for an absent part.

        `y[b, :, n]` of head h is `(content[b] + position[b, n]).T @ q[b, h, n]` with `q = layer.queries(x)`.
        """
        _, k, v, size = self._read(x, padding, context)
        return content_lambda(k, v) if self.content else None, self.position_lambdas(v, size)

    def queries(self, x: Tensor) -> Tensor:
        """The queries `(b, h, n, k)` of `x`."""
        return self.project.queries(tokens(x, self.axes))

    def _read(
        self, x: Tensor, padding: Tensor | None, context: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, tuple[int, ...]]:
        size = tuple(x.shape[1:2] if self.axes == 1 else x.shape[2:])
        flat = tokens(x, self.axes)
        source = flat if context is None else tokens(context, self.axes)
        q, k, v = self.project(flat, source, None if padding is None else padding.flatten(1))
        return q, k, v, size


def content_lambda(k: Tensor, v: Tensor) -> Tensor:
    """Sum over positions and intra-depth of the outer products of normalised keys and values: `(b, k, v)`."""
    return torch.einsum("bmku,bmvu->bkv", k, v)


def grid(size: int | Sequence[int], least: int = 1) -> tuple[int, ...]:
    """`size` as a tuple of one or two whole numbers."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    if len(sizes) not in (1, 2):
        raise ArgumentError.of("size", size, "a length, or a height and a width")
    return tuple(at_least(least, size=s) for s in sizes)


def tokens(x: Tensor, axes: int) -> Tensor:
    """`(b, n, c)` of a sequence `(b, t, d)` (one axis) or an image `(b, c, H, W)` (two)."""
    expected = {1: "(b, t, d)", 2: "(b, c, H, W)"}[axes]
    if x.ndim != axes + 2:
        raise ArgumentError.of("x", f"shape {tuple(x.shape)}", expected)
    return x if axes == 1 else x.flatten(2).transpose(1, 2)


def untokens(y: Tensor, size: tuple[int, ...]) -> Tensor:
    """The inverse of `tokens`."""
    return y if len(size) == 1 else y.transpose(1, 2).unflatten(2, size).contiguous()
