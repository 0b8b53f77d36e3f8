"""RegNet and ReXNet against timm's: same weights, same outputs, then time and memory."""

from typing import Any

import torch
from _measure import Call, imports, main, of_run
from torch import Tensor

from unbend.models import ReXNet, regnet

ITEMS = [
    f"{net} {run}"
    for net in ("regnet_x_400mf", "regnet_y_400mf", "rexnet_x1_0")
    for run in ("forward", "forward+backward")
]
THEIRS = {"regnet_x_400mf": "regnetx_004", "regnet_y_400mf": "regnety_004", "rexnet_x1_0": "rexnet_100"}
BATCH, SIDE = 4, 128


def taken_over(own: dict[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their state under our names: branches in the order of their layers, and then the shortcuts."""
    ours = sorted(own, key=lambda name: "shortcut" in name)
    values = [theirs[name] for name in sorted(theirs, key=lambda name: "downsample" in name)]
    return {name: value.reshape(own[name].shape) for name, value in zip(ours, values, strict=True)}


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs differ."""
    import timm

    torch.manual_seed(0)
    name, run = item.split()
    theirs: Any = timm.create_model(THEIRS[name])
    ours = ReXNet() if name.startswith("rexnet") else regnet(name.removeprefix("regnet_"))
    ours.load_state_dict(taken_over(ours.state_dict(), theirs.state_dict()))
    x, weight = torch.randn(BATCH, 3, SIDE, SIDE, requires_grad=True), torch.randn(BATCH, 1000)
    for net in (ours, theirs):
        net.eval()
    if check:
        with torch.no_grad():
            torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-3)
    return of_run(run, (ours, theirs), x, weight)


if __name__ == "__main__":
    main("backbones", {"timm": imports("timm")}, ITEMS, sides)
