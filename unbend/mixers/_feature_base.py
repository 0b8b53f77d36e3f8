"""Attention whose weights are products of features: queries meet sums over keys and values, and never the keys."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.kernels._causal_product import causal_average
from unbend.mixers._base import Mixer
from unbend.mixers._heads_base import Device, Dtype, depth_of, join, no_steps, real, split, state_type

State = tuple[Tensor, Tensor]


class FeatureAttention(Mixer):
    """`y_i = sum_j (phi(q_i) . phi(k_j)) v_j / (sum_j phi(q_i) . phi(k_j) + eps)`, over `j <= i` if causal.

    A subclass has the projections and features of queries and keys; here are the values, the sums, the state of steps
    `(b, h, F, c)` and `(b, h, F)`, and the projection of the heads side by side.
    """

    def __init__(
        self, dim: int, heads: int, count: int, *, causal: bool, eps: float, device: Device, dtype: Dtype
    ) -> None:
        super().__init__()
        depth_of(dim, heads)
        self.heads, self.count, self.causal, self.eps = heads, count, causal, eps
        self.to_v = nn.Linear(dim, dim, bias=False, device=device, dtype=dtype)
        self.out = nn.Linear(dim, dim, bias=False, device=device, dtype=dtype)

    @abstractmethod
    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features of queries and of keys, `(b, h, t, F)` each, in the type of accumulation."""

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        x = real(x, padding)
        (q, k), v = self.features(x), split(self.to_v(x), self.heads)
        if padding is not None:
            k = k.masked_fill(~padding[:, None, :, None], 0.0)
        if self.causal:
            y = causal_average(q, k, v, self.eps)
        else:
            sums = k.transpose(-1, -2) @ F.pad(v, (0, 1), value=1.0)
            y = q @ sums
            y = y[..., :-1] / (y[..., -1:] + self.eps)
        return self.out(join(y).to(x.dtype))

    def init_state(self, batch: int, *, device: Device = None, dtype: Dtype = None) -> State:
        """The sums before the first token, where the weights lie, in float32 or wider unless told otherwise."""
        if not self.causal:
            no_steps(self)
        weight = self.out.weight
        shape = batch, self.heads, self.count, self.out.in_features // self.heads
        sums = torch.zeros(shape, device=device or weight.device, dtype=state_type(weight, dtype))
        return sums, sums.new_zeros(shape[:-1])

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token `(b, dim)`, and the sums after it."""
        if not self.causal:
            no_steps(self)
        q, k = (part.squeeze(2) for part in self.features(x_t[:, None]))
        v = split(self.to_v(x_t[:, None]), self.heads)[:, :, 0]
        sums, weights = state[0] + k[..., None] * v[..., None, :], state[1] + k
        y = (q[..., None, :] @ sums)[..., 0, :] / ((q * weights).sum(-1, keepdim=True) + self.eps)
        return self.out(y.flatten(1).to(x_t.dtype)), (sums, weights)
