"""EvoNorm against timm's layers: same weights, same outputs, then time and memory."""

from importlib import import_module

import torch
from _measure import Call, imports, main, of_run, same

from unbend.activations import EvoNorm

BATCH, CHANNELS = 32, 64
ITEMS = [
    f"{kind} {side}x{side} {run}"
    for kind in ("S0", "S1", "S2", "B0", "B1", "B2")
    for side in (32, 8)
    for run in ("forward", "forward+backward")
]


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs or gradients differ."""
    torch.manual_seed(0)
    kind, grid, run = item.split()
    side = int(grid.split("x")[0])
    module = import_module("timm.layers.evo_norm")
    pair = EvoNorm(CHANNELS, kind), getattr(module, f"EvoNorm2d{kind}")(CHANNELS, eps=1e-5)
    with torch.no_grad():
        for name, parameter in pair[1].named_parameters():
            parameter.copy_(1 + 0.1 * torch.randn(CHANNELS))
            getattr(pair[0], name).copy_(parameter)
    x, weight = torch.randn(2, BATCH, CHANNELS, side, side)
    x.requires_grad_()
    if check:
        same(f"{item}: {peer}", pair, x, weight, 2e-5)
    # In training, where the B kinds look at the batch.
    return of_run(run, pair, x, weight)


if __name__ == "__main__":
    main("evonorm", {"timm": imports("timm.layers.evo_norm")}, ITEMS, sides)
