"""A diagonal state-space layer whose rates never change: what selection is compared with."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.kernels._scan import linear_scan
from unbend.mixers._base import Mixer, accumulate
from unbend.mixers._heads_base import Device, Dtype, real, state_type

State = tuple[Tensor]


def spread_steps(count: int, least: float, most: float, device: Device) -> Tensor:
    """Step sizes drawn so that their logarithms are uniform between two bounds, in float32."""
    if not 0 < least <= most:
        raise ArgumentError.of("steps", (least, most), "two numbers, 0 < least <= most")
    return (math.log(least) + torch.rand(count, device=device) * math.log(most / least)).exp()


class S4DReal(Mixer):
    """A bank of leaky integrators with real rates for each channel: a linear layer that no token can steer.

    Formula:
        h_t = exp(s a_n) h_{t-1} + (exp(s a_n) - 1) / a_n x_t,  a_n = -exp(log_rates_n)
        y_t = sum_n c_n h_tn + d x_t

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels, each with its own step s, rates a, read-out c and skip d.
        state: integrators of a channel, n.
        steps: bounds between which the steps s are drawn, uniform in their logarithm.
        chunk: tokens that are mixed by one matrix; between chunks only states are carried. Changes the speed alone.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time t dim (chunk + 2 state); memory linear in t. Exactly causal. The state of `step` is `(b, dim, state)`.
        Padded tokens count as zeros.

    Departures:
        The input weight of S4D is one: with one input it and the read-out only count as a product.

    References:
        Gu, Dao (2023), Mamba: Linear-Time Sequence Modeling with Selective State Spaces, arXiv:2312.00752.
        Gu, Gupta, Goel, Re (2022), On the Parameterization and Initialization of Diagonal State Space Models,
        arXiv:2206.11893.

    Examples:
        >>> layer = S4DReal(8)
        >>> x = torch.randn(2, 5, 8)
        >>> y, _ = layer.step(x[:, 0], layer.init_state(2))
        >>> torch.allclose(y, layer(x)[:, 0], atol=1e-5)
        True
    """

    causal: bool = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 5, "state": 3, "chunk": 4}, (3, 7, 5), largest=1e15),)

    def __init__(
        self,
        dim: int,
        state: int = 16,
        *,
        steps: tuple[float, float] = (1e-3, 0.1),
        chunk: int = 64,
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        self.dim, self.state, self.steps = at_least(1, dim=dim), at_least(1, state=state), steps
        self.chunk = at_least(1, chunk=chunk)
        self.log_steps = nn.Parameter(torch.empty(dim, device=device, dtype=dtype))
        self.log_rates = nn.Parameter(torch.empty(dim, state, device=device, dtype=dtype))
        self.read = nn.Parameter(torch.empty(dim, state, device=device, dtype=dtype))
        self.skip = nn.Parameter(torch.empty(dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.log_steps.copy_(spread_steps(self.dim, *self.steps, self.skip.device).log())
            self.log_rates.copy_(torch.arange(1, self.state + 1, device=self.skip.device).log().expand(self.dim, -1))
            nn.init.normal_(self.read, std=self.state**-0.5)
            nn.init.ones_(self.skip)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        return self.advance(x, self.init_state(len(x), device=x.device, dtype=x.dtype), padding)[0]

    def advance(self, x: Tensor, state: State, padding: Tensor | None = None) -> tuple[Tensor, State]:
        """The outputs of a chunk of any length, and the state after it."""
        u, t = accumulate(real(x, padding)), x.shape[1]
        size = max(1, min(self.chunk, t))
        decay, weight = self._discrete(u.dtype)
        # (c, b, chunks, size), the end filled with zeros, which are not read.
        parts = F.pad(u, (0, 0, 0, -t % size)).unflatten(1, (-1, size)).permute(3, 0, 1, 2)
        lags = torch.arange(size, device=x.device)
        powers = (decay[:, None] * lags[:, None]).exp()  # (c, size, n)
        kernel = torch.einsum("csn,cn->cs", powers, weight)
        past = lags[:, None] - lags
        within = kernel[:, past.clamp(min=0)].masked_fill(past < 0, 0.0)
        ends = torch.einsum("cbks,csn->bkcn", parts, powers.flip(1))
        gain = (decay * size).exp().expand_as(ends)
        after = linear_scan(gain, ends, state[0])
        before = torch.cat((state[0][:, None], after), 1)
        carried = torch.einsum("bkcn,csn,cn->cbks", before[:, :-1], powers * decay.exp()[:, None], weight)
        y = (torch.einsum("cij,cbkj->cbki", within, parts) + carried).permute(1, 2, 3, 0).flatten(1, 2)[:, :t]
        # The last chunk may be short: its state is that after its own tokens.
        rest = (t - 1) % size + 1 if t else 0
        last = (decay * rest).exp() * before[:, -2] if t else before[:, -1]
        if t:
            last = last + torch.einsum("cbs,csn->bcn", parts[:, :, -1, :rest], powers[:, :rest].flip(1))
        return (y + u * accumulate(self.skip)).to(x.dtype), (last,)

    def init_state(self, batch: int, *, device: Device = None, dtype: Dtype = None) -> State:
        """Zeros, where the weights lie, in float32 or wider unless told otherwise."""
        device = device or self.skip.device
        return (torch.zeros(batch, self.dim, self.state, device=device, dtype=state_type(self.skip, dtype)),)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token `(b, dim)`, and the state after it."""
        u = accumulate(x_t)
        decay, weight = self._discrete(u.dtype)
        h = decay.exp() * state[0] + u[..., None]
        return ((h * weight).sum(-1) + u * accumulate(self.skip)).to(x_t.dtype), (h,)

    def _discrete(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Logarithms of the gains, and the read-out times the weight of the input, `(c, n)`."""
        rates = -self.log_rates.to(dtype).exp()
        decay = self.log_steps.to(dtype).exp()[:, None] * rates
        return decay, self.read.to(dtype) * decay.expm1() / rates

    def extra_repr(self) -> str:
        return f"{self.dim}, {self.state}, steps={self.steps}, chunk={self.chunk}"
