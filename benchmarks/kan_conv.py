"""Convolutions of functions against the usual way: windows laid out, and a KAN layer for each pair of channels."""

import torch
from _measure import Call, main, of_run, same
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.activations import KANConv2d, KANLayer

# Batch, channels in and out, side of the image.
SIZES = {"2 to 8, 28x28, batch 32": (32, 2, 8, 28), "8 to 8, 14x14, batch 32": (32, 8, 8, 14)}
ITEMS = [f"{size}, {run}" for size in SIZES for run in ("forward", "forward+backward")]


class Pairs(nn.Module):
    """Our own writing of what the authors' code does."""

    def __init__(self, ours: KANConv2d) -> None:
        super().__init__()
        self.out, self.kernel = ours.out_channels, ours.kernel_size
        layers = []
        for o in range(ours.out_channels):
            for c in range(ours.in_channels):
                layer = KANLayer(ours.scale[0, 0].numel(), 1, ours.basis.grid, ours.order)
                with torch.no_grad():
                    layer.coef.copy_(ours.coef[o, c].flatten(0, 1)[None])
                    layer.scale.copy_(ours.scale[o, c].flatten()[None])
                    layer.base_weight.copy_(ours.base_weight[o, c].flatten()[None])
                layers.append(layer)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        b, channels, height, width = x.shape
        windows = F.unfold(x, self.kernel).unflatten(1, (channels, -1)).movedim(2, -1)
        pairs = [layer(windows[:, i % channels]) for i, layer in enumerate(self.layers)]
        y = torch.stack(pairs, 1).unflatten(1, (self.out, channels)).sum(2)
        return y.reshape(b, self.out, height - self.kernel[0] + 1, width - self.kernel[1] + 1)


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs or input gradients differ."""
    torch.manual_seed(0)
    size, run = item.rsplit(", ", 1)
    batch, channels, out, side = SIZES[size]
    ours = KANConv2d(channels, out, 3)
    pair = ours, Pairs(ours)
    x = (torch.rand(batch, channels, side, side) * 2 - 1).requires_grad_()
    weight = torch.randn(batch, out, side - 2, side - 2)
    if check:
        same(item, pair, x, weight, 2e-4)
    return of_run(run, pair, x, weight)


if __name__ == "__main__":
    main("conv-kan", {"a layer for each pair of channels": True}, ITEMS, sides)
