"""Mamba: a state space whose step, input and read-out follow from each token, by one scan over time."""

from typing import Any, ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import at_least, one_of
from unbend.kernels._scan import selective_recurrence, selective_scan
from unbend.mixers._base import Mixer, accumulate
from unbend.mixers._heads_base import Device, Dtype, real, state_type
from unbend.mixers._s4d_base import S4DReal, spread_steps

Path = Literal["compiled", "plain"]
State = tuple[Tensor, Tensor]

_LEAST_STEP = 1e-4


def selective_scan_fn(
    u: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor | None = None,
    z: Tensor | None = None,
    *,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The selective scan, one token after another: the readable reference of `Mamba`.

    Formula:
        h_t = exp(delta_t a) h_{t-1} + delta_t u_t b_t
        y_t = (sum_n c_tn h_tn + d u_t) silu(z_t)

    Shape:
        u, delta, z, y: (b, t, c);  a: (c, n);  b, c: (b, t, n);  d: (c,);  state: (b, c, n).

    Args:
        u: inputs.
        delta: step sizes, positive.
        a: rates, negative.
        b: what the state takes in, the same for all channels.
        c: what is read of it.
        d: weight of the input in the output; none when None.
        z: the gate, before its silu; none when None.
        state: before the first token; zeros when None.

    References:
        Gu, Dao (2023), Mamba: Linear-Time Sequence Modeling with Selective State Spaces, arXiv:2312.00752.
    """
    h = u.new_zeros(len(u), *a.shape) if state is None else state
    y, h = selective_recurrence(u, delta, a, b, c, h)
    y = y if d is None else y + d * u
    return y if z is None else y * F.silu(z), h


class Mamba(Mixer):
    """A gated block around a causal convolution and a selective scan.

    Formula:
        u, z = W_in x;  v = silu(conv(u));  r, b, c = W_x v;  delta = softplus(W_delta r + bias)
        h_t = exp(delta_t a) h_{t-1} + delta_t v_t b_t,  a = -exp(A_log)
        y_t = W_out ((sum_n c_tn h_tn + D v_t) silu(z_t))

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels.
        state: numbers kept for each inner channel, n.
        conv: tokens that the convolution reads, the present one included.
        expand: inner channels for each channel.
        rank: of what delta is made of; a sixteenth of `dim`, rounded up, when None.
        selective: whether delta, b and c follow from the tokens; if not, `S4DReal` takes the scan's place.
        bias: of the projections in and out.
        conv_bias: of the convolution.
        steps: bounds between which the first step sizes are drawn, uniform in their logarithm.
        path: "compiled" runs the scan in a compiled loop where there is one, "plain" in torch, token by token.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time t dim expand (3 dim + 9 state); memory linear in t, one state in 32 kept for the way back. The state of
        `step` is the last `conv - 1` inner inputs and `(b, dim expand, state)` numbers, in float32. A padded token
        leaves the state as it is and reads as zeros. Parameters are called as in transformers' mixer.

    References:
        Gu, Dao (2023), Mamba: Linear-Time Sequence Modeling with Selective State Spaces, arXiv:2312.00752.

    Examples:
        >>> layer = Mamba(16)
        >>> x = torch.randn(2, 5, 16)
        >>> y, state = layer.advance(x[:, :3], layer.init_state(2))
        >>> torch.allclose(layer.step(x[:, 3], state)[0], layer(x)[:, 3], atol=1e-5)
        True
    """

    causal: bool = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5, "state": 3, "rank": 2}, (3, 7, 5), largest=1e4),
        Example({"dim": 5, "state": 2, "conv": 2, "selective": False, "bias": True}, (2, 7, 5), largest=1e4),
    )

    def __init__(
        self,
        dim: int,
        state: int = 16,
        *,
        conv: int = 4,
        expand: int = 2,
        rank: int | None = None,
        selective: bool = True,
        bias: bool = False,
        conv_bias: bool = True,
        steps: tuple[float, float] = (1e-3, 0.1),
        path: Path = "compiled",
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        self.dim, self.state, self.steps = at_least(1, dim=dim), at_least(1, state=state), steps
        self.inner = dim * at_least(1, expand=expand)
        self.rank = at_least(1, rank=-(-dim // 16) if rank is None else rank)
        self.bias, self.conv_bias = bias, conv_bias
        self.path: Path = cast(Path, one_of(get_args(Path), path=path))
        inner = self.inner
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        self.in_proj = nn.Linear(dim, 2 * inner, bias=bias, **place)
        self.conv1d = nn.Conv1d(inner, inner, at_least(1, conv=conv), groups=inner, bias=conv_bias, **place)
        self.ssm = None if selective else S4DReal(inner, state, steps=steps, **place)
        if selective:
            self.x_proj = nn.Linear(inner, self.rank + 2 * state, bias=False, **place)
            self.dt_proj = nn.Linear(self.rank, inner, **place)
            self.A_log = nn.Parameter(torch.empty(inner, state, **place))
            self.D = nn.Parameter(torch.empty(inner, **place))
        self.out_proj = nn.Linear(inner, dim, bias=bias, **place)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for part in (self.in_proj, self.conv1d, self.out_proj):
            part.reset_parameters()
        if self.ssm is not None:
            self.ssm.reset_parameters()
            return
        self.x_proj.reset_parameters()
        nn.init.uniform_(self.dt_proj.weight, -(self.rank**-0.5), self.rank**-0.5)
        with torch.no_grad():
            device = self.D.device
            delta = spread_steps(self.inner, *self.steps, device).clamp(min=_LEAST_STEP)
            self.dt_proj.bias.copy_(delta + (-torch.expm1(-delta)).log())  # the number whose softplus is delta
            self.A_log.copy_(torch.arange(1, self.state + 1, device=device).log().expand(self.inner, -1))
            nn.init.ones_(self.D)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        return self.advance(x, self.init_state(len(x), device=x.device, dtype=x.dtype), padding)[0]

    def advance(self, x: Tensor, state: State, padding: Tensor | None = None) -> tuple[Tensor, State]:
        """The outputs of a chunk of any length, and the state after it; padding at its end lies in the next window."""
        window, h = state
        u, z = self.in_proj(real(x, padding)).chunk(2, -1)
        u = real(u, padding)
        seen = torch.cat((window.to(u.dtype), u), 1)
        v = F.silu(self._convolve(seen, x.shape[1]))
        y, h = self._mix(v, h, padding)
        keep = self.conv1d.kernel_size[0] - 1
        window = accumulate(seen[:, seen.shape[1] - keep :]).to(window.dtype)
        return self.out_proj(y * F.silu(z)), (window, h)

    def _convolve(self, seen: Tensor, t: int) -> Tensor:
        """By one shifted product for each tap: torch's own grouped convolution takes twice the time on a CPU."""
        weight, bias = self.conv1d.weight[:, 0], self.conv1d.bias
        v = seen[:, :t] * weight[:, 0] if bias is None else torch.addcmul(bias, seen[:, :t], weight[:, 0])
        for tap in range(1, weight.shape[1]):
            v = torch.addcmul(v, seen[:, tap : tap + t], weight[:, tap])
        return v

    def _mix(self, v: Tensor, h: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.ssm is not None:
            y, (h,) = self.ssm.advance(v, (h,), padding)
            return y, h
        v = real(v, padding)
        r, b, c = self.x_proj(v).split((self.rank, self.state, self.state), -1)
        delta, u = real(F.softplus(accumulate(self.dt_proj(r))), padding), accumulate(v)
        scan = selective_scan if self.path == "compiled" else selective_recurrence
        y, h = scan(u, delta, self._rates(), accumulate(b), accumulate(c), h)
        return (y + accumulate(self.D) * u).to(v.dtype), h

    def _rates(self) -> Tensor:
        return -accumulate(self.A_log).exp()

    def init_state(self, batch: int, *, device: Device = None, dtype: Dtype = None) -> State:
        """Zeros, where the weights lie, in float32 or wider unless told otherwise."""
        weight, window = self.out_proj.weight, self.conv1d.kernel_size[0] - 1
        place: dict[str, Any] = {"device": device or weight.device, "dtype": state_type(weight, dtype)}
        return torch.zeros(batch, window, self.inner, **place), torch.zeros(batch, self.inner, self.state, **place)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token `(b, dim)`, and the state after it."""
        window, h = state
        u, z = self.in_proj(x_t).chunk(2, -1)
        seen = torch.cat((window, u[:, None]), 1)
        v = (seen * self.conv1d.weight[:, 0].T).sum(1).to(u.dtype)
        bias: Tensor | None = self.conv1d.bias
        v = F.silu(v if bias is None else v + bias)
        if self.ssm is not None:
            y, (h,) = self.ssm.step(v, (h,))
        else:
            r, b, c = self.x_proj(v).split((self.rank, self.state, self.state), -1)
            delta, w = F.softplus(accumulate(self.dt_proj(r))), accumulate(v)
            h = (delta[..., None] * self._rates()).exp() * h + (delta * w)[..., None] * accumulate(b)[:, None]
            y = ((h @ accumulate(c)[..., None])[..., 0] + accumulate(self.D) * w).to(v.dtype)
        return self.out_proj(y * F.silu(z)), (seen[:, 1:], h)

    def extra_repr(self) -> str:
        names: dict[str, Any] = {
            "conv": self.conv1d.kernel_size[0],
            "expand": self.inner // self.dim,
            "rank": self.rank,
        }
        names |= {"selective": self.ssm is None, "bias": self.bias}
        names |= {"conv_bias": self.conv_bias, "steps": self.steps, "path": self.path}
        return f"{self.dim}, {self.state}, " + ", ".join(f"{name}={value!r}" for name, value in names.items())
