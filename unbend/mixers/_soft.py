"""Attention without a softmax: a Gaussian kernel of all pairs, by way of a few landmarks and an inverse of Newton's."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.mixers._base import Mixer
from unbend.mixers._grid_base import check_tokens, depthwise, grid, odd
from unbend.mixers._heads_base import Device, Dtype, depth_of, join, normed, real, split


def newton_pinv(p: Tensor, iters: int = 20, ridge: float = 0.01) -> Tensor:
    """The inverse of symmetric matrices without negative entries, by Newton's iteration.

    Formula:
        P = p + ridge I, V_0 = 1.8 / (largest row sum of p)^2 P
        V_{t+1} = 2 V_t - V_t P V_t, so that I - P V_{t+1} = (I - P V_t)^2
        gradient, by the inverse itself and not through the steps: dp = -V^T dV V^T

    Args:
        p: (..., m, m).
        iters: steps.
        ridge: added to the diagonal.

    References:
        Lu, Zhang, Yao, Zhu, Feng, Xiang, Zhang (2022), Softmax-free Linear Transformers, arXiv:2207.03341.

    Examples:
        >>> newton_pinv(torch.eye(2), ridge=0.0)
        tensor([[1., 0.],
                [0., 1.]])
    """
    return _Newton.apply(p, iters, ridge)  # type: ignore[no-any-return]  # apply is untyped


class _Newton(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(p: Tensor, iters: int, ridge: float) -> Tensor:
        scale = 1.8 / p.sum(-1).amax(-1)[..., None, None] ** 2
        p = p + ridge * torch.eye(p.shape[-1], dtype=p.dtype, device=p.device)
        v = scale * p
        for _ in range(iters):
            v = 2 * v - v @ p @ v
        return v

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        turned = ctx.saved_tensors[0].transpose(-1, -2)
        return -turned @ grad_outputs[0] @ turned, None, None


class GaussianKernelAttention(Mixer):
    """The attention that `SOFTAttention` approximates: a Gaussian kernel of all pairs of queries, not normalised.

    Formula:
        q = x W_q / c^(1/4)
        y_i = sum_j exp(-|q_i - q_j|^2 / 2) v_j, heads side by side, then W_o

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: how many, of c = dim / heads channels.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        The map is symmetric and positive semidefinite, with ones on its diagonal. Time and memory grow with t^2.

    References:
        Lu, Zhang, Yao, Zhu, Feng, Xiang, Zhang (2022), Softmax-free Linear Transformers, arXiv:2207.03341.

    Examples:
        >>> GaussianKernelAttention(8, heads=2)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    linear: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 6, "heads": 3}, (3, 7, 6), largest=1e9),)

    def __init__(self, dim: int, *, heads: int = 4, device: Device = None, dtype: Dtype = None) -> None:
        super().__init__()
        depth_of(dim, heads)
        self.heads = heads
        # A bias would drop out of the differences.
        self.to_q = nn.Linear(dim, dim, bias=False, device=device, dtype=dtype)
        self.to_v = nn.Linear(dim, dim, device=device, dtype=dtype)
        self.out = nn.Linear(dim, dim, device=device, dtype=dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        x = real(x, padding)
        q = _scaled(split(self.to_q(x), self.heads))
        v = split(real(self.to_v(x), padding), self.heads)
        return self.out(join(_gaussian(q, q) @ v).to(x.dtype))

    def extra_repr(self) -> str:
        return f"{self.out.in_features}, heads={self.heads}"


class SOFTAttention(Mixer):
    """Gaussian attention over the patches of an image, through landmarks on a coarser grid.

    Formula:
        q = x W_q / c^(1/4), l = gelu(layernorm(strided convolution of q)), K(a, b) = exp(-|a - b|^2 / 2)
        y = K(q, l) N K(l, q) v + DWC(v), heads side by side, then W_o
        N = newton_pinv(K(l, l)), or D^(-1/2) newton_pinv(K(l, l)) D^(-1/2) with the row sums D of K(l, l) if `norm`

    Shape:
        x: (b, H W, dim), row after row; padding: (b, H W); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        size: the grid, `(H, W)`, no side less than `ratio`.
        heads: how many, of c = dim / heads channels; the landmarks of all come from one convolution c -> c.
        ratio: side and stride of that convolution.
        norm: the symmetric normalisation, which the paper calls SOFT++.
        iters: steps of Newton's iteration.
        kernel_size: side of the depthwise convolution of the values, one kernel for each head.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time n m (2 dim + h m) + h m^3 iters, memory h n m, for n = H W tokens and m = floor(H / r) floor(W / r)
        landmarks: linear in n for a grid of landmarks that is kept. Where the landmarks are the tokens themselves,
        K(q, l) N K(l, q) is the kernel of all pairs.

    Departures:
        Both forms start Newton's iteration in the same way and with the ridge; the official code of the normalised form
        has a start of its own, and no ridge. Squared distances are held at zero from below.

    References:
        Lu, Zhang, Yao, Zhu, Feng, Xiang, Zhang (2022), Softmax-free Linear Transformers, arXiv:2207.03341.

    Examples:
        >>> SOFTAttention(8, (6, 8), heads=2, ratio=2)(torch.randn(2, 48, 8)).shape
        torch.Size([2, 48, 8])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "size": (5, 4), "heads": 3, "ratio": 2}, (3, 20, 6), largest=1e9),
        Example({"dim": 10, "size": (4, 3), "heads": 2, "ratio": 2, "norm": True}, (3, 12, 10), largest=1e9),
    )

    def __init__(
        self,
        dim: int,
        size: Sequence[int],
        *,
        heads: int = 4,
        ratio: int = 2,
        norm: bool = False,
        iters: int = 20,
        kernel_size: int = 3,
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        depth, self.size, self.heads = depth_of(dim, heads), grid(size), heads
        self.ratio, self.norm, self.iters = at_least(1, ratio=ratio), norm, at_least(1, iters=iters)
        if min(self.size) < ratio:
            raise ArgumentError.of("ratio", ratio, f"at most the sides of size={self.size}")
        self.to_q = nn.Linear(dim, dim, device=device, dtype=dtype)
        self.to_v = nn.Linear(dim, dim, device=device, dtype=dtype)
        self.landmarks = nn.Conv2d(depth, depth, ratio, ratio, bias=False, device=device, dtype=dtype)
        self.landmark_norm = nn.LayerNorm(depth, device=device, dtype=dtype)
        side = odd(kernel_size=kernel_size)
        self.convolution = nn.Conv2d(heads, heads, side, groups=heads, bias=False, device=device, dtype=dtype)
        self.out = nn.Linear(dim, dim, device=device, dtype=dtype)

    def factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`K(q, l)`, (b, h, n, m), and `N`, (b, h, m, m): the attention map is `K N K^T`."""
        q = _scaled(split(self.to_q(x), self.heads))
        maps = q.transpose(-1, -2).flatten(0, 1).unflatten(-1, self.size)
        marks = F.conv2d(maps, self.landmarks.weight.to(q.dtype), stride=self.ratio).flatten(2).transpose(-1, -2)
        marks = F.gelu(normed(marks, self.landmark_norm)).view(*q.shape[:2], *marks.shape[1:])
        among = _gaussian(marks, marks)
        inverse = newton_pinv(among, self.iters)
        if self.norm:
            share = among.sum(-1).rsqrt()
            inverse = share[..., :, None] * inverse * share[..., None, :]
        return _gaussian(q, marks), inverse

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        check_tokens(x, self.size)
        x = real(x, padding)
        kernel, inverse = self.factors(x)
        # The values of padded tokens are zero: their columns of the map count for nothing.
        v = split(real(self.to_v(x), padding), self.heads)
        y = kernel @ (inverse @ (kernel.transpose(-1, -2) @ v))
        maps = v.movedim(-1, 1).flatten(0, 1)
        local = depthwise(maps, self.size, self.convolution.weight)
        y = y + local.view(len(v), v.shape[-1], *local.shape[1:]).movedim(1, -1)
        return self.out(join(y).to(x.dtype))

    def extra_repr(self) -> str:
        keywords = f"ratio={self.ratio}, norm={self.norm}, iters={self.iters}"
        side = self.convolution.kernel_size[0]
        return f"{self.out.in_features}, {self.size}, heads={self.heads}, {keywords}, kernel_size={side}"


def _scaled(q: Tensor) -> Tensor:
    return q * q.shape[-1] ** -0.25


def _gaussian(a: Tensor, b: Tensor) -> Tensor:
    """`exp(-|a_i - b_j|^2 / 2)` for all pairs."""
    squares = a.square().sum(-1)[..., :, None] + b.square().sum(-1)[..., None, :]
    return (a @ b.transpose(-1, -2) - squares / 2).clamp_max(0.0).exp()
