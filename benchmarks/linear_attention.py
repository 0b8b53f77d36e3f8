"""Causal linear attention against linear-attention-transformer and torch's fused attention to all pairs.

Attention alone, without projections: 4 heads of 32 channels in a batch of 4, forward and backward. The features are
elu + 1 here and softmax and exp there, as each has them. Theirs goes by single tokens: with its default of 64 to a
bucket a token does not see those of its own, which is another function, and took half of our time.
"""

from collections.abc import Callable

import torch
from _measure import Call, imports, main
from torch import Tensor
from torch.nn import functional as F

from unbend.kernels._causal_product import causal_average

BATCH, DIM, HEADS = 4, 128, 4
ITEMS = [f"causal {length}" for length in (512, 2048, 8192)]
PEERS = ("linear-attention-transformer", "torch")


def ours(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return causal_average(F.elu(q) + 1, F.elu(k) + 1, v, 1e-6)


def theirs(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    from linear_attention_transformer.linear_attention_transformer import causal_linear_attn

    return causal_linear_attn(q, k, v, bucket_size=1)


def all_pairs(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def there_and_back(attend: Callable[[Tensor, Tensor, Tensor], Tensor], length: int) -> Call:
    """Outputs and gradients of one kind of attention."""
    q, k, v = (torch.randn(BATCH, HEADS, length, DIM // HEADS, requires_grad=True) for _ in range(3))
    weight = torch.randn(BATCH, HEADS, length, DIM // HEADS)
    return lambda: torch.autograd.grad(attend(q, k, v), (q, k, v), weight)


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; ours is held to the table of all pairs first, where that is small."""
    torch.manual_seed(0)
    if check:
        _hold_to_pairs()
    length = int(item.split()[1])
    return there_and_back(ours, length), there_and_back(all_pairs if peer == "torch" else theirs, length)


def _hold_to_pairs() -> None:
    q, k, v = torch.randn(3, 1, 2, 100, 8, dtype=torch.float64)
    weights = ((F.elu(q) + 1) @ (F.elu(k) + 1).transpose(-1, -2)).tril()
    expected = weights / (weights.sum(-1, keepdim=True) + 1e-6) @ v
    if not torch.allclose(ours(q, k, v), expected):
        raise SystemExit("ours is not the table of all pairs; nothing is timed")


if __name__ == "__main__":
    main("linear-attention", {name: imports(name.replace("-", "_")) for name in PEERS}, ITEMS, sides)
