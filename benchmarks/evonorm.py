"""EvoNorm against timm's layers: same weights, same outputs, then time and memory."""

from importlib import import_module

import torch
from _measure import Call, main
from torch import Tensor, nn

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
        found = [[y.detach(), *gradients(layer, x, y, weight)] for layer in pair for y in [layer(x)]]
        for one, other in zip(*found):
            if not torch.allclose(one, other, rtol=0, atol=2e-5 * float(other.abs().max())):
                raise SystemExit(
                    f"{item}: {peer} and we differ by {float((one - other).abs().max())}; nothing is timed"
                )
    calls = forward if run == "forward" else forward_backward
    return calls(pair[0], x, weight), calls(pair[1], x, weight)


def gradients(layer: nn.Module, x: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    named = dict(layer.named_parameters())
    return torch.autograd.grad(y, [x, *(named[name] for name in sorted(named))], weight)


def forward(layer: nn.Module, x: Tensor, weight: Tensor) -> Call:
    """In training, where the B kinds look at the batch."""

    def call() -> None:
        with torch.no_grad():
            layer(x)

    return call


def forward_backward(layer: nn.Module, x: Tensor, weight: Tensor) -> Call:
    return lambda: gradients(layer, x, layer(x), weight)


def imports(module: str) -> bool:
    try:
        import_module(module)
    except Exception:  # timm beside a torchvision of another torch fails with more than an ImportError
        return False
    return True


if __name__ == "__main__":
    main("evonorm", {"timm": imports("timm.layers.evo_norm")}, ITEMS, sides)
