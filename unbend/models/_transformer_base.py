"""The reference transformer: a block, and a stack of blocks over tokens, in which the mixer is an argument."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of
from unbend.activations import bend as bend_of
from unbend.mixers import AlibiBias, FourierPositionEmbedding, RotaryEmbedding
from unbend.models._attention_base import Device, MultiHeadAttention

Norm = Literal["layer", "rms"]
Position = Literal["learned", "rotary", "fourier", "alibi"]
# Called with the width of the stream; gives a module `(b, t, dim) -> (b, t, dim)`.
MakeMixer = Callable[[int], nn.Module]
# Called with the channels of a head and the number of heads; gives an embedding of queries and keys, or a bias.
MakePosition = Callable[[int, int], nn.Module]
State = tuple[int, tuple[Any, ...]]

_NORMS: dict[Norm, Callable[..., nn.Module]] = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}
_EPS = 1e-5


class FeedForward(nn.Module):
    """`W2 bend(W1 x)`, or `W2 (bend(W1 x) * (W3 x))` where it is gated."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 5, "hidden": 7, "gated": True}, (2, 3, 5), 1e9),)

    def __init__(
        self,
        dim: int,
        hidden: int,
        bend: str = "gelu",
        gated: bool = False,
        bias: bool = True,
        *,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.hidden, self.bend, self.gated, self.bias = dim, at_least(1, hidden=hidden), bend, gated, bias
        self.act = bend_of(bend)
        self.into, self.out = (
            nn.Linear(*shape, bias=bias, device=device, dtype=dtype) for shape in ((dim, hidden), (hidden, dim))
        )
        self.value = nn.Linear(dim, hidden, bias=bias, device=device, dtype=dtype) if gated else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.into(x))
        return self.out(y if self.value is None else y * self.value(x))

    def __repr__(self) -> str:
        return f"FeedForward({self.dim}, {self.hidden}, {self.bend!r}, gated={self.gated}, bias={self.bias})"


class TransformerBlock(nn.Module):
    """Mixing across tokens, then a bend within each, each added to what came in.

    Formula:
        x <- x + mixer(norm(x))
        x <- x + ff(norm(x)), ff(z) = W2 bend(W1 z), or W2 (bend(W1 z) * (W3 z)) where it is gated

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: width of the stream.
        mixer: what mixes the tokens, from this width to the same; `MultiHeadAttention(dim, path="map")` when None.
        hidden: width of the feed-forward layer; 4 dim when None.
        norm: "layer" or "rms", over the channels of a token.
        bend: by the name of `unbend.bend`.
        gated: whether a second map gates the bend.
        bias: whether the feed-forward maps have biases.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Norms before the parts, not after as in the first transformer. Tokens meet in the mixer alone; what it costs is
        the mixer's, and 2 b t dim hidden multiply-adds, half as many again where it is gated.

    References:
        Turner (2023), An Introduction to Transformers, arXiv:2304.10557.

    Examples:
        >>> from unbend.mixers import CausalLambda
        >>> TransformerBlock(8, CausalLambda(8, heads=2))(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 8}, (2, 5, 8), largest=1e9),
        Example({"dim": 8, "hidden": 7, "norm": "rms", "bend": "silu", "gated": True}, (2, 5, 8), largest=1e9),
    )

    def __init__(
        self,
        dim: int,
        mixer: nn.Module | None = None,
        hidden: int | None = None,
        *,
        norm: Norm = "layer",
        bend: str = "gelu",
        gated: bool = False,
        bias: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        kind = _NORMS[cast(Norm, one_of(get_args(Norm), norm=norm))]
        self.dim, self.norm = dim, norm
        self.norm_mixer, self.norm_ff = (kind(dim, eps=_EPS, device=device, dtype=dtype) for _ in range(2))
        self.mixer = mixer or MultiHeadAttention(dim, path="map", device=device, dtype=dtype)
        self.ff = FeedForward(dim, 4 * dim if hidden is None else hidden, bend, gated, bias, device=device, dtype=dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        y = self.norm_mixer(x)
        x = x + (self.mixer(y) if padding is None else self.mixer(y, padding))
        return x + self.ff(self.norm_ff(x))

    def step(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The output at one token `(b, dim)`, and the mixer's state after it."""
        mixed, state = cast(Any, self.mixer).step(self.norm_mixer(x_t), state)
        x = x_t + mixed
        return x + self.ff(self.norm_ff(x)), state

    def __repr__(self) -> str:
        ff = self.ff
        return (
            f"TransformerBlock({self.dim}, {self.mixer}, {ff.hidden}, norm={self.norm!r}, bend={ff.bend!r}, "
            f"gated={ff.gated}, bias={ff.bias})"
        )


