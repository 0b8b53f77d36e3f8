"""Norm-aware linear attention: the longer a query, the more it keeps to the keys that it points to."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError
from unbend.mixers._base import Mixer, accumulate
from unbend.mixers._grid_base import Size, check_tokens, depthwise, grid
from unbend.mixers._heads_base import Device, Dtype, depth_of, join, normed, real, split


def norm_power_map(x: Tensor) -> Tensor:
    """Features of a query: its direction, split by sign, to a power that grows with its length.

    Formula:
        r = |x|, p = 3 (1/2 + tanh r)
        phi(x) = [relu(x / r)^p, relu(-x / r)^p], the power elementwise

    Args:
        x: (..., c); the result is (..., 2 c).

    References:
        Meng, Luo, Huo, Wang, Li, Zhang (2025), NaLaFormer: Norm-Aware Linear Attention for Transformer Models,
        arXiv:2506.21137.

    Examples:
        >>> norm_power_map(torch.tensor([0.0, -9.0]))
        tensor([0., 0., 0., 1.])
    """
    length = x.norm(dim=-1, keepdim=True)
    power = 3 * (0.5 + length.tanh())
    direction = x / length.clamp_min(1e-12)
    both = torch.cat((direction, -direction), -1)
    # The slope of the power of zero is not asked for, of any order: it may be infinite.
    return torch.where(both > 0, torch.where(both > 0, both, 1.0) ** power, 0 * both.abs())


class NormAwareLinearAttention(Mixer):
    """Linear attention over the patches of an image whose weights grow sharper as the query grows longer.

    Formula:
        q, k, v, g = x W; phi_q as in `norm_power_map`, phi_k(k) = [relu(k^3), relu(-k^3)]; R turns by rows and columns
        z_i = sum_j (R_i phi_q(q_i) . R_j phi_k(k_j)) v_j / (sum_j phi_q(q_i) . phi_k(k_j) + 1e-6 n)
        y_i = (layernorm(heads of z_i side by side + DWC(v)_i) * silu(g_i)) W_o

    Shape:
        x: (b, H W, dim), row after row; padding: (b, H W); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        size: the grid, `(H, W)`.
        heads: how many, of c = dim / heads channels, a multiple of 4: pairs of the first half turn with the row, those
            of the second with the column, by angles from 1 to 1e-4 per step.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time n dim (4 c + 25), memory n dim, for n = H W. The numerator is turned and the denominator is not, so that
        single weights may be negative. A query with unrotated features has weights of lower entropy the longer it is;
        the weights of features that scale with it do not change at all.

    Departures:
        Directions are divided by at least 1e-12. The variant with sines and cosines of the paper's first version is
        left out: its definition could not be verified.

    References:
        Meng, Luo, Huo, Wang, Li, Zhang (2025), NaLaFormer: Norm-Aware Linear Attention for Transformer Models,
        arXiv:2506.21137.

    Examples:
        >>> NormAwareLinearAttention(16, (5, 7), heads=2)(torch.randn(2, 35, 16)).shape
        torch.Size([2, 35, 16])
    """

    turns: Tensor
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 8, "size": (5, 2), "heads": 2}, (3, 10, 8), largest=1e4),
    )

    def __init__(
        self, dim: int, size: Sequence[int], *, heads: int = 4, device: Device = None, dtype: Dtype = None
    ) -> None:
        super().__init__()
        if depth_of(dim, heads) % 4:
            raise ArgumentError.of("dim", dim, f"a multiple of four times heads={heads}")
        self.size, self.heads = grid(size), heads
        self.to_qkvg = nn.Linear(dim, 4 * dim, device=device, dtype=dtype)
        self.convolution = nn.Conv2d(dim, dim, 5, groups=dim, device=device, dtype=dtype)
        self.norm = nn.LayerNorm(dim, device=device, dtype=dtype)
        self.out = nn.Linear(dim, dim, device=device, dtype=dtype)
        turns = _turns(self.size, dim // heads).to(device=device, dtype=dtype)
        self.register_buffer("turns", turns, persistent=False)

    def features(self, x: Tensor, padding: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features of queries and keys before they are turned, `(b, h, n, 2 c)` each; those of padded keys are zero."""
        q, k, _, _ = self._parts(real(x, padding), padding)
        return q, k

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        check_tokens(x, self.size)
        x = real(x, padding)
        q, k, v, g = self._parts(x, padding)
        count = x.shape[1] if padding is None else padding.sum(1, dtype=v.dtype)[:, None, None, None]
        weight = q @ k.sum(-2).unsqueeze(-1) + (1e-6 * count)
        y = self._turned(q) @ (self._turned(k).transpose(-1, -2) @ split(v, self.heads)) / weight.clamp_min(1e-12)
        local = depthwise(v.transpose(1, 2), self.size, self.convolution.weight, self.convolution.bias)
        y = normed(join(y) + local.transpose(1, 2), self.norm) * F.silu(g)
        return self.out(y.to(x.dtype))

    def _parts(self, x: Tensor, padding: Tensor | None) -> tuple[Tensor, ...]:
        """Features of queries and keys by heads, then values and gates `(b, n, dim)`."""
        q, k, v, g = accumulate(self.to_qkvg(x)).chunk(4, -1)
        cubes = split(k, self.heads) ** 3
        cubes = real(torch.cat((cubes.relu(), (-cubes).relu()), -1), None if padding is None else padding[:, None])
        return norm_power_map(split(q, self.heads)), cubes, real(v, padding), g

    def _turned(self, features: Tensor) -> Tensor:
        """Both halves of the features with their pairs turned by the place of the token."""
        halves = features.unflatten(-1, (2, -1, 2))
        a, b = halves.unbind(-1)
        cos, sin = self.turns.to(features.dtype)[..., None, :].unbind(0)
        return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-3)

    def extra_repr(self) -> str:
        return f"{self.out.in_features}, {self.size}, heads={self.heads}"


def _turns(size: Size, depth: int) -> Tensor:
    """Cosines and sines, `(2, H W, c / 2)`: the first half of the pairs by the row, the second by the column."""
    angles = 10000.0 ** -torch.linspace(0, 1, depth // 4)
    rows, columns = (torch.arange(side)[:, None] * angles for side in size)
    by_row, by_column = rows.repeat_interleave(size[1], 0), columns.repeat(size[0], 1)
    turned = torch.cat((by_row, by_column), -1)
    return torch.stack((turned.cos(), turned.sin()))
