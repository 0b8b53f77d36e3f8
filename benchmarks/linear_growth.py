"""Mixers of patches against softmax attention as the patches grow: the exponents of time, and where the lines cross.

Whole layers of 128 channels and 4 heads on a batch of 4, forward and backward. Softmax-free attention keeps a grid of
at most 8 x 8 landmarks, so that its cost is linear.
"""

from collections.abc import Callable
from math import exp, log
from typing import Any

import torch
from _measure import Call, forward_backward, main

from unbend.mixers import (
    FocusedLinearAttention,
    LinearAttention,
    NormAwareLinearAttention,
    SOFTAttention,
    SoftmaxAttention,
)
from unbend.study._ledger import benchmarks
from unbend.study._scaling import slope

BATCH, DIM, HEADS = 4, 128, 4
SIDES = (16, 32, 64)
LAYERS: dict[str, Callable[[int], Any]] = {
    "focused": lambda side: FocusedLinearAttention(DIM, (side, side), heads=HEADS),
    "norm-aware": lambda side: NormAwareLinearAttention(DIM, (side, side), heads=HEADS),
    "soft": lambda side: SOFTAttention(DIM, (side, side), heads=HEADS, ratio=side // 8),
    "elu": lambda side: LinearAttention(DIM, heads=HEADS),
}
ITEMS = [f"{name} {side}" for name in LAYERS for side in SIDES]


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item: a layer, and softmax attention with as many heads."""
    torch.manual_seed(0)
    name, side = item.split()
    x, weight = torch.randn(2, BATCH, int(side) ** 2, DIM)
    x.requires_grad_()
    softmax = SoftmaxAttention(DIM, heads=HEADS)
    return forward_backward(LAYERS[name](int(side)), x, weight), forward_backward(softmax, x, weight)


def growth(name: str) -> str:
    """From the record: exponents of time over patches, of a layer and of softmax attention, and where they cross."""
    rows = {row["item"]: row for row in benchmarks()["linear-growth"]}
    patches = [side**2 for side in SIDES]
    times = [[rows[f"{name} {side}"][which] for side in SIDES] for which in ("ours_ms", "peer_ms")]
    ours, softmax = (slope(patches, column) for column in times)
    heights = [
        sum(log(t) - power * log(n) for n, t in zip(patches, column)) / len(patches)
        for power, column in zip((ours, softmax), times)
    ]
    cross = exp((heights[0] - heights[1]) / (softmax - ours))
    return f"{name}: exponent {ours:.2f}, softmax attention {softmax:.2f}; they cross at {cross:.0f} patches"


if __name__ == "__main__":
    main("linear-growth", {"torch": True}, ITEMS, sides)
    if {row["item"] for row in benchmarks().get("linear-growth", [])} >= set(ITEMS):
        print("as recorded:", *map(growth, LAYERS), sep="\n")