class Transformer(nn.Module):
    """A stack of blocks over tokens, causal unless told otherwise: decoder of text, or encoder of vectors.

    Formula:
        x = embed(tokens) + place, x <- block(x) for each of `depth` blocks, y = norm(x) W^T

    Shape:
        x: (b, t) whole numbers below `vocabulary`, or (b, t, dim) vectors that are embedded already; padding: (b, t);
        y: (b, t, vocabulary).

    Args:
        vocabulary: how many different tokens go in and come out; 0 takes vectors alone and gives normed vectors back.
        dim: width of the stream.
        depth: blocks.
        heads: of attention.
        kv_heads: see `MultiHeadAttention`.
        hidden: width of the feed-forward layers; 4 dim when None.
        position: "learned" adds a vector for each place; "rotary", "fourier" and "alibi" go into attention, and so does
            what `position(channels of a head, heads)` gives; None.
        max_length: the longest input where places are learned; what "fourier" takes for the trained length.
        causal: whether attention sees no token that comes later.
        norm: as for `TransformerBlock`.
        bend: likewise.
        gated: likewise.
        bias: likewise; the maps of attention and the output have none.
        tied: whether the output's weight is the embedding's.
        path: of attention.
        mixer: called with `dim` once for each block; gives what takes the place of attention, which `heads` and the
            positions inside attention then do not reach.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        `step` goes on by one token with the mixers' states; `generate` continues a text by the likeliest tokens. With
        RMS norms, "rotary", a gated "silu" and no biases it is the decoder of the Llama family.

    References:
        Turner (2023), An Introduction to Transformers, arXiv:2304.10557.

    Examples:
        >>> from unbend.mixers import CausalLambda
        >>> text = torch.tensor([[1, 2, 3]])
        >>> Transformer(7, 8, 2)(text).shape, Transformer(7, 8, 2, mixer=CausalLambda)(text).shape
        (torch.Size([1, 3, 7]), torch.Size([1, 3, 7]))
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"vocabulary": 7, "dim": 8, "depth": 2, "tied": True, "path": "map"}, (2, 5, 8), largest=1e9),
    )

    def __init__(
        self,
        vocabulary: int,
        dim: int,
        depth: int,
        *,
        heads: int = 4,
        kv_heads: int | None = None,
        hidden: int | None = None,
        position: Position | MakePosition | None = "rotary",
        max_length: int = 256,
        causal: bool = True,
        norm: Norm = "layer",
        bend: str = "gelu",
        gated: bool = False,
        bias: bool = True,
        tied: bool = False,
        path: Literal["fused", "map"] = "fused",
        mixer: MakeMixer | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        told = dict(locals())
        self.options = {name: told[name] for name in _OPTIONS}
        self.dim, self.causal = dim, causal
        at: dict[str, Any] = {"device": device, "dtype": dtype}
        self.embed = nn.Embedding(vocabulary, dim, **at) if at_least(0, vocabulary=vocabulary) else None
        if position is not None and not callable(position):
            one_of(get_args(Position), position=position)
        self.place = nn.Parameter(torch.zeros(max_length, dim, **at)) if position == "learned" else None

        def mix() -> nn.Module:
            if mixer is not None:
                return mixer(dim)
            where = _position(position, dim // heads, heads, max_length, at)
            return MultiHeadAttention(
                dim, heads=heads, kv_heads=kv_heads, causal=causal, position=where, path=path, **at
            )

        shape: dict[str, Any] = {"norm": norm, "bend": bend, "gated": gated, "bias": bias, **at}
        self.blocks = nn.ModuleList(
            TransformerBlock(dim, mix(), hidden, **shape) for _ in range(at_least(1, depth=depth))
        )
        self.norm = _NORMS[norm](dim, eps=_EPS, **at)
        self.out = nn.Linear(dim, vocabulary, bias=False, **at) if vocabulary and not tied else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Embeddings and places small, so that the first outputs are near even."""
        for weight in (self.place, None if self.embed is None else self.embed.weight):
            if weight is not None:
                nn.init.normal_(weight, std=0.02)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        x = self._embedded(x, 0)
        for block in self.blocks:
            x = block(x, padding)
        return self._read(x)

    def init_state(self, batch: int, *, device: Device = None, dtype: torch.dtype | None = None) -> State:
        """The state before the first token: its place, and the state of each mixer."""
        return 0, tuple(cast(Any, block).mixer.init_state(batch, device=device, dtype=dtype) for block in self.blocks)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token, `(b,)` or `(b, dim)`, and the state after it."""
        at, states = state
        x = self._embedded(x_t[:, None], at)[:, 0]
        after: list[Any] = []
        for block, mixed in zip(self.blocks, states, strict=True):
            x, mixed = cast(TransformerBlock, block).step(x, mixed)
            after.append(mixed)
        return self._read(x), (at + 1, tuple(after))

    @torch.no_grad()
    def generate(self, tokens: Tensor, steps: int) -> Tensor:
        """`tokens` (b, t) and after them the likeliest token, `steps` times."""
        if tokens.ndim != 2 or not tokens.shape[1]:
            raise ArgumentError.of("tokens", f"shape {tuple(tokens.shape)}", "(b, t) with one token at least")
        state, logits = self.init_state(len(tokens)), tokens.new_zeros(0).float()
        for token in tokens.unbind(1):
            logits, state = self.step(token, state)
        made = [logits.argmax(-1)] if at_least(0, steps=steps) else []
        while len(made) < steps:
            logits, state = self.step(made[-1], state)
            made.append(logits.argmax(-1))
        return torch.cat([tokens, *(token[:, None] for token in made)], 1)

    def _embedded(self, x: Tensor, at: int) -> Tensor:
        if not x.is_floating_point():
            if self.embed is None:
                raise ArgumentError.of("x", f"{x.dtype}", f"vectors (b, t, {self.dim})", "vocabulary is 0")
            x = self.embed(x)
        if self.place is None:
            return x
        end = at + x.shape[1]
        if end > len(self.place):
            raise ArgumentError.of("x", f"{end} tokens", f"at most max_length={len(self.place)}")
        return x + self.place[at:end]

    def _read(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        if self.out is not None:
            return self.out(x)
        return x if self.embed is None else x @ self.embed.weight.T

    def __repr__(self) -> str:
        return f"Transformer({', '.join(f'{name}={value!r}' for name, value in self.options.items())})"


_OPTIONS = (
    "vocabulary", "dim", "depth", "heads", "kv_heads", "hidden", "position", "max_length", "causal", "norm", "bend",
    "gated", "bias", "tied", "path", "mixer",
)  # fmt: skip


def _position(
    kind: Position | MakePosition | None, depth: int, heads: int, length: int, at: dict[str, Any]
) -> nn.Module | None:
    match kind:
        case "rotary":
            return RotaryEmbedding(depth, pairs="adjacent")
        case "fourier":
            return FourierPositionEmbedding(depth, heads, length, **at)
        case "alibi":
            return AlibiBias(heads)
        case "learned" | None:
            return None
        case _:
            return kind(depth, heads)
