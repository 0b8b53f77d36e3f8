"""A KAN layer against pykan's layer and model, and against the usual faster formulation.

Same weights, same outputs and input gradients, then time.
"""

from importlib import import_module
from unittest.mock import patch

import torch
from _measure import Call, main
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.activations import KANLayer

# Inputs, outputs, grid, batch.
SIZES = {
    "64 to 64, grid 5, batch 1024": (64, 64, 5, 1024),
    "64 to 64, grid 50, batch 1024": (64, 64, 50, 1024),
    "5 to 5, grid 5, batch 64": (5, 5, 5, 64),
}
ITEMS = [f"{size}, {run}" for size in SIZES for run in ("forward", "forward+backward")]
ORDER = 3


class Pykan(nn.Module):
    """pykan's layer, which returns the output with by-products."""

    def __init__(self, ours: KANLayer) -> None:
        super().__init__()
        peer = import_module("kan.KANLayer")
        # Its start solves a system for every edge, which takes minutes, and is then written over.
        with patch.object(peer, "curve2coef", lambda *_: ours.coef.detach().permute(1, 0, 2).clone()):
            layer = peer.KANLayer(ours.in_features, ours.out_features, ours.grid, ORDER)
        with torch.no_grad():
            layer.grid.copy_(ours.knots)
            layer.scale_base.copy_(ours.base_weight.T)
            layer.scale_sp.copy_(ours.scale.T)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


class PykanModel(nn.Module):
    """pykan's model of one layer, in the mode that it calls speed."""

    def __init__(self, ours: KANLayer) -> None:
        super().__init__()
        self.model = (
            import_module("kan")
            .KAN([ours.in_features, ours.out_features], ours.grid, ORDER, auto_save=False, sparse_init=True)
            .speed()
        )
        self.model.act_fun[0] = Pykan(ours).layer

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Dense(nn.Module):
    """Our own writing of what faster implementations do: all splines by the recursion in torch, then one product."""

    def __init__(self, ours: KANLayer) -> None:
        super().__init__()
        self.register_buffer("grid", ours.knots.clone())
        self.base = nn.Parameter(ours.base_weight.detach().clone())
        self.spline = nn.Parameter(ours.coef.detach().clone())
        self.scaler = nn.Parameter(ours.scale.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        at, t = x.unsqueeze(-1), self.grid
        bases = ((at >= t[:, :-1]) & (at < t[:, 1:])).to(x.dtype)
        for k in range(1, ORDER + 1):
            left = (at - t[:, : -k - 1]) / (t[:, k:-1] - t[:, : -k - 1]) * bases[..., :-1]
            right = (t[:, k + 1 :] - at) / (t[:, k + 1 :] - t[:, 1:-k]) * bases[..., 1:]
            bases = left + right
        weight = (self.spline * self.scaler.unsqueeze(-1)).flatten(1)
        return F.linear(F.silu(x), self.base) + F.linear(bases.flatten(1), weight)


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs or input gradients differ."""
    torch.manual_seed(0)
    size, run = item.rsplit(", ", 1)
    inputs, outputs, grid, batch = SIZES[size]
    ours = KANLayer(inputs, outputs, grid, ORDER)
    pair = ours, PEERS[peer](ours)
    x, weight = torch.rand(batch, inputs) * 2.2 - 1.1, torch.randn(batch, outputs)
    x.requires_grad_()
    if check:
        found = [(y.detach(), *torch.autograd.grad(y, x, weight)) for y in (layer(x) for layer in pair)]
        for one, other in zip(*found):
            if not torch.allclose(one, other, rtol=0, atol=2e-4 * float(other.abs().max())):
                error = float((one - other).abs().max())
                raise SystemExit(f"{item}: {peer} and we differ by {error}; nothing is timed")
    calls = forward if run == "forward" else forward_backward
    return calls(pair[0], x, weight), calls(pair[1], x, weight)


def forward(layer: nn.Module, x: Tensor, weight: Tensor) -> Call:
    def call() -> None:
        with torch.no_grad():
            layer(x)

    return call


def forward_backward(layer: nn.Module, x: Tensor, weight: Tensor) -> Call:
    wanted = [x, *(p for p in layer.parameters() if p.requires_grad)]
    return lambda: torch.autograd.grad(layer(x), wanted, weight, allow_unused=True)


def imports(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True


PEERS = {"pykan layer": Pykan, "pykan model": PykanModel, "efficient-kan formulation": Dense}

if __name__ == "__main__":
    main("kan", {peer: not peer.startswith("pykan") or imports("kan") for peer in PEERS}, ITEMS, sides)
