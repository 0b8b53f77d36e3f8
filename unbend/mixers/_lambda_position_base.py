"""Position lambdas out of a table of embeddings by offset: three ways to contract it, chosen by counted cost.

A table `(rH, rW, k, u)` holds the embedding of each offset `context position - query position`, offset zero at
`centre`; beyond its edges the embedding is zero. Queries are `(b, n, h, k)` on a grid of `size`, values `(b, m, u, v)`
on a grid of `context`. Sequences have grids and tables of one axis.
"""

from math import isqrt, pi, prod
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Size = tuple[int, ...]
Path = Literal["fourier", "conv", "scores"]


class Places(NamedTuple):
    """Where queries and values lie, and where in the table offset zero is."""

    size: Size
    context: Size
    centre: Size


class _Grid(NamedTuple):
    """Rows and columns of queries and of values; the table reaches from `-up` to `down` rows."""

    height: int
    width: int
    context_height: int
    context_width: int
    up: int
    down: int

    @property
    def period(self) -> int:
        """Least odd period at which no row offset that occurs wraps onto another one that the table has."""
        return max(self.context_height + self.up, self.height + self.down) // 2 * 2 + 1

    @property
    def frequencies(self) -> int:
        return (self.period + 1) // 2


def position_lambdas(table: Tensor, v: Tensor, places: Places, path: Path) -> Tensor:
    """`L[b, n] = sum_m sum_u table[m - n] v_m^T`: `(b, n, k, v)`."""
    return _lambdas(table, v, places, path)[:, :, : prod(places.size)].permute(1, 2, 3, 0)


def position_outputs(q: Tensor, table: Tensor, v: Tensor, places: Places, path: Path) -> Tensor:
    """`y[b, n, h] = L[b, n]^T q[b, n, h]`: `(b, n, h, v)`."""
    b, n, _, _ = q.shape
    if path == "scores":
        return _scores(q, table, v, places)
    lambdas = _lambdas(table, v, places, path)
    q = _pad(q, (0, 0, 0, 0, 0, lambdas.shape[2] - n))
    y = torch.bmm(q.flatten(0, 1), lambdas.flatten(1, 2).permute(1, 2, 0))
    return y.unflatten(0, (b, q.shape[1]))[:, :n]


def multiply_adds(
    table: Size, places: Places, heads: int, key_dim: int, value_dim: int, backward: bool
) -> dict[Path, int]:
    """Multiply-adds of `position_outputs` for one example, by path; `table` is the table's shape."""
    g, u, kv = _grid(table, places), table[-1], key_dim * value_dim
    n = g.height * g.width
    # Measured on CPU: with its backward, a convolution runs at a third of the speed of a matrix product.
    slowness = 3 if backward else 1
    return {
        "fourier": kv * (g.frequencies * g.width * (4 * g.context_width * u + 2 * g.height) + n * heads),
        "conv": kv * n * (slowness * u * prod(table[:-2]) + heads),
        "scores": n * heads * (g.up + g.down + 1) * g.context_width * u * (key_dim + value_dim),
    }


def _lambdas(table: Tensor, v: Tensor, places: Places, path: Path) -> Tensor:
    """Position lambdas as `(v, b, n, k)`, the layout in which no path has to copy them."""
    return _convolved(table, v, places) if path == "conv" else _transformed(table, v, places)


def _convolved(table: Tensor, v: Tensor, places: Places) -> Tensor:
    """Correlate the table with each of the v maps of values."""
    b, _, u, depth = v.shape
    maps = v.permute(3, 0, 2, 1).reshape(depth * b, u, *places.context)
    before = places.centre
    after = tuple(n + r - 1 - c - m for n, r, c, m in zip(places.size, table.shape, before, places.context))
    if before == after:
        edges = before
    else:
        maps, edges = _pad(maps, tuple(e for pair in zip(before[::-1], after[::-1]) for e in pair)), (0,) * len(before)
    kernel = table.permute(-2, -1, *range(table.ndim - 2))
    if len(edges) == 1:
        maps, kernel, edges = maps.unsqueeze(2), kernel.unsqueeze(2), (0, *edges)
    # Asked for channels last, the convolution writes the k of each position side by side.
    lambdas = F.conv2d(maps, kernel.contiguous(memory_format=torch.channels_last), padding=edges)
    return lambdas.permute(0, 2, 3, 1).reshape(depth, b, prod(places.size), table.shape[-2])


