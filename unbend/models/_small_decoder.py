"""A small decoder of text, with a place for the bend or the feed-forward block under test."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import at_least
from unbend.data import Dataset
from unbend.models._small_block_base import MixerBlock, stream_width

HEADS = 4


def small_decoder(make: Callable[..., nn.Module], data: Dataset, width: int = 64) -> nn.Module:
    """A causal transformer of two blocks for sequences of tokens; `make()` gives the bend of each.

    Args:
        make: called without arguments, once for each of the two blocks.
        data: for the number of different tokens and the length of the windows.
        width: of the residual stream; four heads share the multiple of four just below it, or are one wide each.

    Examples:
        >>> import torch
        >>> x = torch.zeros(3, 5, dtype=torch.int64)
        >>> data = Dataset("ab", "next-token", (x, x), (x, x), classes=2)
        >>> small_decoder(nn.ReLU, data)(x).shape
        torch.Size([3, 5, 2])
    """

    def feed_forward(width: int, hidden: int) -> nn.Module:
        return nn.Sequential(nn.Linear(width, hidden), make(), nn.Linear(hidden, width))

    return small_block_decoder(feed_forward, data, width)


def small_block_decoder(make: Callable[..., nn.Module], data: Dataset, width: int = 64) -> nn.Module:
    """The same transformer; `make(width, hidden)` gives the feed-forward block of each, gated or not.

    Args:
        make: called with the width of the residual stream and four times it, the inner width of a plain block.
        data: for the number of different tokens and the length of the windows.
        width: of the residual stream, as for `small_decoder`.

    Examples:
        >>> import torch
        >>> from unbend.activations import SwiGLU, matched_hidden
        >>> x = torch.zeros(3, 5, dtype=torch.int64)
        >>> data = Dataset("ab", "next-token", (x, x), (x, x), classes=2)
        >>> small_block_decoder(lambda width, hidden: SwiGLU(width, matched_hidden(hidden)), data)(x).shape
        torch.Size([3, 5, 2])
    """
    at_least(1, width=width)
    blocks = [_Block(width, make(width, 4 * width)) for _ in range(2)]
    head = nn.LayerNorm(width), nn.Linear(width, data.outputs)
    return nn.Sequential(_Embedding(data.outputs, data.shape[0], width), *blocks, *head)


def small_mixer_decoder(
    make: Callable[..., nn.Module],
    data: Dataset,
    width: int = 64,
    *,
    stream: int | None = None,
    places: bool = True,
    blocks: int = 2,
) -> nn.Module:
    """A decoder whose mixers are what `make(width, length)` gives: causal ones, for a stream `(b, t, width)`.

    With `stream` the residual stream, and so the mixers, keep that width, while `width` is a quarter of the inner width
    of the feed-forward layers: so arms of unlike mixers are matched in small steps.

    Args:
        make: called with the width of the stream and the length of the windows, once for each block.
        data: for the number of different tokens and the length of the windows.
        width: of the residual stream, at or just above a multiple of four, which it is rounded down to.
        stream: the width of the residual stream where it is not to follow `width`.
        places: whether a vector for its place is added to each token; without, any length goes in.
        blocks: how many.

    Examples:
        >>> import torch
        >>> from unbend.mixers import CausalLambda
        >>> x = torch.zeros(3, 5, dtype=torch.int64)
        >>> data = Dataset("ab", "next-token", (x, x), (x, x), classes=2)
        >>> small_mixer_decoder(lambda width, length: CausalLambda(width, scope=length), data)(x).shape
        torch.Size([3, 5, 2])
    """
    at_least(1, width=width)
    (length,), tokens = data.shape, data.outputs
    inside = stream_width(width, stream)
    embedding = _Embedding(tokens, length, inside) if places else nn.Embedding(tokens, inside)
    body = [MixerBlock(make(inside, length), inside, 4 * width) for _ in range(at_least(1, blocks=blocks))]
    return nn.Sequential(embedding, *body, nn.LayerNorm(inside), nn.Linear(inside, tokens))


class _Embedding(nn.Module):
    """A vector for each token and one for each place."""

    def __init__(self, tokens: int, length: int, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(tokens, width)
        self.place = nn.Embedding(length, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.token(x) + self.place.weight[: x.shape[1]]


class _Block(nn.Module):
    """Attention to what came before, then the feed-forward block."""

    def __init__(self, width: int, feed_forward: nn.Module) -> None:
        super().__init__()
        inner = HEADS * max(width // HEADS, 1)
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * inner)
        self.collect = nn.Linear(inner, width)
        self.wide = nn.Sequential(nn.LayerNorm(width), feed_forward)

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q, k, v = self.project(self.norm(x)).view(b, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.collect(seen.transpose(1, 2).flatten(2))
        return x + self.wide(x)
