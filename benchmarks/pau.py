"""PAU of degrees 5 and 4 against rational-activations and against a compiled Horner form: same numbers, then time."""

from importlib import import_module
from typing import Any

import torch
from _measure import Call, imports, main, of_run, same
from torch import Tensor, nn

from unbend.activations import PAU

SIZES = {"4M": (1 << 22,), "64 x 256 x 16 x 16": (64, 256, 16, 16), "64 x 256": (64, 256)}
ITEMS = [f"{size}, {run}" for size in SIZES for run in ("forward", "forward+backward")]


class Peer(nn.Module):
    """The package's module on the CPU, with our coefficients."""

    def __init__(self, ours: PAU) -> None:
        super().__init__()
        self.made: Any = import_module("rational.torch").Rational("leaky_relu", degrees=(5, 4), cuda=False, version="A")
        with torch.no_grad():
            for j in range(6):
                self.made.numerator[j] = ours.get_parameter(f"a{j}")[0]
            for k in range(4):
                self.made.denominator[k] = ours.get_parameter(f"b{k + 1}")[0]

    def forward(self, x: Tensor) -> Tensor:
        return self.made(x)


class Horner(nn.Module):
    """The formula in the fewest operations, for the compiler to fuse; it overflows from 1e7 on."""

    def __init__(self, ours: PAU) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.cat([ours.get_parameter(f"a{j}").detach() for j in range(6)]))
        self.b = nn.Parameter(torch.cat([ours.get_parameter(f"b{k}").detach() for k in range(1, 5)]))

    def forward(self, x: Tensor) -> Tensor:
        a, b, t = self.a, self.b.abs(), x.abs()
        over = a[0] + x * (a[1] + x * (a[2] + x * (a[3] + x * (a[4] + x * a[5]))))
        return over / (1 + t * (b[0] + t * (b[1] + t * (b[2] + t * b[3]))))


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs or input gradients differ."""
    torch.manual_seed(0)
    size, run = item.split(", ")
    ours = PAU()
    pair: Any = ours, (Peer(ours) if peer == "rational-activations" else torch.compile(Horner(ours), dynamic=False))
    x, weight = 2 * torch.randn(SIZES[size]), torch.randn(SIZES[size])
    x.requires_grad_()
    if check:
        same(f"{item}: {peer}", pair, x, weight, 1e-4)
    return of_run(run, pair, x, weight)


if __name__ == "__main__":
    main("pau", {"rational-activations": imports("rational.torch"), "compiled Horner form": True}, ITEMS, sides)
