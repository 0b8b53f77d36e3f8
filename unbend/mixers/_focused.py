"""Focused linear attention: features that turn towards their largest entry, and a convolution that restores rank."""

from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import one_of, positive
from unbend.mixers._base import Mixer, accumulate
from unbend.mixers._grid_base import check_tokens, depthwise, grid, odd
from unbend.mixers._heads_base import Device, Dtype, depth_of, join, real, split

Scope = Literal["all", "head"]


def focused_map(x: Tensor, power: float = 3.0) -> Tensor:
    """Turn vectors without negative entries towards their largest entry, and keep their length.

    Formula:
        f_p(x) = |x| / |x^p| * x^p, the power elementwise

    Args:
        x: (..., d), no entry below 0.
        power: p; 1 changes nothing, and a large one leaves the largest entry alone.

    References:
        Han, Pan, Han, Song, Huang (2023), FLatten Transformer: Vision Transformer using Focused Linear Attention,
        arXiv:2308.00442.

    Examples:
        >>> focused_map(torch.tensor([3.0, 4.0]), 1.0)
        tensor([3., 4.])
    """
    # The share of the largest entry: its powers do not overflow, and what it is divided by drops out of the result.
    largest = x.detach().amax(-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    raised = (x / largest) ** power
    length, of_raised = (z.norm(dim=-1, keepdim=True) for z in (x, raised))
    return raised * (length / of_raised.clamp_min(torch.finfo(x.dtype).tiny))


class FocusedLinearAttention(Mixer):
    """Linear attention over the patches of an image, with focused features and a depthwise convolution of the values.

    Formula:
        q, k = x W_q, x W_k + P; phi(z) = f_p((relu(z) + 1e-6) / softplus(s)), f_p as in `focused_map`
        y_i = sum_j (phi(q_i) . phi(k_j)) v_j / (sum_j phi(q_i) . phi(k_j) + 1e-6 n) + DWC(v)_i, then W_o

    Shape:
        x: (b, H W, dim), row after row; padding: (b, H W); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        size: the grid, `(H, W)`.
        heads: how many, of c = dim / heads channels.
        power: p.
        kernel_size: side of the depthwise convolution, odd; its c kernels serve all heads. None leaves it out.
        norm_scope: "all" focuses all channels together, as the official code does; "head" those of each head.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time n dim (2 c + k^2), memory n dim, for n = H W. Without the convolution the rank of the attention map of a
        head is at most c; with it the map can have full rank.

    Departures:
        No reduction of keys and values to a coarser grid. The powers are taken of shares of the largest entry, which
        changes nothing but the overflow.

    References:
        Han, Pan, Han, Song, Huang (2023), FLatten Transformer: Vision Transformer using Focused Linear Attention,
        arXiv:2308.00442.

    Examples:
        >>> FocusedLinearAttention(8, (5, 7), heads=2)(torch.randn(2, 35, 8)).shape
        torch.Size([2, 35, 8])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "size": (5, 2), "heads": 3}, (3, 10, 6), largest=1e9),
        Example(
            {"dim": 6, "size": (5, 2), "heads": 2, "power": 1.5, "kernel_size": None, "norm_scope": "head"},
            (3, 10, 6),
            largest=1e9,
        ),
    )

    def __init__(
        self,
        dim: int,
        size: Sequence[int],
        *,
        heads: int = 4,
        power: float = 3.0,
        kernel_size: int | None = 5,
        norm_scope: Scope = "all",
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        depth, self.size, self.heads = depth_of(dim, heads), grid(size), heads
        self.power, self.norm_scope = positive(power=power), one_of(get_args(Scope), norm_scope=norm_scope)
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False, device=device, dtype=dtype)
        self.places = nn.Parameter(torch.zeros(self.size[0] * self.size[1], dim, device=device, dtype=dtype))
        self.scale = nn.Parameter(torch.zeros(dim, device=device, dtype=dtype))
        self.convolution: nn.Conv2d | None = None
        if kernel_size is not None:
            side = odd(kernel_size=kernel_size)
            self.convolution = nn.Conv2d(depth, depth, side, groups=depth, device=device, dtype=dtype)
        self.out = nn.Linear(dim, dim, device=device, dtype=dtype)

    def features(self, x: Tensor, padding: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features of queries and keys, `(b, h, n, c)` each; those of padded keys are zero."""
        q, k, _ = self._parts(real(x, padding), padding)
        return q, k

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        check_tokens(x, self.size)
        x = real(x, padding)
        q, k, v = self._parts(x, padding)
        y = q @ (k.transpose(-1, -2) @ F.pad(v, (0, 1), value=1.0))
        count = x.shape[1] if padding is None else padding.sum(1, dtype=v.dtype)[:, None, None, None]
        y = y[..., :-1] / (y[..., -1:] + 1e-6 * count).clamp_min(1e-12)
        if self.convolution is not None:
            maps = v.transpose(-1, -2).flatten(0, 1)
            local = depthwise(maps, self.size, self.convolution.weight, self.convolution.bias)
            y = y + local.view(*v.shape[:2], *local.shape[1:]).transpose(-1, -2)
        return self.out(join(y).to(x.dtype))

    def _parts(self, x: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = accumulate(self.to_qkv(x)).chunk(3, -1)
        q, k = self._focus(q), self._focus(k + self.places)
        return q, real(k, None if padding is None else padding[:, None]), split(v, self.heads)

    def _focus(self, z: Tensor) -> Tensor:
        z = (z.relu() + 1e-6) / F.softplus(accumulate(self.scale))
        if self.norm_scope == "all":
            return split(focused_map(z, self.power), self.heads)
        return focused_map(split(z, self.heads), self.power)

    def extra_repr(self) -> str:
        side = None if self.convolution is None else self.convolution.kernel_size[0]
        keywords = f"power={self.power}, kernel_size={side}, norm_scope={self.norm_scope!r}"
        return f"{self.out.in_features}, {self.size}, heads={self.heads}, {keywords}"
