"""Hermite, Fourier and tropical bends against torchortho: same numbers, then time."""

from importlib import import_module

import torch
from _measure import Call, imports, main, of_run

from unbend.activations import FourierActivation, HermiteActivation, TropicalActivation

BENDS = {"Hermite degree 3": (HermiteActivation, 3), "Hermite degree 6": (HermiteActivation, 6)}
BENDS |= {"Fourier degree 6": (FourierActivation, 6), "tropical degree 6": (TropicalActivation, 6)}
SIZES = {"4M": (1 << 22,), "256 x 1024": (256, 1024)}
ITEMS = [f"{bend}, {size}" for bend in BENDS for size in SIZES]


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """Forward and backward with all gradients on both sides; if asked to, stops where outputs or gradients differ."""
    torch.manual_seed(0)
    bend, size = item.split(", ")
    made, degree = BENDS[bend]
    pair = made(degree), getattr(import_module("torchortho"), made.__name__)(degree)
    x, weight = torch.randn(SIZES[size]), torch.randn(SIZES[size])
    x.requires_grad_()
    if check:
        found = [(y.detach(), *torch.autograd.grad(y, x, weight)) for y in (module(x) for module in pair)]
        for one, other in zip(*found, strict=True):
            # At a kink the two take other slopes; numbers so near to it are few.
            off = (one - other).abs() > 1e-3 * (1 + other.abs())
            if float(off.float().mean()) > 1e-5:
                raise SystemExit(
                    f"{item}: {peer} and we differ by {float((one - other).abs().max())}; nothing is timed"
                )
    return of_run("forward+backward", pair, x, weight)


if __name__ == "__main__":
    main("torchortho", {"torchortho": imports("torchortho")}, ITEMS, sides)
