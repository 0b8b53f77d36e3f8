"""Where a token stands, told to attention: rotary and Fourier embeddings of queries and keys, and a bias of scores."""

import math
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of, positive
from unbend.mixers._base import accumulate

Pairs = Literal["halves", "adjacent"]
Device = torch.device | str | None


def rotary_frequencies(dim: int, base: float = 10_000.0, trained_length: int | None = None) -> Tensor:
    """Radians per token of each pair of channels; zero where the pair makes no full turn in training.

    Formula:
        w_i = base^(-2 i / dim), i < dim / 2;  w_i := 0 where w_i < 2 pi / trained_length

    Args:
        dim: channels of a head, an even number.
        base: how slow the slowest pair is.
        trained_length: tokens of a training sequence; None keeps all frequencies.

    References:
        Hua et al. (2024), Fourier Position Embedding: Enhancing Attention's Periodic Extension for Length
        Generalization, arXiv:2412.17739.

    Examples:
        >>> rotary_frequencies(4, 100.0), rotary_frequencies(4, 100.0, trained_length=50)
        (tensor([1.0000, 0.1000], dtype=torch.float64), tensor([1., 0.], dtype=torch.float64))
    """
    if at_least(2, dim=dim) % 2:
        raise ArgumentError.of("dim", dim, "an even number: channels turn in pairs")
    w = positive(base=base) ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    return w if trained_length is None else w.where(w >= 2 * math.pi / at_least(1, trained_length=trained_length), 0.0)


