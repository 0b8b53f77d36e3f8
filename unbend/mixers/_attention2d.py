"""Attention over images, the yardsticks of cheaper mixers: all pairs with relative positions, and in linear time."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.mixers._base import Mixer, accumulate

Device = torch.device | str | None


class RelativeAttention2d(Mixer):
    """Softmax attention over the pixels of a map, with relative positions of rows and columns.

    Formula:
        s_hnm = q_hn . (k_hm + rows[y_m - y_n] + columns[x_m - x_n]) / sqrt(k)
        y_hn = sum_m softmax_m(s_hnm) v_hm, heads side by side

    Shape:
        x: (b, dim, H, W); padding: (b, H, W); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        size: the map, `(H, W)`.
        heads: how many, each of depth k = dim / heads.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time b n^2 d, and b h n^2 numbers of memory: the attention map is formed. Where every pixel is padding the
        output is zero.

    Departures:
        No output projection: in a bottleneck the 1 x 1 convolution that follows is one.

    References:
        Bello, Zoph, Vaswani, Shlens, Le (2019), Attention Augmented Convolutional Networks, arXiv:1904.09925.

    Examples:
        >>> RelativeAttention2d(8, (5, 7), heads=2)(torch.randn(2, 8, 5, 7)).shape
        torch.Size([2, 8, 5, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 6, "size": (5, 7), "heads": 3}, (2, 6, 5, 7)),)

    def __init__(
        self, dim: int, size: Sequence[int], *, heads: int = 4, device: Device = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        height, width = (at_least(1, size=side) for side in size)
        self.size, self.heads = (height, width), heads
        self.to_qkv = _projection(dim, heads, device, dtype)
        depth = dim // heads
        self.rows, self.columns = (
            nn.Parameter(torch.empty(2 * side - 1, depth, device=device, dtype=dtype)) for side in self.size
        )
        for table in (self.rows, self.columns):
            nn.init.normal_(table, std=depth**-0.5)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        if x.ndim != 4 or tuple(x.shape[2:]) != self.size:
            raise ArgumentError.of("x", f"shape {tuple(x.shape)}", f"(b, {self.to_qkv.in_channels}, *{self.size})")
        q, k, v = _split(self.to_qkv(x), self.heads)
        scores = q @ k.transpose(-1, -2) + self._position_scores(q)
        if padding is None:
            weights = (scores * q.shape[-1] ** -0.5).softmax(-1)
        else:
            hidden = ~padding.flatten(1)[:, None, None]
            weights = (scores * q.shape[-1] ** -0.5).masked_fill(hidden, float("-inf")).softmax(-1)
            weights = weights.masked_fill(hidden, 0.0)
        return _join(weights @ v, x)

    def _position_scores(self, q: Tensor) -> Tensor:
        # A row and a column each have their own score; their sum is spread over the map only at the end.
        grid = q.unflatten(2, self.size)
        down = torch.einsum("bhyxk,yzk->bhyxz", grid, _by_offset(self.rows))
        across = torch.einsum("bhyxk,xzk->bhyxz", grid, _by_offset(self.columns))
        return (down[..., :, None] + across[..., None, :]).flatten(4).flatten(2, 3)

    def extra_repr(self) -> str:
        return f"{self.to_qkv.in_channels}, {self.size}, heads={self.heads}"


class EfficientAttention2d(Mixer):
    """Linear attention over the pixels of a map: keys and values meet before the queries do.

    Formula:
        G_h = sum_m softmax_m(k_hm) v_hm^T
        y_hn = G_h^T softmax(q_hn), the softmax of queries over their depth, heads side by side

    Shape:
        x: (b, dim, H, W); padding: (b, H, W); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        size: taken so that all mixers of images are called alike; any map is accepted.
        heads: how many, each of depth dim / heads.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time and memory linear in the number of pixels. Knows no positions: permuting the pixels permutes the output.

    Departures:
        No output projection and no residual connection: a bottleneck brings both.

    References:
        Shen, Zhang, Zhao, Yi, Li (2018), Efficient Attention: Attention with Linear Complexities, arXiv:1812.01243.

    Examples:
        >>> EfficientAttention2d(8, heads=2)(torch.randn(2, 8, 5, 7)).shape
        torch.Size([2, 8, 5, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 6, "heads": 3}, (2, 6, 5, 7)),)

    def __init__(
        self,
        dim: int,
        size: Sequence[int] | None = None,
        *,
        heads: int = 4,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = _projection(dim, heads, device, dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        q, k, v = _split(self.to_qkv(x), self.heads)
        if padding is None:
            k = k.softmax(2)
        else:
            hidden = ~padding.flatten(1)[:, None, :, None]
            k = k.masked_fill(hidden, float("-inf")).softmax(2).masked_fill(hidden, 0.0)
        return _join(q.softmax(-1) @ (k.transpose(-1, -2) @ v), x)

    def extra_repr(self) -> str:
        return f"{self.to_qkv.in_channels}, heads={self.heads}"


def _projection(dim: int, heads: int, device: Device, dtype: torch.dtype | None) -> nn.Conv2d:
    if at_least(1, dim=dim) % at_least(1, heads=heads):
        raise ArgumentError.of("dim", dim, f"a multiple of heads={heads}")
    projection = nn.Conv2d(dim, 3 * dim, 1, bias=False, device=device, dtype=dtype)
    nn.init.normal_(projection.weight, std=dim**-0.5)
    return projection


def _split(qkv: Tensor, heads: int) -> tuple[Tensor, ...]:
    """Queries, keys and values `(b, h, n, k)`, in the type of accumulation."""
    return accumulate(qkv).flatten(2).unflatten(1, (3, heads, -1)).transpose(-1, -2).unbind(1)


def _join(y: Tensor, like: Tensor) -> Tensor:
    """`(b, h, n, v)` as an image, channels head by head."""
    return y.transpose(-1, -2).reshape(like.shape).to(like.dtype)


def _by_offset(table: Tensor) -> Tensor:
    """`(side, side, k)` whose entry `[n, m]` is that of offset `m - n`."""
    side = (len(table) + 1) // 2
    steps = torch.arange(side, device=table.device)
    return accumulate(table)[steps[None, :] - steps[:, None] + side - 1]
