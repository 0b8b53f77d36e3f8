"""Attention by polynomials of degree two: Based, whose kernel approximates exp, and ReBased, which learns its own."""

from math import sqrt
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import at_least, one_of
from unbend.mixers._base import accumulate
from unbend.mixers._feature_base import FeatureAttention
from unbend.mixers._heads_base import Device, Dtype, split

Scope = Literal["all", "head"]


class TaylorFeatureMap(nn.Module):
    """Features whose products are the Taylor polynomial of exp of second degree.

    Formula:
        phi(x) = [1, x_a / f^(1/4), x_a^2 / sqrt(2 f), x_a x_b / sqrt(f) for a < b]
        phi(q) . phi(k) = 1 + s + s^2 / 2 with s = q . k / sqrt(f)

    Shape:
        x: (..., f); y: (..., 1 + f + f (f + 1) / 2).

    Args:
        dim: f.

    Behaviour:
        The products are at least 1/2, which they are where s = -1: no weight can vanish.

    References:
        Arora, Eyuboglu, Zhang, Timalsina, Alberti, Zinsley, Zou, Rudra, Re (2024), Simple linear attention language
        models balance the recall-throughput tradeoff, arXiv:2402.18668.

    Examples:
        >>> TaylorFeatureMap(2)(torch.tensor([0.0, 2.0]))
        tensor([1.0000, 0.0000, 1.6818, 0.0000, 0.0000, 2.0000])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 5}, (2, 3, 5), largest=1e4),)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = at_least(1, dim=dim)
        self.count = 1 + dim + dim * (dim + 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        wide = accumulate(x)
        products = _products(wide) / sqrt(2 * self.dim)
        return torch.cat((torch.ones_like(wide[..., :1]), wide * self.dim**-0.25, products), -1).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.dim}"


class ReBasedFeatureMap(nn.Module):
    """Features whose products are squares of products of normalised, scaled and shifted vectors.

    Formula:
        z = gamma * layernorm(x) + beta, split into h heads of f
        phi(x) = [z_a^2 / sqrt(f), sqrt(2 / f) z_a z_b for a < b]
        phi(q) . phi(k) = (z_q . z_k)^2 / f

    Shape:
        x: (..., h f); y: (..., h, f (f + 1) / 2).

    Args:
        dim: f.
        heads: h.
        norm_scope: "all" normalises the h f numbers together, "head" those of each head, with one gamma and beta.
        device: where gamma and beta lie.
        dtype: their type.

    Behaviour:
        The products are at least 0, and 0 where z_q and z_k are at right angles: a weight can vanish. Queries and keys
        have a map each, whose gamma and beta learn where the parabola lies.

    References:
        Aksenov, Balagansky, Lo Cicero Vaina, Shaposhnikov, Gorbatovski, Gavrilov (2024), Linear Transformers with
        Learnable Kernel Functions are Better In-Context Models, arXiv:2402.10644.

    Examples:
        >>> ReBasedFeatureMap(2)(torch.tensor([1.0, 3.0]))
        tensor([[ 0.7071, -1.0000,  0.7071]], grad_fn=<DivBackward0>)
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5, "heads": 2}, (2, 3, 10), largest=1e9),
        Example({"dim": 5, "heads": 2, "norm_scope": "head"}, (2, 3, 10), largest=1e9),
    )

    def __init__(
        self,
        dim: int,
        *,
        heads: int = 1,
        norm_scope: Scope = "all",
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        self.dim, self.heads = at_least(1, dim=dim), at_least(1, heads=heads)
        self.norm_scope: Scope = one_of(get_args(Scope), norm_scope=norm_scope)
        self.count = dim * (dim + 1) // 2
        width = dim * heads if norm_scope == "all" else dim
        self.gamma = nn.Parameter(torch.ones(width, device=device, dtype=dtype))
        self.beta = nn.Parameter(torch.zeros(width, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        z = accumulate(x).unflatten(-1, (-1, len(self.gamma)))
        z = F.layer_norm(z, z.shape[-1:]) * self.gamma + self.beta
        z = z.flatten(-2).unflatten(-1, (self.heads, self.dim))
        return (_products(z) / sqrt(self.dim)).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.dim}, heads={self.heads}, norm_scope={self.norm_scope!r}"

    def __repr__(self) -> str:
        return f"ReBasedFeatureMap({self.extra_repr()})"


class BasedAttention(FeatureAttention):
    """Attention whose weights are the Taylor polynomial of exp of second degree.

    Formula:
        s_ij = q_i . k_j / sqrt(f)
        y_i = sum_j (1 + s_ij + s_ij^2 / 2) v_j / sum_j (1 + s_ij + s_ij^2 / 2), over j <= i if causal

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: how many; the values of each are c = dim / heads wide.
        feature_dim: f, the channels of a query or key of one head.
        causal: whether a token sees only itself and those before it.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time and memory linear in t: F = 1 + f + f (f + 1) / 2 features, 153 for f = 16, take 2 t h F c products and
        sums. The state of `step` is `(b, h, F, c)` and `(b, h, F)`, in float32. No weight can vanish. No biases.

    Departures:
        Equal features are kept once: the official code keeps all f^2 products.

    References:
        Arora et al. (2024), Simple linear attention language models balance the recall-throughput tradeoff,
        arXiv:2402.18668.

    Examples:
        >>> layer = BasedAttention(8, heads=2, feature_dim=4)
        >>> x = torch.randn(2, 5, 8)
        >>> torch.allclose(layer(x)[:, 0], layer.out(layer.to_v(x[:, 0])), atol=1e-5)
        True
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "heads": 3, "feature_dim": 4}, (3, 7, 6), largest=1e4),
        Example({"dim": 6, "heads": 2, "feature_dim": 3, "causal": False}, (3, 7, 6), largest=1e4),
    )

    def __init__(
        self,
        dim: int,
        *,
        heads: int = 4,
        feature_dim: int = 16,
        causal: bool = True,
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        phi = TaylorFeatureMap(feature_dim)
        super().__init__(dim, heads, phi.count, causal=causal, eps=1e-12, device=device, dtype=dtype)
        self.to_qk = nn.Linear(dim, 2 * heads * feature_dim, bias=False, device=device, dtype=dtype)
        self.phi = phi

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        q, k = (self.phi(split(part, self.heads)) for part in self.to_qk(x).chunk(2, -1))
        return q, k

    def extra_repr(self) -> str:
        return f"{self.out.in_features}, heads={self.heads}, feature_dim={self.phi.dim}, causal={self.causal}"


class ReBasedAttention(FeatureAttention):
    """Attention whose weights are parabolas with learned places, of normalised queries and keys.

    Formula:
        q'_i = gamma_q * layernorm(q_i) + beta_q, k'_j = gamma_k * layernorm(k_j) + beta_k
        s_ij = (q'_i . k'_j)^2 / f
        y_i = sum_j s_ij v_j / (sum_j s_ij + 1e-12), over j <= i if causal

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: how many, with values of c = dim / heads channels.
        feature_dim: f, the width of queries and keys of a head.
        norm_scope: "all" normalises queries (and keys) of all heads together, "head" those of each head.
        causal: whether a token sees only itself and those before it.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time and memory linear in t: F = f (f + 1) / 2 features, 136 for f = 16, take 2 t h F c products and sums. The
        state of `step` is `(b, h, F, c)` and `(b, h, F)`, in float32. A weight can vanish, as none of Based's can.

    Departures:
        Equal features are kept once, times sqrt(2): the official code keeps all f^2 products.

    References:
        Aksenov, Balagansky, Lo Cicero Vaina, Shaposhnikov, Gorbatovski, Gavrilov (2024), Linear Transformers with
        Learnable Kernel Functions are Better In-Context Models, arXiv:2402.10644.

    Examples:
        >>> layer = ReBasedAttention(8, heads=2, feature_dim=4)
        >>> x = torch.randn(2, 5, 8)
        >>> y, _ = layer.step(x[:, 0], layer.init_state(2))
        >>> torch.allclose(y, layer(x)[:, 0], atol=1e-5)
        True
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "heads": 3, "feature_dim": 4}, (3, 7, 6), largest=1e9),
        Example(
            {"dim": 6, "heads": 2, "feature_dim": 5, "norm_scope": "head", "causal": False}, (3, 7, 6), largest=1e9
        ),
    )

    def __init__(
        self,
        dim: int,
        *,
        heads: int = 4,
        feature_dim: int = 16,
        norm_scope: Scope = "all",
        causal: bool = True,
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        count = feature_dim * (feature_dim + 1) // 2
        super().__init__(dim, heads, count, causal=causal, eps=1e-12, device=device, dtype=dtype)
        self.to_qk = nn.Linear(dim, 2 * heads * feature_dim, bias=False, device=device, dtype=dtype)
        self.phi_q, self.phi_k = (
            ReBasedFeatureMap(feature_dim, heads=heads, norm_scope=norm_scope, device=device, dtype=dtype)
            for _ in range(2)
        )

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        q, k = accumulate(self.to_qk(x)).chunk(2, -1)
        return self.phi_q(q).transpose(1, 2), self.phi_k(k).transpose(1, 2)

    def extra_repr(self) -> str:
        phi = self.phi_q
        keywords = f"feature_dim={phi.dim}, norm_scope={phi.norm_scope!r}, causal={self.causal}"
        return f"{self.out.in_features}, heads={self.heads}, {keywords}"


def _products(x: Tensor) -> Tensor:
    """`x_a x_b` for `a <= b`, times sqrt(2) where they differ: products of these are squares of products of vectors."""
    doubled = sqrt(2) * x
    columns = [(x[..., a : a + 1], doubled[..., a + 1 :]) for a in range(x.shape[-1])]
    return torch.cat([part for own, others in columns for part in (own * own, own * others)], -1)
