"""k-sparse codes against the usual way: a mask of ones by scatter, and a product; the same numbers, then time."""

import torch
from _measure import Call, main
from torch import Tensor

from unbend.activations import k_sparse

ITEMS = [
    f"{rows}x{size} k={k} {run}"
    for rows, size, k in ((1024, 16384, 32), (1024, 2048, 32), (256, 256, 20), (64, 65536, 512))
    for run in ("forward", "forward+backward")
]


def masked(x: Tensor, k: int) -> Tensor:
    """The peer."""
    mask = torch.zeros_like(x)
    mask.scatter_(-1, x.topk(k, -1).indices, 1.0)
    return x * mask


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs or gradients differ."""
    torch.manual_seed(0)
    size, k, run = item.split()
    x, weight = torch.randn(2, *map(int, size.split("x")))
    x.requires_grad_()
    count = int(k[2:])
    if check:
        found = [(y.detach(), *torch.autograd.grad(y, x, weight)) for y in (k_sparse(x, count), masked(x, count))]
        if not all(torch.equal(one, other) for one, other in zip(*found)):
            raise SystemExit(f"{item}: {peer} and we differ; nothing is timed")
    if run == "forward":
        free = x.detach()
        return lambda: k_sparse(free, count), lambda: masked(free, count)
    return (
        lambda: torch.autograd.grad(k_sparse(x, count), x, weight),
        lambda: torch.autograd.grad(masked(x, count), x, weight),
    )


if __name__ == "__main__":
    main("k-sparse", {"mask by scatter": True}, ITEMS, sides)