def _transformed(table: Tensor, v: Tensor, places: Places) -> Tensor:
    """Correlate along rows by a Fourier transform, along columns by Toeplitz matrices; all of it real matrix products.

    At each frequency the lambdas are `conj(T) V`, whose real part is `[Tr Ti] [Vr Vi]^T`; the imaginary part is the
    same product with `-i V` in place of `V`, that is with waves turned by a quarter.
    """
    g = _grid(tuple(table.shape), places)
    t, v = _fit(table, places, g), _rows(v, g)
    b, depth, u, k = v.shape[0], v.shape[-1], t.shape[-1], t.shape[-2]
    f, waves = g.frequencies, _waves(g, v)
    inward = waves[..., g.up : g.up + g.context_height].reshape(4 * f, g.context_height)
    values = (inward @ v.flatten(2)).view(b, f, 2, 2, g.context_width, u, depth)
    values = values.permute(1, 2, 6, 0, 3, 4, 5).reshape(f, 2 * depth * b, 2 * g.context_width * u)
    t = (waves[:, 0, :, : g.up + g.down + 1].flatten(0, 1) @ t.flatten(1)).view(f, 2, -1, k, u)
    t = t.unfold(2, g.context_width, 1).permute(0, 1, 5, 4, 2, 3)
    t = t.reshape(f, 2 * g.context_width * u, g.width * k)
    spectrum = torch.bmm(values, t).view(2 * f, depth * b, g.width * k).transpose(0, 1)
    # A real signal's frequencies come in conjugate pairs, but for the zeroth.
    weights = torch.full((f, 1, 1), 2 / g.period, dtype=v.dtype, device=v.device)
    weights[0] /= 2
    outward = (waves[:, 0, :, g.up : g.up + g.height] * weights).flatten(0, 1).t()
    return torch.bmm(outward.expand(depth * b, -1, -1), spectrum).view(depth, b, g.height * g.width, k)


def _waves(g: _Grid, like: Tensor) -> Tensor:
    """`exp(-2 pi i f t / period)` and the same turned by a quarter, as cosine and minus sine: `(f, 2, 2, t)`, t >= -up.

    All four are cosines, each a quarter on from the one before.
    """
    t = torch.arange(-g.up, max(g.down + 1, g.context_height, g.height), dtype=torch.float64, device=like.device)
    f = torch.linspace(0, pi * (1 - 1 / g.period), g.frequencies, dtype=torch.float64, device=like.device)
    turns = torch.tensor([[[0.0], [pi / 2]], [[pi / 2], [pi]]], dtype=torch.float64, device=like.device)
    return (f[:, None, None, None] * t + turns).cos().to(like.dtype)


def _scores(q: Tensor, table: Tensor, v: Tensor, places: Places) -> Tensor:
    """Attention's order: scores of queries against embeddings first, then their sum over values."""
    b, n, h, k = q.shape
    g = _grid(tuple(table.shape), places)
    t, v = _fit(table, places, g), _rows(v, g)
    v = _pad(v, (0, 0, 0, 0, 0, 0, g.up, g.height + g.down - g.context_height)).unfold(1, g.up + g.down + 1, 1)
    q = _pad(q, (0, 0, 0, 0, 0, g.height * g.width - n)).view(b, g.height, g.width, h, k)
    scores = torch.einsum("bijhk,djkuy->bijhduy", q, t.unfold(1, g.context_width, 1))
    return torch.einsum("bijhduy,biyuvd->bijhv", scores, v).flatten(1, 2)[:, :n]


def _grid(table: Size, places: Places) -> _Grid:
    """The rows and columns; a sequence is cut into rows as long as its length's root, or as its table's reach."""
    above, below = places.centre[0], table[0] - 1 - places.centre[0]
    if len(places.size) == 2:
        (height, width), (context_height, context_width) = places.size, places.context
    else:
        width = context_width = min(isqrt(max(places.size[0] - 1, 0)), max(above, below)) + 1
        height, context_height = (-(-length // width) for length in (places.size[0], places.context[0]))
        above, below = ((reach + width - 1) // width for reach in (above, below))
    return _Grid(height, width, context_height, context_width, min(above, height - 1), min(below, context_height - 1))


def _fit(table: Tensor, places: Places, g: _Grid) -> Tensor:
    """The table over the offsets of the grid that it reaches, columns from right to left: `(rows, columns, k, u)`."""
    centre = places.centre
    if len(centre) == 2:
        left, right = g.width - 1 - centre[1], g.context_width - table.shape[1] + centre[1]
        up, down = g.up - centre[0], g.down + 1 - table.shape[0] + centre[0]
        return _pad(table, (0, 0, 0, 0, left, right, up, down)).flip(1)
    # Row by row, `di` rows and `dj` columns away is `di * width + dj` steps away.
    before, after = g.up * g.width + g.width - 1, g.down * g.width + g.width
    table = _pad(table, (0, 0, 0, 0, before - centre[0], after - table.shape[0] + centre[0]))
    return table.unfold(0, 2 * g.width - 1, g.width).flip(-1).permute(0, 3, 1, 2)


def _pad(x: Tensor, edges: tuple[int, ...]) -> Tensor:
    """`F.pad`, but without a copy where there is nothing to pad."""
    return F.pad(x, edges) if any(edges) else x


def _rows(v: Tensor, g: _Grid) -> Tensor:
    """Values as `(b, rows, columns, u, v)`, columns from right to left."""
    v = _pad(v, (0, 0, 0, 0, 0, g.context_height * g.context_width - v.shape[1]))
    return v.unflatten(1, (g.context_height, g.context_width)).flip(2)
