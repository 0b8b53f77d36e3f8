"""Polynormer's attentions against dense forms, and over edges against torch_geometric: same outputs, then time."""

import sys

import torch
from _measure import Call, imports, main
from torch import Tensor
from torch.nn import functional as F

from unbend.mixers import gat_conv, sigmoid_linear_attention

DIM, HEADS, DEGREE, ROWS = 64, 4, 10, 1000
DENSE = [
    f"{nodes} {what} {run}"
    for what in ("local", "global")
    for nodes, run in ((2000, "forward"), (2000, "forward+backward"), (5000, "forward"))
]
SPARSE = [f"{nodes} local {run}" for nodes in (2000, 20000) for run in ("forward", "forward+backward")]


def dense_local(value: Tensor, ends: Tensor, edges: Tensor) -> Tensor:
    """All pairs, a thousand targets at once; those without an edge are masked."""
    source, target = ((value * end).sum(-1) for end in ends)
    out: list[Tensor] = []
    for first in range(0, len(value), ROWS):
        here = (edges[1] >= first) & (edges[1] < first + ROWS)
        size = len(target[first : first + ROWS])
        mask = torch.ones(size, len(value), dtype=torch.bool)
        mask[edges[1, here] - first, edges[0, here]] = False
        scores = F.leaky_relu(source + target[first : first + ROWS, None], 0.2)
        weights = scores.masked_fill(mask[..., None], float("-inf")).softmax(1).nan_to_num(0.0)
        out.append(torch.einsum("tsh,shd->thd", weights, value))
    return torch.cat(out)


def dense_global(k: Tensor, v: Tensor) -> Tensor:
    """All pairs, a thousand queries at once."""
    s = k.sigmoid()
    out: list[Tensor] = []
    for rows in s.split(ROWS):
        weights = torch.einsum("ndh,mdh->hnm", rows, s)
        out.append(torch.einsum("hnm,meh->neh", weights / weights.sum(-1, keepdim=True), v))
    return torch.cat(out)


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs differ."""
    torch.manual_seed(0)
    nodes, what, run = item.split()
    n = int(nodes)
    edges = torch.unique(torch.randint(0, n, (2, DEGREE * n)), dim=1)
    x, other = (torch.randn(n, HEADS, DIM // HEADS, requires_grad=True) for _ in range(2))
    ends = torch.randn(2, HEADS, DIM // HEADS, requires_grad=True)
    if what == "global":
        k, v = (t.transpose(1, 2) for t in (x, other))
        pair = (lambda: sigmoid_linear_attention(k, v)), (lambda: dense_global(k, v))
        inputs = [x, other]
    else:
        inputs = [x, ends]
        theirs = geometric(x, ends, edges) if peer == "torch_geometric" else lambda: dense_local(x, ends, edges)
        pair = (lambda: gat_conv(x, ends[0], ends[1], edges)), theirs
    if check:
        with torch.no_grad():
            torch.testing.assert_close(pair[0](), pair[1](), atol=1e-4, rtol=1e-4)
    return tuple(_call(f, inputs if run == "forward+backward" else None) for f in pair)


def geometric(x: Tensor, ends: Tensor, edges: Tensor) -> Call:
    """Their layer without its linear map, which is not in our time either."""
    from torch_geometric.nn import GATConv

    layer = GATConv(DIM, DIM // HEADS, heads=HEADS, add_self_loops=False, bias=False)
    layer.lin = torch.nn.Identity()
    layer.att_src, layer.att_dst = (torch.nn.Parameter(end[None].detach()) for end in ends)
    return lambda: layer(x.flatten(1), edges).unflatten(1, (HEADS, -1))


def _call(f, inputs: list[Tensor] | None) -> Call:
    if inputs is None:

        def forward() -> None:
            with torch.no_grad():
                f()

        return forward
    return lambda: torch.autograd.grad(f().sum(), inputs, allow_unused=True)


if __name__ == "__main__":
    main("polynormer", {"dense": True}, DENSE, sides)
    if "--peak" not in sys.argv:
        main("polynormer", {"torch_geometric": imports("torch_geometric.nn")}, SPARSE, sides)
