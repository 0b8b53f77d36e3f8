"""Softmax attention: its matrix, its formula, and the module with positions and grouped keys."""

from typing import ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, UnbendError, at_least, one_of
from unbend.mixers import AlibiBias, RotaryEmbedding
from unbend.mixers._base import accumulate

Device = torch.device | str | None
Path = Literal["fused", "map"]
Cache = tuple[Tensor, Tensor]


def attention_matrix(
    q: Tensor,
    k: Tensor,
    *,
    causal: bool = False,
    scale: float | None = None,
    bias: Tensor | None = None,
    padding: Tensor | None = None,
) -> Tensor:
    """How much each query takes from each key: rows that sum to one.

    Formula:
        A_nm = softmax_m(scale q_n . k_m + bias_nm), over the keys that query n sees

    Shape:
        q: (b, h, t, c); k: (b, g, m, c), g dividing h; bias: (h, t, m) or with b; padding: (b, m); A: (b, h, t, m).

    Args:
        q: queries.
        k: keys; each is shared by h / g heads.
        causal: whether a query sees no key after its place; the last query stands at the place of the last key.
        scale: 1 / sqrt(c) when None; the paper has 1, and lets the queries' weights take it up.
        bias: added to the scores.
        padding: True where a key is real. A query that sees no key takes nothing: its row is zero.

    References:
        Turner (2023), An Introduction to Transformers, arXiv:2304.10557.

    Examples:
        >>> attention_matrix(torch.zeros(1, 1, 2, 4), torch.ones(1, 1, 2, 4), causal=True)[0, 0]
        tensor([[1.0000, 0.0000],
                [0.5000, 0.5000]])
    """
    scores = q @ _for_heads(k, q.shape[1]).mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    scores = scores if bias is None else scores + bias
    seen = _seen(q.shape[-2], k.shape[-2], causal, padding, q.device)
    if seen is None:
        return scores.softmax(-1)
    blind = ~seen.any(-1, keepdim=True)
    return scores.masked_fill(~(seen | blind), float("-inf")).softmax(-1).masked_fill(blind, 0.0)


def multi_head_attention(
    x: Tensor,
    to_q: Tensor,
    to_k: Tensor,
    to_v: Tensor,
    collect: Tensor,
    *,
    causal: bool = False,
    scale: float | None = None,
    padding: Tensor | None = None,
) -> Tensor:
    """Attention of several heads within one sequence; the readable reference of `MultiHeadAttention`.

    Formula:
        A_h = softmax(scale (x to_q_h^T) (x to_k_h^T)^T), y = sum_h A_h x to_v_h^T collect_h^T

    Shape:
        x: (b, t, d); to_q, to_k: (h, c, d); to_v: (h, v, d); collect: (h, d, v); padding: (b, t); y: (b, t, d).

    Args:
        x: the tokens.
        to_q: the paper's U_q.
        to_k: the paper's U_k.
        to_v: with `collect` the paper's V_h = collect_h to_v_h, of rank v.
        collect: see `to_v`.
        causal: whether a token sees none after it.
        scale: see `attention_matrix`.
        padding: True where a token is real.

    References:
        Turner (2023), An Introduction to Transformers, arXiv:2304.10557.
    """
    q, k, v = (torch.einsum("btd,hcd->bhtc", x, w) for w in (to_q, to_k, to_v))
    weights = attention_matrix(q, k, causal=causal, scale=scale, padding=padding)
    return torch.einsum("bhtm,bhmv,hdv->btd", weights, v, collect)


