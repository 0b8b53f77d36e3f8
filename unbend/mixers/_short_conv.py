"""A gated short convolution, which hybrids put beside linear attention: it compares neighbours, which that cannot."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import at_least
from unbend.mixers._base import Mixer
from unbend.mixers._heads_base import Device, Dtype, real, state_type

State = tuple[Tensor]


class ShortConv(Mixer):
    """A causal convolution of each channel over a few tokens, gated by a projection of the present one.

    Formula:
        y_i = (W x_i + b) * (sum_{0 <= o < r} w_o x_{i-o} + c)

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels.
        scope: how many tokens, the present one included, the convolution reads, r.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time t dim (dim + r); the state of `step` is the last r - 1 inputs, in float32. Padded tokens count as zeros.

    Departures:
        No residual connection, which a block brings.

    References:
        Arora, Eyuboglu, Timalsina, Johnson, Poli, Zou, Rudra, Re (2023), Zoology: Measuring and Improving Recall in
        Efficient Language Models, arXiv:2312.04927.

    Examples:
        >>> layer = ShortConv(8)
        >>> x = torch.randn(2, 5, 8)
        >>> y, _ = layer.step(x[:, 0], layer.init_state(2))
        >>> torch.allclose(y, layer(x)[:, 0], atol=1e-5)
        True
    """

    causal: bool = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 5, "scope": 3}, (3, 7, 5), largest=1e9),)

    def __init__(self, dim: int, *, scope: int = 3, device: Device = None, dtype: Dtype = None) -> None:
        super().__init__()
        self.scope = at_least(1, scope=scope)
        self.gate = nn.Linear(at_least(1, dim=dim), dim, device=device, dtype=dtype)
        # Entry r - 1 - o is for the input o tokens ago.
        self.conv = nn.Conv1d(dim, dim, scope, groups=dim, device=device, dtype=dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        x = real(x, padding)
        seen = self.conv(F.pad(x.transpose(1, 2), (self.scope - 1, 0))).transpose(1, 2)
        return self.gate(x) * seen

    def init_state(self, batch: int, *, device: Device = None, dtype: Dtype = None) -> State:
        """Zeros, as inputs before the first token, where the weights lie, in float32 or wider unless told otherwise."""
        weight = self.gate.weight
        shape = batch, self.scope - 1, self.gate.in_features
        return (torch.zeros(shape, device=device or weight.device, dtype=state_type(weight, dtype)),)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token `(b, dim)`, and the inputs that the next one sees."""
        seen = torch.cat((state[0], x_t[:, None]), 1)
        weight = self.conv.weight[:, 0].T
        y = (weight * seen).sum(1).to(x_t.dtype)
        return self.gate(x_t) * (y if self.conv.bias is None else y + self.conv.bias), (seen[:, 1:],)

    def extra_repr(self) -> str:
        return f"{self.gate.in_features}, scope={self.scope}"
