"""The gated unit that Activator puts where attention was: over the channels of each token, or over the tokens."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.mixers._base import Mixer, accumulate
from unbend.mixers._heads_base import Device, Dtype, normed, real


class ActivatorGLU(Mixer):
    """A gated linear unit in the place of attention; as published it mixes no tokens.

    Formula:
        u = layernorm(gelu(W_1 x + b_1)), v = layernorm(W_2 x + b_2), with one layernorm for both
        y = W_3 (u * v) + b_3, for the channels of each token, or if `tokens` for the tokens of each channel

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels.
        hidden: inner width; twice the width of what it acts on when None.
        tokens: how many tokens there are, if the unit is to act over them; None acts over the channels.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time 3 t dim hidden over the channels, 3 dim t hidden over the tokens. Over the channels the output of a token
        depends on that token alone: what is built of it sees a bag of patches. Over the tokens it is made for one
        number of them, and padded ones count as zeros.

    Departures:
        `tokens` is ours: the paper's words promise a mixing of tokens, its code has none.

    References:
        Abdullah, Kim (2024), Activator: GLU Activations as The Core Functions of a Vision Transformer,
        arXiv:2405.15953.

    Examples:
        >>> import torch
        >>> unit, x = ActivatorGLU(8), torch.randn(2, 5, 8)
        >>> torch.equal(unit(x.flip(1)), unit(x).flip(1))
        True
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5, "hidden": 6}, (3, 7, 5), largest=1e9),
        Example({"dim": 5, "tokens": 10}, (3, 10, 5), largest=1e9),
    )

    def __init__(
        self,
        dim: int,
        hidden: int | None = None,
        *,
        tokens: int | None = None,
        device: Device = None,
        dtype: Dtype = None,
    ) -> None:
        super().__init__()
        self.dim, self.tokens = at_least(1, dim=dim), tokens if tokens is None else at_least(1, tokens=tokens)
        width = tokens or dim
        self.hidden = 2 * width if hidden is None else at_least(1, hidden=hidden)
        self.bent = nn.Linear(width, self.hidden, device=device, dtype=dtype)
        self.gate = nn.Linear(width, self.hidden, device=device, dtype=dtype)
        self.norm = nn.LayerNorm(self.hidden, device=device, dtype=dtype)
        self.out = nn.Linear(self.hidden, width, device=device, dtype=dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        if self.tokens is None:
            return self._unit(x)
        if x.shape[1] != self.tokens:
            raise ArgumentError.of("x", f"shape {tuple(x.shape)}", f"(b, {self.tokens}, {self.dim})")
        return self._unit(real(x, padding).transpose(1, 2)).transpose(1, 2)

    def _unit(self, x: Tensor) -> Tensor:
        u = normed(F.gelu(accumulate(self.bent(x))), self.norm)
        v = normed(accumulate(self.gate(x)), self.norm)
        return self.out((u * v).to(x.dtype))

    def extra_repr(self) -> str:
        return f"{self.dim}, {self.hidden}, tokens={self.tokens}"
