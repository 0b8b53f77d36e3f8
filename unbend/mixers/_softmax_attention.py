"""Softmax attention over a sequence: the yardstick of every mixer in linear time."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import one_of
from unbend.mixers._base import Mixer
from unbend.mixers._heads_base import Device, Dtype, depth_of, join, no_steps, real, split, state_type

Path = Literal["fused", "map"]
State = tuple[Tensor, Tensor]


class SoftmaxAttention(Mixer):
    """Softmax attention of several heads over a sequence, causal or not.

    Formula:
        q, k, v = x W_q, x W_k, x W_v, split into heads of c = dim / h channels
        y_i = sum_j softmax_j(q_i . k_j / sqrt(c)) v_j, over j <= i if causal; heads side by side, times W_o

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: how many.
        causal: whether a token sees only itself and those before it.
        path: "fused" never forms the map of all pairs, and has no second derivatives; "map" forms it.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time b t^2 dim; memory b t dim on the path "fused", b h t^2 on "map". The state of `step` holds all keys and
        values so far, `(b, h, t, c)` each: it grows. Knows no positions. No biases.

    References:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin (2017), Attention Is All You Need,
        arXiv:1706.03762.

    Examples:
        >>> layer = SoftmaxAttention(8, heads=2, causal=True)
        >>> x = torch.randn(2, 5, 8)
        >>> y, _ = layer.step(x[:, 0], layer.init_state(2))
        >>> torch.allclose(y, layer(x)[:, 0], atol=1e-5)
        True
    """

    linear: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "heads": 3, "path": "map"}, (3, 7, 6), largest=1e9),
        Example({"dim": 10, "heads": 2, "causal": True, "path": "map"}, (3, 7, 10), largest=1e9),
    )

    def __init__(
        self,
        dim: int,
        *,
        heads: int = 4,
        causal: bool = False,
        path: Path = "fused",
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        depth_of(dim, heads)
        self.heads, self.causal, self.path = heads, causal, one_of(get_args(Path), path=path)
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False, device=device, dtype=dtype)
        self.out = nn.Linear(dim, dim, bias=False, device=device, dtype=dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        q, k, v = self._heads(real(x, padding))
        seen = None
        if padding is not None:
            # A padded token sees itself, which is zero by now: no row is without a key.
            own = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
            seen = padding[:, None, None] | (own.tril() if self.causal else own)
            seen = seen.tril() if self.causal else seen
        if self.path == "fused":
            y = F.scaled_dot_product_attention(q, k, v, seen, is_causal=self.causal and seen is None)
        else:
            scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
            if self.causal and seen is None:
                seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
            y = (scores if seen is None else scores.masked_fill(~seen, float("-inf"))).softmax(-1) @ v
        return self.out(join(y).to(x.dtype))

    def init_state(self, batch: int, *, device: Device = None, dtype: Dtype = None) -> State:
        """No keys and no values. They lie where the weights do, in float32 or wider, unless told otherwise."""
        if not self.causal:
            no_steps(self)
        weight, dim = self.out.weight, self.out.in_features
        shape = (batch, self.heads, 0, dim // self.heads)
        keys = torch.zeros(shape, device=device or weight.device, dtype=state_type(weight, dtype))
        return keys, keys.clone()

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token `(b, dim)`, and the state after it, longer by that token."""
        if not self.causal:
            no_steps(self)
        q, k, v = self._heads(x_t[:, None])
        k, v = torch.cat((state[0], k), 2), torch.cat((state[1], v), 2)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(join(y).to(x_t.dtype))[:, 0], (k, v)

    def _heads(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(split(part, self.heads) for part in self.to_qkv(x).chunk(3, -1))

    def extra_repr(self) -> str:
        return f"{self.out.in_features}, heads={self.heads}, causal={self.causal}, path={self.path!r}"
