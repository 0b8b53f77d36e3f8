"""A small decoder of text, with a place for the bend under test."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import at_least
from unbend.data import Dataset
from unbend.models._small_base import Make, Residual

HEADS = 4


def small_decoder(make: Make, data: Dataset, width: int = 64) -> nn.Module:
    """A causal transformer of two blocks for sequences of tokens; `make()` gives the bend of each.

    Args:
        make: called without arguments, once for each of the two blocks.
        data: for the number of different tokens and the length of the windows.
        width: of the residual stream; the four heads share the nearest multiple of four below it.

    Examples:
        >>> x = torch.zeros(3, 5, dtype=torch.int64)
        >>> data = Dataset("ab", "next-token", (x, x), (x, x), classes=2)
        >>> small_decoder(nn.ReLU, data)(x).shape
        torch.Size([3, 5, 2])
    """
    at_least(1, width=width)
    blocks = [
        nn.Sequential(
            _Residual(nn.LayerNorm(width), _Attention(width)),
            _Residual(nn.LayerNorm(width), nn.Linear(width, 4 * width), make(), nn.Linear(4 * width, width)),
        )
        for _ in range(2)
    ]
    head = nn.LayerNorm(width), nn.Linear(width, data.outputs)
    return nn.Sequential(_Embedding(data.outputs, data.shape[0], width), *blocks, *head)
