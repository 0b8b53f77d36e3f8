"""EcoFormer: attention between codes of a few bits, which a learned kernel hash gives to queries and keys alike."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import at_least
from unbend.mixers._base import Mixer
from unbend.mixers._heads_base import Device, Dtype, depth_of, join, real, split

# Picojoules of one multiplication and one addition of 32-bit floating numbers at 45 nm (Horowitz, 2014).
MULTIPLY_PJ, ADD_PJ = 3.7, 0.9


def hamming_linear_attention(
    codes: Tensor, v: Tensor, padding: Tensor | None = None, *, official_bias: bool = False
) -> Tensor:
    """Attention by the bits in which codes agree, in linear time.

    Formula:
        w_ij = h_i . h_j + B + 1 = 2 B + 1 - 2 hamming(h_i, h_j)
        y_i = (sum_j (h_i . h_j) v_j + (B + 1) sum_j v_j) / (h_i . sum_j h_j + n (B + 1))

    Args:
        codes: (b, h, n, B), of +1 and -1.
        v: (b, h, n, c).
        padding: (b, n), True where a token is real.
        official_bias: `(B + 1) v_i` in place of `(B + 1) sum_j v_j`, as the official code has it: its weights do not
            sum to one.

    References:
        Liu, Pan, He, Cai, Zhuang (2022), EcoFormer: Energy-Saving Attention with Linear Complexity, arXiv:2209.09004.
    """
    keys, count = codes, codes.new_tensor(codes.shape[2])
    if padding is not None:
        keys, v = real(codes, padding[:, None]), real(v, padding[:, None])
        count = padding.sum(1, dtype=codes.dtype)[:, None, None, None].clamp_min(1.0)
    bias = codes.shape[-1] + 1
    spread = bias * (v if official_bias else v.sum(2, keepdim=True))
    summed = codes @ (keys.transpose(-1, -2) @ v) + spread
    return summed / (codes @ keys.sum(2).unsqueeze(-1) + bias * count)


class SignSTE(nn.Module):
    """The sign of a number, +1 at zero, with the gradient of the number itself where that is within -1 and 1.

    Formula:
        y = 1 if x >= 0 else -1; dx = dy where |x| < 1, else 0

    Shape:
        x: any; y: as x.

    Behaviour:
        The gradient is a surrogate. Not a number stays so.

    References:
        Liu, Pan, He, Cai, Zhuang (2022), EcoFormer: Energy-Saving Attention with Linear Complexity, arXiv:2209.09004.

    Examples:
        >>> SignSTE()(torch.tensor([-0.5, 0.0, 2.0]))
        tensor([-1.,  1.,  1.])
    """

    surrogate: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (2, 3, 5)),)

    def forward(self, x: Tensor) -> Tensor:
        sign = torch.where(x >= 0, 1.0, -1.0).to(x.dtype) + 0 * (x != x).to(x.dtype) / (x == x).to(x.dtype)
        held = x.clamp(-1.0, 1.0)
        return sign.detach() + (held - held.detach())


class KernelHash(nn.Module):
    """Codes of unit vectors, by signs of learned combinations of their nearness to anchors.

    Formula:
        g_j(x) = exp(-|x - a_j|^2 / (2 s)), s the mean of |x_i - a_j|^2 over the tokens of a sequence and the anchors
        h_r(x) = sign(sum_j A_rj (g_j(x) - m_j))

    Shape:
        x: (b, h, n, c), of length one along c; codes: (b, h, n, B).

    Args:
        heads: h, which have anchors and combinations of their own.
        dim: c.
        bits: B.
        anchors: how many.
        device: where the buffers lie.
        dtype: their type.

    Behaviour:
        Until `learn` is called, anchors, combinations and means are random or zero. The buffers take no gradient; the
        input does, through a surrogate. The codes of a token depend on the whole sequence through s.

    References:
        Liu, Pan, He, Cai, Zhuang (2022), EcoFormer: Energy-Saving Attention with Linear Complexity, arXiv:2209.09004.

    Examples:
        >>> KernelHash(2, 4, bits=3)(torch.randn(1, 2, 5, 4)).abs().unique()
        tensor([1.])
    """

    surrogate: ClassVar[bool] = True
    a: Tensor
    anchor: Tensor
    mean: Tensor
    learned: Tensor
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"heads": 1, "dim": 3, "bits": 2, "anchors": 4}, (2, 1, 5, 3), largest=1e9),
    )

    def __init__(
        self,
        heads: int,
        dim: int,
        *,
        bits: int = 16,
        anchors: int = 25,
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        self.heads, self.dim = at_least(1, heads=heads), at_least(1, dim=dim)
        self.bits, self.anchors = at_least(1, bits=bits), at_least(1, anchors=anchors)
        anchor = torch.randn(heads, anchors, dim, device=device, dtype=dtype)
        self.register_buffer("a", torch.randn(heads, bits, anchors, device=device, dtype=dtype))
        self.register_buffer("anchor", anchor / anchor.norm(dim=-1, keepdim=True))
        self.register_buffer("mean", torch.zeros(heads, anchors, device=device, dtype=dtype))
        self.register_buffer("learned", torch.zeros((), dtype=torch.bool, device=device))
        self.sign = SignSTE()

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        nearness = self._nearness(x, padding) - self.mean[:, None]
        return self.sign(nearness @ self.a.to(x.dtype).transpose(-1, -2))

    @torch.no_grad()
    def learn(self, x: Tensor, *, nearest: int = 10, steps: int = 100, lr: float = 5e-4, seed: int = 0) -> None:
        """Learn the hash of the sequences `x`: bit after bit, so that codes agree where tokens are alike.

        Args:
            x: (b, h, n, c), of length one along c.
            nearest: how many of the most alike tokens of each are to agree with it, and of the least alike to differ.
            steps: of gradient descent for each bit.
            lr: its rate, with Nesterov's momentum of 0.9.
            seed: of the choice of anchors among the tokens of the first sequence.
        """
        x = x.detach()
        order = torch.randperm(x.shape[2], generator=torch.Generator().manual_seed(seed)).to(x.device)
        order = order.repeat(-(-self.anchors // len(order)))[: self.anchors]
        self.anchor.copy_(x[0][:, order])
        nearness = self._nearness(x, None)
        self.mean.copy_(nearness.mean((0, 2)))
        nearness = nearness - self.mean[:, None].to(x.dtype)
        target = self.bits * _alike(x, min(nearest, x.shape[2]))
        for bit in range(self.bits):
            first = self.a[:, bit].to(x.dtype)
            better = self._descend(nearness, target, first, steps, lr)
            signs = [torch.where(_combined(nearness, a) >= 0, 1.0, -1.0).to(x.dtype) for a in (first, better)]
            take = self._loss(signs[1], target) < self._loss(signs[0], target)
            self.a[:, bit] = torch.where(take, better, first).to(self.a.dtype)
            kept = torch.where(take, signs[1], signs[0])
            target = target - kept[..., :, None] * kept[..., None, :]
        self.learned.fill_(True)

    def _descend(self, nearness: Tensor, target: Tensor, start: Tensor, steps: int, lr: float) -> Tensor:
        with torch.enable_grad():
            a = start.clone().requires_grad_()
            descent = torch.optim.SGD([a], lr=lr, momentum=0.9, nesterov=True)
            for _ in range(steps):
                descent.zero_grad()
                self._loss(2 * torch.sigmoid(_combined(nearness, a)) - 1, target).backward()
                descent.step()
        return a.detach()

    def _loss(self, y: Tensor, target: Tensor) -> Tensor:
        return -torch.einsum("bhn,bhnm,bhm->bh", y, target, y).mean() / (y.shape[-1] * self.bits)

    def _nearness(self, x: Tensor, padding: Tensor | None) -> Tensor:
        """`g`, (b, h, n, m)."""
        squares = (x[..., None, :] - self.anchor[:, None].to(x.dtype)).square().sum(-1)
        if padding is None:
            scale = squares.mean((-1, -2), keepdim=True)
        else:
            seen = real(squares, padding[:, None])
            count = padding.sum(1, dtype=x.dtype)[:, None, None, None].clamp_min(1.0)
            scale = seen.sum((-1, -2), keepdim=True) / (count * self.anchors)
        return (-squares / (2 * scale.clamp_min(1e-12))).exp()

    def extra_repr(self) -> str:
        return f"{self.heads}, {self.dim}, bits={self.bits}, anchors={self.anchors}"

    def __repr__(self) -> str:
        return f"KernelHash({self.extra_repr()})"


class EcoAttention(Mixer):
    """Attention between binary codes of what serves as query and key, in linear time and few multiplications.

    Formula:
        h_i = hash(x_i W_qk / |x_i W_qk|), as in `KernelHash`, for each head
        y_i = sum_j (h_i . h_j + B + 1) v_j / sum_j (h_i . h_j + B + 1), heads side by side, then W_o

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: how many, of c = dim / heads channels.
        bits: B.
        anchors: of the hash.
        learn: learn the hash from the first batch that is seen while training; without, it stays random.
        official_bias: the numerator of the official code, whose weights do not sum to one.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time n dim (2 B + m) for m anchors; memory n dim. The products with codes are additions: see `energy_estimate`.
        All weights are at least 1, so every output lies among the values. The gradient through the codes is a
        surrogate.

    Departures:
        The bias is given to all values, as the denominator has it; `official_bias` gives it to the query's own.

    References:
        Liu, Pan, He, Cai, Zhuang (2022), EcoFormer: Energy-Saving Attention with Linear Complexity, arXiv:2209.09004.

    Examples:
        >>> EcoAttention(8, heads=2)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    surrogate: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5, "heads": 1, "bits": 2, "anchors": 4}, (2, 7, 5), largest=1e9),
    )

    def __init__(
        self,
        dim: int,
        *,
        heads: int = 4,
        bits: int = 16,
        anchors: int = 25,
        learn: bool = True,
        official_bias: bool = False,
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        depth = depth_of(dim, heads)
        self.heads, self.learn, self.official_bias = heads, learn, official_bias
        self.to_qk = nn.Linear(dim, dim, bias=False, device=device, dtype=dtype)
        self.to_v = nn.Linear(dim, dim, bias=False, device=device, dtype=dtype)
        self.hash = KernelHash(heads, depth, bits=bits, anchors=anchors, device=device, dtype=dtype)
        self.out = nn.Linear(dim, dim, device=device, dtype=dtype)

    def codes(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """The codes `(b, h, t, B)` of the tokens."""
        q = split(self.to_qk(real(x, padding)), self.heads)
        q = q / q.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        if self.training and self.learn and not self.hash.learned:
            self.hash.learn(q)
        return self.hash(q, padding)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        codes, v = self.codes(x, padding), split(self.to_v(real(x, padding)), self.heads)
        y = hamming_linear_attention(codes, v, padding, official_bias=self.official_bias)
        return self.out(join(y).to(x.dtype))

    def extra_repr(self) -> str:
        keywords = f"bits={self.hash.bits}, anchors={self.hash.anchors}, learn={self.learn}"
        return f"{self.out.in_features}, heads={self.heads}, {keywords}, official_bias={self.official_bias}"


@dataclass(frozen=True)
class Energy:
    """Multiplications and additions of one head for one sequence, and what they take at 45 nm."""

    multiplications: int
    additions: int

    @property
    def picojoules(self) -> float:
        """At 3.7 pJ a multiplication and 0.9 pJ an addition of 32-bit floating numbers."""
        return MULTIPLY_PJ * self.multiplications + ADD_PJ * self.additions


def energy_estimate(tokens: int, depth: int, *, bits: int = 16, anchors: int = 25) -> dict[str, Energy]:
    """What softmax attention, linear attention and attention between codes take, without projections and functions.

    Formula:
        softmax: 2 n^2 c of each
        linear, c features: n c (2 c + 2) of each
        eco: n m (c + B) + n c multiplications (distances, bits, division); n m (2 c + B) + 2 n B (c + 1) additions

    Args:
        tokens: n.
        depth: c, channels of a head.
        bits: B.
        anchors: m.

    References:
        Liu, Pan, He, Cai, Zhuang (2022), EcoFormer: Energy-Saving Attention with Linear Complexity, arXiv:2209.09004.
    """
    n, c, b, m = (at_least(1, **{name: size}) for name, size in _named(tokens, depth, bits, anchors).items())
    pairs, linear = 2 * n * n * c, n * c * (2 * c + 2)
    eco = Energy(n * m * (c + b) + n * c, n * m * (2 * c + b) + 2 * n * b * (c + 1))
    return {"softmax": Energy(pairs, pairs), "linear": Energy(linear, linear), "eco": eco}


def _named(tokens: int, depth: int, bits: int, anchors: int) -> dict[str, Any]:
    return {"tokens": tokens, "depth": depth, "bits": bits, "anchors": anchors}


def _alike(x: Tensor, count: int) -> Tensor:
    """+1 at the `count` most alike tokens of each, -1 at the least alike, 0 elsewhere: (b, h, n, n)."""
    products = x @ x.transpose(-1, -2)
    target = torch.zeros_like(products)
    target.scatter_(-1, products.topk(count).indices, 1.0)
    return target.scatter_(-1, products.topk(count, largest=False).indices, -1.0)


def _combined(nearness: Tensor, a: Tensor) -> Tensor:
    return torch.einsum("bhnm,hm->bhn", nearness, a)
