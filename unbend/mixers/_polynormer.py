"""Attention whose layers multiply: over the edges of a graph, and over all of its nodes in linear time."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.kernels._edges import checked, edge_softmax_sum
from unbend.mixers._base import Mixer, accumulate

_SLOPE = 0.2


def gat_conv(value: Tensor, to_source: Tensor, to_target: Tensor, edges: Tensor | None = None) -> Tensor:
    """Attention of each node over the nodes whose edges come to it, by a sum of one score for either end.

    Formula:
        s_e = leaky_relu(a . value_source(e) + b . value_target(e), 0.2)
        out_t = sum over edges e that come to t of softmax_e(s)_e value_source(e), zero where none comes

    Shape:
        value: (*, n, h, d);  edges: (2, m);  out: (*, n, h, d).

    Args:
        value: nodes, projected, by heads.
        to_source: a, (h, d).
        to_target: b, (h, d).
        edges: sources, then targets, in any order; None for all pairs of nodes, each with itself as well.

    Behaviour:
        Time m h d and no memory for rows of edges on the CPU; n^2 h d for all pairs. Float32 inside at least. An edge
        that stands twice counts twice.

    References:
        Deng, Yue, Zhang (2024), Polynormer: Polynomial-Expressive Graph Transformer in Linear Time, arXiv:2403.01232.
    """
    wide = accumulate(value)
    ends = [(wide * accumulate(vector)).sum(-1) for vector in (to_source, to_target)]
    if edges is None:
        scores = F.leaky_relu(ends[0][..., None, :, :] + ends[1][..., :, None, :], _SLOPE)
        return torch.einsum("...tsh,...shd->...thd", scores.softmax(-2), wide).to(value.dtype)
    # Nodes come first; what is before them are more heads, for all share the edges.
    source, target = (end.movedim(-2, 0).flatten(1) for end in ends)
    scores = F.leaky_relu(source[edges[0]] + target[edges[1]], _SLOPE)
    nodes = wide.movedim(-3, 0)
    out = edge_softmax_sum(scores, nodes.flatten(1, -2), edges)
    return out.view(nodes.shape).movedim(0, -3).to(value.dtype)


def sigmoid_linear_attention(k: Tensor, v: Tensor, padding: Tensor | None = None) -> Tensor:
    """Attention of all to all by products of sigmoids, queries and keys being one; the reference of `PolyGlobalLayer`.

    Formula:
        s = sigmoid(k)
        out_n = (sum_m v_m s_m^T) s_n / (sum_m s_m . s_n), for each head

    Shape:
        k: (*, n, d, h);  v: (*, n, e, h);  padding: (*, n);  out: (*, n, e, h).

    Args:
        k: what the sigmoids are taken of.
        v: values.
        padding: True where a node is real.

    Behaviour:
        Time n d e h and memory n (d + e) h: no pair of nodes is formed. Weights are positive and sum to one,
        however small the sigmoids are.

    References:
        Deng, Yue, Zhang (2024), Polynormer: Polynomial-Expressive Graph Transformer in Linear Time, arXiv:2403.01232.
    """
    logs, values = F.logsigmoid(accumulate(k)), accumulate(v)
    heard = logs
    if padding is not None:
        absent = ~padding[..., None, None]
        heard, values = logs.masked_fill(absent, float("-inf")), values.masked_fill(absent, 0.0)
    # Where all sigmoids vanish their quotients do not: what keys are divided by here, queries are multiplied with.
    most = heard.detach().amax(-3, keepdim=True).clamp(min=torch.finfo(logs.dtype).min)
    keys, queries = (heard - most).exp(), logs + most
    queries = (queries - queries.detach().amax(-2, keepdim=True)).exp()
    sums = torch.einsum("...ndh,...neh->...deh", keys, values)
    numerator = torch.einsum("...ndh,...deh->...neh", queries, sums)
    denominator = torch.einsum("...ndh,...dh->...nh", queries, keys.sum(-3))[..., None, :]
    if padding is not None:
        denominator = denominator.masked_fill(denominator == 0, 1.0)
    return (numerator / denominator).to(v.dtype)


class PolyLocalLayer(nn.Module):
    """What a node hears from its neighbours, times what it is: a layer that doubles the degree of a polynomial.

    Formula:
        z = relu(gat_conv(x V) + x W + b)
        y = (1 - beta) layer_norm(relu(x H + c) * z) + beta z

    Shape:
        x: (*, n, dim), n nodes;  edges: (2, m);  y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: of the attention, side by side.
        beta: None learns each channel's beta as a sigmoid; a number is where a beta without sigmoid starts.
        relu: whether the two ReLU are there.
        norm: whether the layer norm is there.
        attention: False gives all neighbours of a node the same weight.
        dropout: of z, in training.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time m dim + n dim^2. Equivariant to a renumbering of the nodes. Without `relu`, `norm` and `attention` the
        outputs are polynomials of degree 2 in the inputs, exactly. With beta = 1 it is z alone. `edges=None` means all
        pairs. A node without incoming edges hears nothing.

    Departures:
        The formula is that of the released code; the paper's has beta beside H, and no ReLU.

    References:
        Deng, Yue, Zhang (2024), Polynormer: Polynomial-Expressive Graph Transformer in Linear Time, arXiv:2403.01232.

    Examples:
        >>> ring = torch.stack([torch.arange(5), torch.arange(5).roll(1)])
        >>> PolyLocalLayer(6, heads=2)(torch.randn(5, 6), ring).shape
        torch.Size([5, 6])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "heads": 2}, (3, 7, 6), largest=1e4),
        Example({"dim": 6, "beta": 0.5, "attention": False}, (2, 5, 6), largest=1e4),
    )

    def __init__(
        self,
        dim: int,
        heads: int = 1,
        *,
        beta: float | None = None,
        relu: bool = True,
        norm: bool = True,
        attention: bool = True,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check(dim, heads, dropout)
        self.dim, self.heads, self.start, self.relu, self.dropout = dim, heads, beta, relu, dropout
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        self.gate = nn.Linear(dim, dim, **place)
        self.skip = nn.Linear(dim, dim, **place)
        self.value = nn.Linear(dim, dim, bias=False, **place)
        self.ends = nn.Parameter(torch.empty(2, heads, dim // heads, **place)) if attention else None
        self.norm = nn.LayerNorm(dim, **place) if norm else None
        self.beta = nn.Parameter(torch.empty(dim, **place))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.xavier_uniform_(self.value.weight)
        if self.ends is not None:
            nn.init.xavier_uniform_(self.ends)
        _start_beta(self.beta, self.start)

    def forward(self, x: Tensor, edges: Tensor | None = None) -> Tensor:
        if edges is not None:
            checked(edges, x.shape[-2])
        heard = self._heard(self.value(x).unflatten(-1, (self.heads, -1)), edges).flatten(-2)
        gate, z = self.gate(x), heard + self.skip(x)
        if self.relu:
            gate, z = gate.relu(), z.relu()
        z = F.dropout(z, self.dropout, self.training)
        product = gate * z
        beta = self.beta.sigmoid() if self.start is None else self.beta
        return (1 - beta) * (product if self.norm is None else self.norm(product)) + beta * z

    def _heard(self, value: Tensor, edges: Tensor | None) -> Tensor:
        if self.ends is None:  # scores that are all zero give a mean
            nothing = value.new_zeros(value.shape[-2:])
            return gat_conv(value, nothing, nothing, edges)
        return gat_conv(value, self.ends[0], self.ends[1], edges)

    def __repr__(self) -> str:
        given = {"beta": self.start, "relu": self.relu, "norm": self.norm is not None}
        given |= {"attention": self.ends is not None, "dropout": self.dropout}
        return f"PolyLocalLayer({self.dim}, {self.heads}, {', '.join(f'{k}={v}' for k, v in given.items())})"


class PolyGlobalLayer(Mixer):
    """What a node hears from all nodes, times what it is, in time linear in their number.

    Formula:
        z = sigmoid_linear_attention(x K, x V)
        y = relu((layer_norm(z) * (x H + c + beta)) O + o)

    Shape:
        x: (*, n, dim), n nodes or tokens;  padding: (*, n);  y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: they stand last: channel i belongs to head i mod heads.
        beta: None learns each channel's beta as a sigmoid; a number is where a beta without sigmoid starts.
        relu: whether the ReLU is there.
        norm: whether the layer norm is there.
        attention: False puts the mean over all nodes in the place of attention.
        dropout: of the output, in training.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time n dim^2, memory n dim. Equivariant to a renumbering of the nodes; not causal. Without `relu`, `norm` and
        `attention` the outputs are polynomials of degree 2 in the inputs. Padded nodes are not heard.

    Departures:
        In the released code the layers of a network share O and o; here each has its own.

    References:
        Deng, Yue, Zhang (2024), Polynormer: Polynomial-Expressive Graph Transformer in Linear Time, arXiv:2403.01232.

    Examples:
        >>> PolyGlobalLayer(6, heads=2)(torch.randn(3, 5, 6)).shape
        torch.Size([3, 5, 6])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "heads": 2}, (3, 7, 6), largest=1e4),
        Example({"dim": 6, "beta": 0.5, "attention": False}, (2, 5, 6), largest=1e4),
    )

    def __init__(
        self,
        dim: int,
        heads: int = 1,
        *,
        beta: float | None = None,
        relu: bool = True,
        norm: bool = True,
        attention: bool = True,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check(dim, heads, dropout)
        self.dim, self.heads, self.start, self.relu, self.dropout = dim, heads, beta, relu, dropout
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        self.gate = nn.Linear(dim, dim, **place)
        self.key = nn.Linear(dim, dim, **place) if attention else None
        self.value = nn.Linear(dim, dim, **place)
        self.norm = nn.LayerNorm(dim, **place) if norm else None
        self.out = nn.Linear(dim, dim, **place)
        self.beta = nn.Parameter(torch.empty(dim, **place))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        _start_beta(self.beta, self.start)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        if padding is not None:
            x = x.masked_fill(~padding[..., None], 0.0)
        value = self.value(x).unflatten(-1, (-1, self.heads))
        # Without keys all sigmoids are one half, and attention is the mean.
        key = torch.zeros_like(value) if self.key is None else self.key(x).unflatten(-1, (-1, self.heads))
        z = sigmoid_linear_attention(key, value, padding).flatten(-2)
        beta = self.beta.sigmoid() if self.start is None else self.beta
        y = self.out((z if self.norm is None else self.norm(z)) * (self.gate(x) + beta))
        return F.dropout(y.relu() if self.relu else y, self.dropout, self.training)

    def extra_repr(self) -> str:
        given = {"beta": self.start, "relu": self.relu, "norm": self.norm is not None}
        given |= {"attention": self.key is not None, "dropout": self.dropout}
        return f"{self.dim}, {self.heads}, " + ", ".join(f"{k}={v}" for k, v in given.items())


def _check(dim: int, heads: int, dropout: float) -> None:
    at_least(1, dim=dim)
    at_least(1, heads=heads)
    if dim % heads:
        raise ArgumentError.of("heads", heads, f"a divisor of dim = {dim}")
    if not 0 <= dropout < 1:
        raise ArgumentError.of("dropout", dropout, "a probability in [0, 1)")


def _start_beta(beta: Tensor, start: float | None) -> None:
    if start is None:
        # As the released code draws a row of its table of layers and channels.
        nn.init.xavier_normal_(beta[None])
    else:
        nn.init.constant_(beta, start)
