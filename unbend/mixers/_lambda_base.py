"""What the lambda layers share: projections, key norm, the position table, and the way from input to output."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of
from unbend.mixers._base import Mixer, accumulate
from unbend.mixers._lambda_position_base import (
    Path,
    Places,
    Size,
    multiply_adds,
    position_lambdas,
    position_outputs,
)

Device = torch.device | str | None
KeyNorm = Literal["softmax", "l2", "none", "softmax_both"]
Norm = Literal["batch", "layer", "none"]


def normalise_keys(k: Tensor, key_norm: KeyNorm, padding: Tensor | None = None) -> Tensor:
    """Normalise keys `(b, m, u, k)`: the softmax runs over the m positions, each of the u k columns by itself."""
    padded = None if padding is None else ~padding[:, :, None, None]
    if key_norm in ("softmax", "softmax_both"):
        k = (k if padded is None else k.masked_fill(padded, float("-inf"))).softmax(1)
    elif key_norm == "l2":
        k = F.normalize(k, dim=-1)
    # An example without a real token has no softmax: its keys are zero, not NaN.
    return k if padded is None else k.masked_fill(padded, 0.0)


class LambdaProjection(nn.Module):
    """Queries, keys and values of a lambda layer: three maps without bias, and a norm on queries and on values.

    `x: (b, n, dim)` and `context: (b, m, dim)` give `q: (b, n, h, k)`, `k: (b, m, u, k)`, `v: (b, m, u, v)` with
    `v = dim_out / h`, all in the type of accumulation.
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
        device: Device,
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
        self.widths = (heads * key_dim, key_dim * intra_depth, self.value_dim * intra_depth)
        self.weight = nn.Parameter(torch.empty(sum(self.widths), dim, device=device, dtype=dtype))
        self.norm_q = _norm(norm, self.widths[0], device, dtype)
        self.norm_v = _norm(norm, self.widths[2], device, dtype)
        self.reset_parameters()

    def weights(self) -> tuple[Tensor, ...]:
        """Wq, Wk and Wv, transposed: the rows of `weight`."""
        return self.weight.split(self.widths)

    def reset_parameters(self) -> None:
        # The query's scale holds the 1 / sqrt(k) of attention: there is no temperature elsewhere.
        with torch.no_grad():
            for weight, fan in zip(self.weights(), (self.key_dim * self.dim, self.dim, self.dim)):
                weight.normal_(std=fan**-0.5)

    def forward(self, x: Tensor, context: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if x is context:
            q, k, v = _times(x, self.weight).split(self.widths, -1)
        else:
            q = _times(x, self.weight[: self.widths[0]])
            k, v = _times(context, self.weight[self.widths[0] :]).split(self.widths[1:], -1)
        k = accumulate(k).unflatten(2, (self.intra_depth, self.key_dim))
        v = accumulate(self.norm_v(v)).unflatten(2, (self.intra_depth, self.value_dim))
        if padding is not None:
            v = v.masked_fill(~padding[:, :, None, None], 0.0)
        return self._heads(q), normalise_keys(k, self.key_norm, padding), v

    def queries(self, x: Tensor) -> Tensor:
        """Queries `(b, n, h, k)` of `x: (b, n, dim)`."""
        return self._heads(_times(x, self.weight[: self.widths[0]]))

    def _heads(self, q: Tensor) -> Tensor:
        q = accumulate(self.norm_q(q)).unflatten(2, (self.heads, self.key_dim))
        return q.softmax(-1) if self.key_norm == "softmax_both" else q

    def arguments(self, place: Size, **rest: object) -> str:
        """The constructor call of a lambda layer of size or scope `place`, `rest` being its own arguments."""
        names = ("heads", "key_dim", "intra_depth", "key_norm", "norm")
        keywords = {name: getattr(self, name) for name in names} | rest
        return f"{self.dim}, {place}, {self.dim_out}, " + ", ".join(f"{n}={value!r}" for n, value in keywords.items())


def _times(x: Tensor, weight: Tensor) -> Tensor:
    """`x weight^T` of tokens `(b, n, c)`, read in place where they are the transpose of an image's pixels."""
    return torch.bmm(x, weight.t().expand(x.shape[0], -1, -1))


class _TokenBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of the last axis of `(b, n, c)`."""

    def forward(self, input: Tensor) -> Tensor:
        # On columns of a wider matrix the backward of batch norm is several times slower.
        rows = input.flatten(0, -2).contiguous()
        return super().forward(rows).view(input.shape)


def _norm(norm: Norm, width: int, device: Device, dtype: torch.dtype | None) -> nn.Module:
    makers = {"batch": _TokenBatchNorm, "layer": nn.LayerNorm}
    return makers[norm](width, device=device, dtype=dtype) if norm in makers else nn.Identity()


class RelPosEmbedding(nn.Module):
    """A table of position embeddings by offset, `e[n, m] = table[m - n]`; one may serve several layers.

    By itself it maps values `v: (b, m, v, u)` to their position lambdas `(b, n, k, v)`.

    Args:
        size: the grid of queries, `(H, W)`, `(L,)` or `L`.
        key_dim: depth k of an embedding.
        intra_depth: how many embeddings per offset, u.
        context_size: the grid of the context; `size` when None.
        device: where the table lies.
        dtype: its type.

    Examples:
        >>> from unbend.mixers import LambdaLayer
        >>> table = RelPosEmbedding((3, 5), key_dim=4)
        >>> layers = [LambdaLayer(8, (3, 5), key_dim=4, position=table) for _ in range(2)]
        >>> table.matrix().shape
        torch.Size([15, 15, 4, 1])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"size": (2, 5), "key_dim": 3}, (3, 10, 7, 1)),
        Example({"size": 5, "key_dim": 2, "intra_depth": 3, "context_size": 11}, (2, 11, 7, 3)),
    )

    def __init__(
        self,
        size: int | Sequence[int],
        key_dim: int = 16,
        intra_depth: int = 1,
        context_size: int | Sequence[int] | None = None,
        *,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.size = grid(size)
        self.context_size = self.size if context_size is None else grid(context_size)
        if len(self.size) != len(self.context_size):
            raise ArgumentError.of("context_size", context_size, f"as many axes as size={size}")
        self.key_dim, self.intra_depth = at_least(1, key_dim=key_dim), at_least(1, intra_depth=intra_depth)
        offsets = (n + m - 1 for n, m in zip(self.size, self.context_size))
        self.table = nn.Parameter(torch.empty(*offsets, key_dim, intra_depth, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.table)

    @property
    def places(self) -> Places:
        return Places(self.size, self.context_size, tuple(n - 1 for n in self.size))

    def forward(self, v: Tensor) -> Tensor:
        """The position lambdas `(b, n, k, v)` of values `(b, m, v, u)`."""
        wide = accumulate(v)
        lambdas = position_lambdas(self.table.to(wide.dtype), wide.transpose(2, 3), self.places, "fourier")
        return lambdas.to(v.dtype)

    def matrix(self) -> Tensor:
        """The embeddings written out, `(n, m, k, u)`; the layers never build them."""
        e = self.table
        for axis, (n, m) in enumerate(zip(self.size, self.context_size)):
            here, there = torch.arange(n, device=e.device), torch.arange(m, device=e.device)
            offsets = there - here[:, None] + n - 1
            e = e.index_select(2 * axis, offsets.flatten()).unflatten(2 * axis, (n, m))
        return e if len(self.size) == 1 else e.transpose(1, 2).flatten(2, 3).flatten(0, 1)

    def __repr__(self) -> str:
        return f"RelPosEmbedding({self.size}, {self.key_dim}, {self.intra_depth}, {self.context_size})"


class LambdaMixer(Mixer):
    """Reads a context into linear functions and applies one to each query; the layers differ in their table."""

    axes: int
    content: bool
    path: Path | Literal["auto"]
    project: LambdaProjection
    bias: nn.Parameter | None

    @abstractmethod
    def places(self, size: Size, context: Size) -> Places | None:
        """Where the table's offset zero is; None for a layer without positions. Refuses grids it cannot serve."""

    @abstractmethod
    def offsets(self) -> Tensor:
        """The table, its axes those of the grid, then k and u."""

    def forward(self, x: Tensor, padding: Tensor | None = None, *, context: Tensor | None = None) -> Tensor:
        """Mix `x`, reading `context`, or `x` itself; `padding` tells the real tokens of what is read."""
        q, k, v, places = self._read(x, padding, context)
        b, n = q.shape[:2]
        fixed = self._fixed_lambda(k, v)
        y = q.new_zeros(()) if fixed is None else (q.flatten(1, 2) @ fixed).view(b * n, q.shape[2], fixed.shape[-1])
        if places is not None:
            table, path = self.offsets().to(v.dtype), self.path_on(places)
            # Added as rows, so that the gradient is laid out once and not by each part.
            y = y + position_outputs(q, table, v, places, path).flatten(0, 1)
        y = y.view(b, n, self.project.dim_out).to(x.dtype)
        return y if self.axes == 1 else y.transpose(1, 2).unflatten(2, x.shape[2:]).contiguous()

    def lambdas(
        self, x: Tensor, padding: Tensor | None = None, *, context: Tensor | None = None
    ) -> tuple[Tensor | None, Tensor | None]:
        """The content lambda `(b, k, v)` and the position lambdas `(b, n, k, v)` of `x`; None for an absent part.

        The output at n, head h, is `(content[b] + position[b, n]).T @ q[b, h, n]` with `q = layer.queries(x)`.
        """
        _, k, v, places = self._read(x, padding, context)
        content = content_lambda(k, v) if self.content else None
        if places is None:
            return content, None
        path = self.path_on(places)
        position = position_lambdas(self.offsets().to(v.dtype), v, places, "fourier" if path == "scores" else path)
        return content, position if self.bias is None else position + self.bias.to(v.dtype)[:, None]

    def queries(self, x: Tensor) -> Tensor:
        """The queries `(b, h, n, k)` of `x`."""
        return self.project.queries(self._tokens("x", x)).transpose(1, 2)

    def path_on(self, places: Places, backward: bool | None = None) -> Path:
        """The path taken on these grids: the one asked for, or that of fewest multiply-adds, with a backward or not."""
        if self.path != "auto":
            return self.path
        p, table = self.project, tuple(self.offsets().shape)
        backward = torch.is_grad_enabled() if backward is None else backward
        counted = multiply_adds(table, places, p.heads, p.key_dim, p.value_dim, backward)
        return min(counted, key=lambda path: counted[path])

    def _fixed_lambda(self, k: Tensor, v: Tensor) -> Tensor | None:
        """The part of the lambdas that all positions share: `(b, k, v)`, or `(k, 1)` of the bias alone."""
        shared = [content_lambda(k, v)] if self.content else []
        shared += [] if self.bias is None else [self.bias.to(v.dtype)[:, None]]
        return sum(shared[1:], shared[0]) if shared else None

    def _read(
        self, x: Tensor, padding: Tensor | None, context: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Places | None]:
        queries = self._tokens("x", x)
        read, source = (queries, x) if context is None else (self._tokens("context", context), context)
        q, k, v = self.project(queries, read, None if padding is None else padding.flatten(1))
        return q, k, v, self.places(self._size(x), self._size(source))

    def _size(self, x: Tensor) -> Size:
        return (x.shape[1],) if self.axes == 1 else (x.shape[2], x.shape[3])

    def _tokens(self, name: str, x: Tensor) -> Tensor:
        """`(b, n, dim)` of a sequence `(b, t, d)` or an image `(b, c, H, W)`."""
        dim = self.project.dim
        if x.ndim != self.axes + 2 or x.shape[-1 if self.axes == 1 else 1] != dim:
            expected = f"(b, t, {dim})" if self.axes == 1 else f"(b, {dim}, H, W)"
            raise ArgumentError.of(name, f"shape {tuple(x.shape)}", expected)
        return x if self.axes == 1 else x.flatten(2).transpose(1, 2)


def content_lambda(k: Tensor, v: Tensor) -> Tensor:
    """Sum of the outer products of normalised keys and values: `(b, k, v)`."""
    return k.flatten(1, 2).transpose(1, 2) @ v.flatten(1, 2)


def grid(size: int | Sequence[int]) -> Size:
    """`size` as a tuple of one or two whole numbers."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    if len(sizes) not in (1, 2):
        raise ArgumentError.of("size", size, "a length, or a height and a width")
    return tuple(at_least(1, size=s) for s in sizes)