class RotaryEmbedding(nn.Module):
    """Rotary position embedding: each pair of channels turns by an angle that grows with the place.

    Formula:
        (x_a, x_b) -> (x_a cos m w_i - x_b sin m w_i, x_b cos m w_i + x_a sin m w_i) at place m, with w_i as in
        `rotary_frequencies`

    Shape:
        x: (b, h, t, dim); y: as x.

    Args:
        dim: channels of a head, an even number.
        base: how slow the slowest pair is.
        trained_length: pairs that make no full turn in so many tokens stand still; None lets all turn.
        pairs: which channels make pair i: "halves", i and i + dim / 2, or "adjacent", 2 i and 2 i + 1.

    Behaviour:
        Keeps lengths; the score of a query and a key depends on how far they stand apart, and on nothing else of their
        places. Angles are taken in float64, so that place 100,000 is as exact as place 1.

    References:
        Su, Lu, Pan, Murtadha, Wen, Liu (2021), RoFormer: Enhanced Transformer with Rotary Position Embedding,
        arXiv:2104.09864.

    Examples:
        >>> q, turn = torch.randn(1, 1, 1, 8), RotaryEmbedding(8)
        >>> near, far = (turn(q, at) @ turn(q, at + 3).mT for at in (0, 90))
        >>> torch.allclose(near, far, atol=1e-5)
        True
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 10}, (2, 3, 7, 10)),
        Example({"dim": 10, "base": 100.0, "trained_length": 9, "pairs": "adjacent"}, (2, 3, 7, 10)),
    )

    def __init__(
        self, dim: int, base: float = 10_000.0, trained_length: int | None = None, pairs: Pairs = "halves"
    ) -> None:
        super().__init__()
        self.dim, self.base, self.trained_length = dim, base, trained_length
        self.pairs: Pairs = _pairs(pairs)
        rotary_frequencies(dim, base, trained_length)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """Turn `x`, whose first token stands at place `offset`."""
        angles = _angles(rotary_frequencies(self.dim, self.base, self.trained_length).to(x.device), x, offset)
        wide = accumulate(x)
        return _turn(wide, angles.cos().to(wide), angles.sin().to(wide), self.pairs).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.dim}, {self.base}, trained_length={self.trained_length}, pairs={self.pairs!r}"


class FourierPositionEmbedding(nn.Module):
    """Rotary embedding whose waves are short Fourier series, and whose untrained frequencies stand still.

    Formula:
        c_m = cos(m w) C_h + pad, s_m = sin(m w) S_h + pad, over the frequencies w > 0 of `rotary_frequencies`
        y_a = x_a c_m - x_b s_m, y_b = x_b c_m + x_a s_m;  C_h, S_h = identity + gain N(0, 2 / (F + F'))

    Shape:
        x: (b, heads, t, dim); y: as x. C, S: (heads, F, F'), F the frequencies kept.

    Args:
        dim: channels of a head, an even number.
        heads: how many; each has series of its own.
        trained_length: frequencies that make no full turn in so many tokens are dropped; None keeps all.
        gain: how much of the other frequencies is mixed into each; the paper takes 0.3 to 0.6, more in larger models.
        base: how slow the slowest pair is.
        columns: F', how many pairs turn; F when None. With fewer, every ceil(F / F')-th frequency leads a column.
        pad_sin: sine of the pairs that stand still.
        pairs: as for `RotaryEmbedding`.
        device: where the series lie.
        dtype: their type.

    Behaviour:
        The series are drawn once and fixed, buffers and not parameters. With gain 0 and all frequencies it is
        `RotaryEmbedding`. Scores are bounded and almost periodic in both places, and no longer functions of their
        difference alone; channels that stand still give terms without places.

    Departures:
        The released code takes `columns = dim // 4` and pads the sine with one, which turns still channels by 45
        degrees and doubles their scores; the paper's text, and the default here, pads with zero.

    References:
        Hua et al. (2024), Fourier Position Embedding: Enhancing Attention's Periodic Extension for Length
        Generalization, arXiv:2412.17739.

    Examples:
        >>> x = torch.randn(2, 3, 7, 10)
        >>> torch.allclose(FourierPositionEmbedding(10, 3, gain=0.0)(x), RotaryEmbedding(10)(x))
        True
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 10, "heads": 3}, (2, 3, 7, 10)),
        Example(
            {"dim": 14, "heads": 3, "trained_length": 80, "base": 100.0, "columns": 2, "pad_sin": 1.0}, (2, 3, 5, 14)
        ),
    )

    def __init__(
        self,
        dim: int,
        heads: int,
        trained_length: int | None = None,
        gain: float = 0.3,
        base: float = 10_000.0,
        *,
        columns: int | None = None,
        pad_sin: float = 0.0,
        pairs: Pairs = "halves",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.heads, self.trained_length = dim, at_least(1, heads=heads), trained_length
        self.gain, self.base, self.pad_sin = gain, base, pad_sin
        self.pairs: Pairs = _pairs(pairs)
        kept = int(rotary_frequencies(dim, base, trained_length).count_nonzero())
        self.columns = kept if columns is None else min(at_least(1, columns=columns), kept)
        self.cosines: Tensor
        self.sines: Tensor
        for name in ("cosines", "sines"):
            mixed = torch.empty(heads, kept, self.columns, device=device, dtype=dtype)
            nn.init.normal_(mixed, std=gain * math.sqrt(2 / max(kept + self.columns, 1)))
            lead = torch.arange(self.columns, device=device) * -(-kept // max(self.columns, 1))
            mixed[:, lead % max(kept, 1), torch.arange(self.columns, device=device)] += 1
            self.register_buffer(name, mixed)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """Turn `x`, whose first token stands at place `offset`."""
        wide = accumulate(x)
        w = rotary_frequencies(self.dim, self.base, self.trained_length)[: self.cosines.shape[1]]
        angles = _angles(w.to(x.device), x, offset)
        still = self.dim // 2 - self.columns
        cos = nn.functional.pad(angles.cos().to(wide) @ self.cosines.to(wide), (0, still), value=1.0)
        sin = nn.functional.pad(angles.sin().to(wide) @ self.sines.to(wide), (0, still), value=self.pad_sin)
        return _turn(wide, cos, sin, self.pairs).to(x.dtype)

    def extra_repr(self) -> str:
        return (
            f"{self.dim}, {self.heads}, {self.trained_length}, {self.gain}, {self.base}, "
            f"columns={self.columns or None}, pad_sin={self.pad_sin}, pairs={self.pairs!r}"
        )


class AlibiBias(nn.Module):
    """Attention with linear biases: the farther a key, the lower its score.

    Formula:
        y_hij = scores_hij - r_h |i - j|;  r_h = 2^(-8 h / H), h = 1..H

    Shape:
        scores: (b, heads, t, m), the last of the t queries at the place of the last of the m keys; y: as scores.

    Args:
        heads: H. Where it is no power of two, the rates of the power below it, then every other one of the power above.

    Behaviour:
        Nothing is learned and nothing is added to the tokens; a sequence longer than any seen gives larger biases.

    References:
        Press, Smith, Lewis (2021), Train Short, Test Long: Attention with Linear Biases Enables Input Length
        Extrapolation, arXiv:2108.12409.

    Examples:
        >>> AlibiBias(2)(torch.zeros(1, 2, 1, 3))[0, :, 0] * 16
        tensor([[-2.0000, -1.0000,  0.0000],
                [-0.1250, -0.0625,  0.0000]])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"heads": 3}, (2, 3, 5, 7)),)

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = at_least(1, heads=heads)
        below = 1 << (heads.bit_length() - 1)
        rates = [2 ** (-8 * (h + 1) / below) for h in range(below)]
        self.rates = rates + [2 ** (-4 * (h + 1) / below) for h in range(0, 2 * (heads - below), 2)]

    def forward(self, scores: Tensor) -> Tensor:
        t, m = scores.shape[-2:]
        keys = torch.arange(m, device=scores.device)
        apart = (keys[m - t :, None] - keys).abs().to(scores.dtype)
        return scores - torch.tensor(self.rates, device=scores.device, dtype=scores.dtype)[:, None, None] * apart

    def extra_repr(self) -> str:
        return f"{self.heads}"


def _pairs(pairs: Pairs) -> Pairs:
    return one_of(get_args(Pairs), pairs=pairs)


def _angles(w: Tensor, x: Tensor, offset: int) -> Tensor:
    """Angles `(t, frequencies)` of the places of `x`, in float64."""
    places = torch.arange(offset, offset + x.shape[-2], dtype=torch.float64, device=x.device)
    return places[:, None] * w


def _turn(x: Tensor, cos: Tensor, sin: Tensor, pairs: Pairs) -> Tensor:
    if pairs == "halves":
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
