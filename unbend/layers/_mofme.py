"""Experts that are no networks of their own but modulate, feature by feature, what one network computes."""

from typing import Any, ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of, positive

Calibration = Literal["std", "none"]
Routing = Literal["uncertainty", "plain"]


class FeatureModulation(nn.Module):
    """Feature-wise linear modulation of an input by itself.

    Formula:
        y_k = (G_k t + g_k) * t + (B_k t + b_k), k = 1, ..., experts

    Shape:
        t: (*, dim);  y: (*, dim), or (*, experts, dim) when `experts` is a number.

    Args:
        dim: features.
        experts: how many modulations of the same input; None for one, without an axis for it.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        2 dim^2 + 2 dim parameters and 2 dim^2 products a modulation; a polynomial of degree two.

    References:
        Zhang, Luo, Liu and others (2023), Efficient Deweather Mixture-of-Experts with Uncertainty-aware
        Feature-wise Linear Modulation, arXiv:2312.16610.

    Examples:
        >>> FeatureModulation(6, experts=3)(torch.randn(2, 5, 6)).shape
        torch.Size([2, 5, 3, 6])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5}, (3, 7, 5), largest=1e4),
        Example({"dim": 5, "experts": 2}, (3, 5), largest=1e4),
    )

    def __init__(
        self,
        dim: int,
        experts: int | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dim = at_least(1, dim=dim)
        self.experts = None if experts is None else at_least(1, experts=experts)
        count = experts or 1
        self.scale = nn.Linear(dim, count * dim, device=device, dtype=dtype)
        self.shift = nn.Linear(dim, count * dim, device=device, dtype=dtype)

    def forward(self, t: Tensor) -> Tensor:
        scale, shift = self.scale(t), self.shift(t)
        if self.experts is not None:
            scale, shift = (part.unflatten(-1, (self.experts, self.dim)) for part in (scale, shift))
            t = t[..., None, :]
        return scale * t + shift

    def __repr__(self) -> str:
        return f"FeatureModulation({self.dim}, {self.experts})"


class TopKRouter(nn.Module):
    """Weights of experts: a softmax over the k largest scores, the others zero.

    Formula:
        w = softmax(topk(W x + b)), what is not among the k largest being minus infinity

    Shape:
        x: (*, dim);  w: (*, experts).

    Args:
        dim: features.
        experts: how many there are.
        k: how many get weight.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Weights sum to one, and exactly k are not zero; among equal scores torch's `topk` decides.

    References:
        Zhang, Luo, Liu and others (2023), Efficient Deweather Mixture-of-Experts with Uncertainty-aware
        Feature-wise Linear Modulation, arXiv:2312.16610.

    Examples:
        >>> (TopKRouter(6, 4, k=2)(torch.randn(5, 6)) > 0).sum(-1)
        tensor([2, 2, 2, 2, 2])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 5, "experts": 3, "k": 3}, (2, 7, 5)),)

    def __init__(
        self,
        dim: int,
        experts: int,
        k: int = 2,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.k = _chosen(k, at_least(1, experts=experts))
        self.score = nn.Linear(at_least(1, dim=dim), experts, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return _top_softmax(self.score(x), self.k)

    def __repr__(self) -> str:
        return f"TopKRouter({self.score.in_features}, {self.score.out_features}, k={self.k})"


class UncertaintyRouter(nn.Module):
    """Weights of experts by scores that count for less where dropout makes them waver.

    Formula:
        in training: s_1, ..., s_M = W dropout(x) + b;  w = softmax(topk(mean(s) / (eps + std(s))))
        in use: w = softmax(topk((W x + b) / eps))

    Shape:
        x: (*, dim);  w: (*, experts).

    Args:
        dim: features.
        experts: how many there are.
        k: how many get weight.
        samples: M.
        dropout: probability that a feature is dropped.
        calibration: "std" as above; "none" leaves out the deviation.
        eps: what is added to the deviation.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        In training time M dim experts. With eps = 1, as it is by default, scores that do not waver are taken as they
        are, so that training and use agree as the router grows sure.

    Departures:
        The paper speaks of the covariance over samples and of a Mahalanobis distance, in words from which no one
        formula follows; its released code has no dropout in the router, and its training path fails. Deviations of each
        expert alone are our reading.

    References:
        Zhang, Luo, Liu and others (2023), Efficient Deweather Mixture-of-Experts with Uncertainty-aware
        Feature-wise Linear Modulation, arXiv:2312.16610.

    Examples:
        >>> UncertaintyRouter(6, 4)(torch.randn(5, 6)).shape
        torch.Size([5, 4])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 5, "experts": 3, "k": 3}, (2, 7, 5)),)

    def __init__(
        self,
        dim: int,
        experts: int,
        k: int = 2,
        *,
        samples: int = 5,
        dropout: float = 0.1,
        calibration: Calibration = "std",
        eps: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.k, self.samples = _chosen(k, at_least(1, experts=experts)), at_least(1, samples=samples)
        if not 0 <= dropout < 1:
            raise ArgumentError.of("dropout", dropout, "a probability in [0, 1)")
        self.dropout, self.eps = dropout, positive(eps=eps)
        self.calibration = cast(Calibration, one_of(get_args(Calibration), calibration=calibration))
        self.score = nn.Linear(at_least(1, dim=dim), experts, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return _top_softmax(self.score(x) / self.eps, self.k)
        scores = self.score(F.dropout(x.expand(self.samples, *x.shape), self.dropout))
        wide = scores.to(torch.promote_types(scores.dtype, torch.float32))
        mean, square = wide.mean(0), wide.var(0, correction=0)
        # The root has no slope at zero, where all samples agree.
        deviation = square.clamp(min=torch.finfo(square.dtype).tiny).sqrt() if self.calibration == "std" else 0.0
        return _top_softmax((mean / (self.eps + deviation)).to(scores.dtype), self.k)

    def __repr__(self) -> str:
        given = {name: getattr(self, name) for name in ("k", "samples", "dropout", "calibration", "eps")}
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"UncertaintyRouter({self.score.in_features}, {self.score.out_features}, {shown})"


class MoFME(nn.Module):
    """Mixture of feature modulations of one shared layer, in the place of a mixture of whole networks.

    Formula:
        t = gelu(W1 n) * (W2 n), n = layer_norm(x)
        z = sum_k w_k(x) ((G_k t) * t + B_k t), w the weights of the router
        y = x + M2 gelu(M1 z)

    Shape:
        x: (*, dim);  y: as x.

    Args:
        dim: features.
        experts: how many modulations.
        k: how many of them speak for a token.
        hidden: width of M1; twice `dim` when None.
        router: "uncertainty" or "plain": which of `UncertaintyRouter` and `TopKRouter`.
        official_indexing: takes gelu for the first expert, in the place of the last modulation.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        An expert costs 2 dim^2 + 2 dim parameters, and dim + 1 in the router. All experts are computed, in one matrix
        product, whatever the weights. Tokens do not mix.

    Departures:
        In the released code the index of experts is off by one: the first is gelu(t), and the last modulation goes
        unused. All modulations are used here unless `official_indexing` asks for the former, then without the unused
        one.

    References:
        Zhang, Luo, Liu and others (2023), Efficient Deweather Mixture-of-Experts with Uncertainty-aware
        Feature-wise Linear Modulation, arXiv:2312.16610.

    Examples:
        >>> MoFME(6, experts=4)(torch.randn(2, 5, 6)).shape
        torch.Size([2, 5, 6])
    """

    # All experts speak: where few do, rounding to bfloat16 may choose another, and gradients are those of another.
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5, "experts": 3, "k": 3}, (2, 7, 5), largest=1e4),
        Example({"dim": 5, "experts": 3, "k": 3, "router": "plain", "official_indexing": True}, (2, 5), largest=1e4),
    )

    def __init__(
        self,
        dim: int,
        experts: int = 8,
        k: int = 2,
        *,
        hidden: int | None = None,
        router: Routing = "uncertainty",
        official_indexing: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.experts, self.k = at_least(1, dim=dim), at_least(1, experts=experts), _chosen(k, experts)
        self.hidden = 2 * dim if hidden is None else at_least(1, hidden=hidden)
        self.routing = cast(Routing, one_of(get_args(Routing), router=router))
        if official_indexing and experts < 2:
            raise ArgumentError.of("experts", experts, "at least 2 with official_indexing", "The first is gelu.")
        self.official_indexing = official_indexing
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        kind = UncertaintyRouter if router == "uncertainty" else TopKRouter
        self.router = kind(dim, experts, k, **place)
        self.norm = nn.LayerNorm(dim, **place)
        self.gate, self.linear = nn.Linear(dim, dim, **place), nn.Linear(dim, dim, **place)
        self.modulate = FeatureModulation(dim, experts - official_indexing, **place)
        self.adapt = nn.Sequential(
            nn.Linear(dim, self.hidden, **place), nn.GELU(), nn.Linear(self.hidden, dim, **place)
        )

    def forward(self, x: Tensor) -> Tensor:
        n = self.norm(x)
        t = F.gelu(self.gate(n)) * self.linear(n)
        said = self.modulate(t)
        if self.official_indexing:
            said = torch.cat((F.gelu(t)[..., None, :], said), -2)
        return x + self.adapt((self.router(x)[..., None, :] @ said).squeeze(-2))

    def __repr__(self) -> str:
        given = {"k": self.k, "hidden": self.hidden, "router": self.routing}
        given |= {"official_indexing": self.official_indexing}
        return f"MoFME({self.dim}, {self.experts}, {', '.join(f'{name}={value!r}' for name, value in given.items())})"


def _chosen(k: int, experts: int) -> int:
    if at_least(1, k=k) > experts:
        raise ArgumentError.of("k", k, f"at most {experts}, the number of experts")
    return k


def _top_softmax(scores: Tensor, k: int) -> Tensor:
    values, places = scores.topk(k, -1)
    return torch.zeros_like(scores).scatter(-1, places, values.softmax(-1))
