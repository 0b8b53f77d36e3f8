"""A monotone layer against a free one with ReLU: what the promise costs. A ratio below one is the price."""

import torch
from _measure import Call, main, of_run
from torch import nn

from unbend.layers import MonotonicLinear

ITEMS = [f"{rows}x{width} {run}" for rows, width in ((1024, 512), (128, 64)) for run in ("forward", "forward+backward")]


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where the convex part alone differs from the free layer's."""
    torch.manual_seed(0)
    size, run = item.split()
    rows, width = map(int, size.split("x"))
    x, weight = torch.randn(2, rows, width)
    x.requires_grad_()
    ours, free = MonotonicLinear(width, width), nn.Linear(width, width)
    with torch.no_grad():
        free.weight.copy_(ours.weight)
        free.bias.copy_(ours.linear.bias)
    theirs = nn.Sequential(free, nn.ReLU())
    convex = round(7 / 16 * width)
    if check and not torch.allclose(ours(x)[:, :convex], theirs(x)[:, :convex], atol=1e-5):
        raise SystemExit(f"{item}: the convex units differ; nothing is timed")
    return of_run(run, (ours, theirs), x, weight)


if __name__ == "__main__":
    main("mono-dense", {"free layer with relu": True}, ITEMS, sides)
