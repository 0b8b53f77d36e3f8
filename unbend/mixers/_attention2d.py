"""Attention over images, the yardsticks of cheaper mixers: all pairs with relative positions, and in linear time."""

from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of
from unbend.mixers._base import Mixer, accumulate

Device = torch.device | str | None
Path = Literal["map", "fused"]


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
        path: "map" forms the attention map; "fused" never does: queries and keys are lengthened by H + W numbers whose
            products are the scores of rows and columns, and torch's fused kernel takes them.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time b n^2 d; memory b h n^2 on the path "map", b h n (k + H + W) on "fused", which takes more operations and
        has no second derivatives. Where every pixel is padding the output is zero.

    Departures:
        No output projection: in a bottleneck the 1 x 1 convolution that follows is one.

    References:
        Bello, Zoph, Vaswani, Shlens, Le (2019), Attention Augmented Convolutional Networks, arXiv:1904.09925.

    Examples:
        >>> RelativeAttention2d(8, (5, 7), heads=2)(torch.randn(2, 8, 5, 7)).shape
        torch.Size([2, 8, 5, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "size": (5, 7), "heads": 3}, (2, 6, 5, 7), largest=1e9),
    )

    def __init__(
        self,
        dim: int,
        size: Sequence[int],
        *,
        heads: int = 4,
        path: Path = "map",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        height, width = (at_least(1, size=side) for side in size)
        self.size, self.heads, self.path = (height, width), heads, one_of(get_args(Path), path=path)
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
        q, k, v = _split(self.to_qkv(_real(x, padding)), self.heads)
        q = q * q.shape[-1] ** -0.5
        hidden = None if padding is None else ~padding.flatten(1)[:, None, None]
        down, across = self._position_scores(q)
        y = self._fused(q, k, v, down, across, hidden) if self.path == "fused" else _map(q, k, v, down, across, hidden)
        return _join(y if hidden is None else y.masked_fill(hidden.all(-1, keepdim=True), 0.0), x)

    def _position_scores(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of queries with rows `(b, h, n, H)` and with columns `(b, h, n, W)`; a pixel's score is their sum."""
        grid = q.unflatten(2, self.size)
        down = torch.einsum("bhyxk,yzk->bhyxz", grid, _by_offset(self.rows))
        across = torch.einsum("bhyxk,xzk->bhyxz", grid, _by_offset(self.columns))
        return down.flatten(2, 3), across.flatten(2, 3)

    def _fused(self, q: Tensor, k: Tensor, v: Tensor, down: Tensor, across: Tensor, hidden: Tensor | None) -> Tensor:
        height, width = self.size
        row = torch.eye(height, device=q.device, dtype=q.dtype).repeat_interleave(width, 0).expand(*k.shape[:3], -1)
        column = torch.eye(width, device=q.device, dtype=q.dtype).repeat(height, 1).expand(*k.shape[:3], -1)
        q, k = torch.cat([q, down, across], -1), torch.cat([k, row, column], -1)
        # The kernel wants values as long as keys.
        longer = F.pad(v, (0, height + width))
        mask = None if hidden is None else (~hidden).expand(-1, 1, q.shape[2], -1)
        return F.scaled_dot_product_attention(q, k, longer, mask, scale=1.0)[..., : v.shape[-1]]

    def extra_repr(self) -> str:
        return f"{self.to_qkv.in_channels}, {self.size}, heads={self.heads}, path={self.path!r}"


class EfficientAttention2d(Mixer):
    """Linear attention over the pixels of a map: keys and values meet before the queries do.

    Formula:
        G_h = sum_m softmax_m(k_hm) v_hm^T
        y_hn = G_h^T softmax(q_hn), the softmax of queries over their depth, heads side by side

    Shape:
        x: (b, dim, H, W); padding: (b, H, W); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
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

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 6, "heads": 3}, (2, 6, 5, 7), largest=1e9),)

    def __init__(self, dim: int, *, heads: int = 4, device: Device = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = _projection(dim, heads, device, dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        q, k, v = _split(self.to_qkv(_real(x, padding)), self.heads)
        if padding is None:
            k = k.softmax(2)
        else:
            hidden = ~padding.flatten(1)[:, None, :, None]
            k = k.masked_fill(hidden, float("-inf")).softmax(2).masked_fill(hidden, 0.0)
        return _join(q.softmax(-1) @ (k.transpose(-1, -2) @ v), x)

    def extra_repr(self) -> str:
        return f"{self.to_qkv.in_channels}, heads={self.heads}"


def _map(q: Tensor, k: Tensor, v: Tensor, down: Tensor, across: Tensor, hidden: Tensor | None) -> Tensor:
    scores = q @ k.transpose(-1, -2) + (down[..., :, None] + across[..., None, :]).flatten(3)
    return (scores if hidden is None else scores.masked_fill(hidden, float("-inf"))).softmax(-1) @ v


def _projection(dim: int, heads: int, device: Device, dtype: torch.dtype | None) -> nn.Conv2d:
    if at_least(1, dim=dim) % at_least(1, heads=heads):
        raise ArgumentError.of("dim", dim, f"a multiple of heads={heads}")
    projection = nn.Conv2d(dim, 3 * dim, 1, bias=False, device=device, dtype=dtype)
    nn.init.normal_(projection.weight, std=dim**-0.5)
    return projection


def _real(x: Tensor, padding: Tensor | None) -> Tensor:
    """`x` with zeros in padded places: a weight of zero alone would not keep a nan out."""
    return x if padding is None else x.masked_fill(~padding[:, None], 0.0)


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