class MultiHeadAttention(nn.Module):
    """Softmax attention of several heads, with positions and with keys and values that heads may share.

    Formula:
        q, k, v = x W_q, x W_k, x W_v, by heads; q, k turned by `position`, or the scores biased by it
        y = (A_h v_h side by side) W_o, with A of `attention_matrix`

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: how many queries at each place.
        kv_heads: how many keys and values, a divisor of `heads`; `heads` when None.
        causal: whether a token sees none after it.
        position: `RotaryEmbedding`, `FourierPositionEmbedding` or `AlibiBias`; None knows no places.
        bias: whether the four maps have biases.
        path: "fused" never forms the matrix and has no second derivatives; "map" forms it.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time b t^2 dim + b t dim^2; memory b h t^2 on "map" or with `AlibiBias`, else b t dim. Without positions and
        mask a permutation of tokens permutes the output. The cache of `step` holds the keys and values so far.

    References:
        Turner (2023), An Introduction to Transformers, arXiv:2304.10557.

    Examples:
        >>> MultiHeadAttention(8, heads=4, kv_heads=2)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "heads": 3, "path": "map"}, (3, 7, 6), largest=1e9),
        Example(
            {"dim": 12, "heads": 6, "kv_heads": 2, "causal": True, "position": RotaryEmbedding(2), "path": "map"},
            (2, 7, 12),
            largest=1e9,
        ),
    )

    def __init__(
        self,
        dim: int,
        *,
        heads: int = 4,
        kv_heads: int | None = None,
        causal: bool = False,
        position: nn.Module | None = None,
        bias: bool = False,
        path: Path = "fused",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if at_least(1, dim=dim) % at_least(1, heads=heads):
            raise ArgumentError.of("dim", dim, f"a multiple of heads={heads}")
        self.dim, self.heads, self.kv_heads = dim, heads, heads if kv_heads is None else kv_heads
        if heads % at_least(1, kv_heads=self.kv_heads):
            raise ArgumentError.of("kv_heads", self.kv_heads, f"a divisor of heads={heads}")
        self.causal, self.position, self.bias = causal, position, bias
        self.path: Path = cast(Path, one_of(get_args(Path), path=path))
        shared = dim // heads * self.kv_heads
        self.to_q, self.to_k, self.to_v, self.out = (
            nn.Linear(dim, width, bias=bias, device=device, dtype=dtype) for width in (dim, shared, shared, dim)
        )

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        x = x if padding is None else x.masked_fill(~padding[..., None], 0.0)
        return self._attend(self._queries(x), *self._keys(x), padding).to(x.dtype)

    def matrix(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """The attention matrix `(b, h, t, t)` of `x`."""
        q, k, bias = self._placed(self._queries(x), self._keys(x)[0])
        return attention_matrix(q, k, causal=self.causal, bias=bias, padding=padding)

    def init_state(self, batch: int, *, device: Device = None, dtype: torch.dtype | None = None) -> Cache:
        """No keys and no values yet."""
        if not self.causal:
            raise UnbendError("MultiHeadAttention has no states or steps unless it is built with causal=True")
        weight = self.out.weight
        dtype = torch.promote_types(dtype or weight.dtype, torch.float32)
        shape = (batch, self.kv_heads, 0, self.dim // self.heads)
        keys = torch.zeros(shape, device=device or weight.device, dtype=dtype)
        return keys, keys.clone()

    def step(self, x_t: Tensor, state: Cache) -> tuple[Tensor, Cache]:
        """The output at one token `(b, dim)`, and the cache that is longer by it."""
        x = x_t[:, None]
        k, v = (torch.cat(pair, 2) for pair in zip(state, self._keys(x)))
        return self._attend(self._queries(x), k, v, None)[:, 0].to(x_t.dtype), (k, v)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, padding: Tensor | None) -> Tensor:
        """The output of the queries, which stand at the last places of the keys."""
        q, k, bias = self._placed(q, k)
        if self.path == "map":
            weights = attention_matrix(q, k, causal=self.causal, bias=bias, padding=padding)
            y = weights @ _for_heads(v, self.heads)
        else:
            y = self._fused(q, _for_heads(k, self.heads), _for_heads(v, self.heads), bias, padding)
        return self.out(y.transpose(1, 2).flatten(2).to(self.out.weight.dtype))

    def _fused(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, padding: Tensor | None) -> Tensor:
        t, m = q.shape[-2], k.shape[-2]
        if bias is None and padding is None and (t == m or t == 1):
            return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal and t > 1)
        seen = _seen(t, m, self.causal, padding, q.device)
        if seen is None:
            return F.scaled_dot_product_attention(q, k, v, bias)
        blind = ~seen.any(-1, keepdim=True)
        mask = seen | blind if bias is None else bias.masked_fill(~(seen | blind), float("-inf"))
        return F.scaled_dot_product_attention(q, k, v, mask).masked_fill(blind, 0.0)

    def _placed(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Queries and keys turned to their places, or the bias of their scores."""
        if isinstance(self.position, AlibiBias):
            return q, k, self.position(q.new_zeros(1, self.heads, q.shape[-2], k.shape[-2]))
        if self.position is None:
            return q, k, None
        # Keys of one group serve several heads, which may turn each in its own way.
        return self.position(q, k.shape[-2] - q.shape[-2]), self.position(_for_heads(k, self.heads)), None

    def _queries(self, x: Tensor) -> Tensor:
        return _by_heads(self.to_q(x), self.heads)

    def _keys(self, x: Tensor) -> Cache:
        return _by_heads(self.to_k(x), self.kv_heads), _by_heads(self.to_v(x), self.kv_heads)

    def __repr__(self) -> str:
        return (
            f"MultiHeadAttention({self.dim}, heads={self.heads}, kv_heads={self.kv_heads}, causal={self.causal}, "
            f"position={self.position}, bias={self.bias}, path={self.path!r})"
        )


def _by_heads(x: Tensor, heads: int) -> Tensor:
    return accumulate(x).unflatten(-1, (heads, -1)).transpose(1, 2)


def _for_heads(k: Tensor, heads: int) -> Tensor:
    """Shared keys or values `(b, g, m, c)`, one for each head."""
    return k if k.shape[1] == heads else k.repeat_interleave(heads // k.shape[1], 1)


def _seen(t: int, m: int, causal: bool, padding: Tensor | None, device: torch.device) -> Tensor | None:
    """What each query sees, to be broadcast over `(b, h, t, m)`; None where that is everything."""
    seen = torch.ones(t, m, dtype=torch.bool, device=device).tril(m - t) if causal else None
    if padding is None:
        return seen
    real = padding[:, None, None]
    return real.expand(-1, -1, t, -1) if seen is None else real & seen
