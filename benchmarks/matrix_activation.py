"""Diagonal matrix activations by one look-up against a where for every breakpoint; the same numbers, then time."""

import torch
from _measure import Call, main
from torch import Tensor

from unbend.activations import matrix_activation

ITEMS = [
    f"{shape} m={m} {run}"
    for shape in ("4096x256", "32x64x32x32")
    for m in (3, 7, 31)
    for run in ("forward", "forward+backward")
]


def chosen(y: Tensor, table: Tensor, breakpoints: Tensor) -> Tensor:
    """The peer."""
    columns = table[0].T.reshape(-1, 1, table.shape[1], *[1] * (y.ndim - 2))
    slope = columns[0]
    for column, point in zip(columns[1:], breakpoints):
        slope = torch.where(y > point, column, slope)
    return slope * y


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs or gradients differ."""
    torch.manual_seed(0)
    size, m, run = item.split()
    x, weight = torch.randn(2, *map(int, size.split("x")))
    points = torch.linspace(-1.5, 1.5, int(m[2:]))
    table = torch.rand(1, x.shape[1], len(points) + 1)
    wanted = [x.requires_grad_(), table.requires_grad_()]
    pair = (lambda: matrix_activation(x, table, points)), (lambda: chosen(x, table, points))
    if check:
        found = [(y.detach(), *torch.autograd.grad(y, wanted, weight)) for y in (side() for side in pair)]
        for one, other in zip(*found):
            if not torch.allclose(one, other, rtol=0, atol=1e-4 * float(other.abs().max())):
                raise SystemExit(f"{item}: {peer} and we differ by {float((one - other).abs().max())}")
    if run == "forward":
        return torch.no_grad()(pair[0]), torch.no_grad()(pair[1])
    return (
        lambda: torch.autograd.grad(pair[0](), wanted, weight),
        lambda: torch.autograd.grad(pair[1](), wanted, weight),
    )


if __name__ == "__main__":
    main("matrix-activation", {"where for each": True}, ITEMS, sides)
