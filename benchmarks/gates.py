"""Gated bends with a learned constant against torch's own GELU and SiLU, which have none: 1e7 numbers, both ways.

The ratio is torch's time by ours; a bend of a learned constant has a second gradient to give.
"""

import torch
from _measure import Call, main
from torch import Tensor, nn

from unbend.activations import ATLU, XATLU, XGELU, CRReLU, Swish, VeLU, XSiLU, silu

COUNT = 10**7
OURS = {
    "atlu": ATLU,
    "xatlu": XATLU,
    "xgelu": XGELU,
    "xsilu": XSiLU,
    "crrelu": CRReLU,
    "swish": Swish,
    "swish learned": lambda: Swish(trainable=True),
    "velu": VeLU,
}
PEERS = {"torch gelu": nn.GELU, "torch silu": nn.SiLU}
MODES = ("", ", forward alone", ", lean='slope'")
ITEMS = [name + mode for name in OURS for mode in MODES if (name, mode) != ("velu", MODES[-1])]


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where a bend that is SiLU is not."""
    torch.manual_seed(0)
    name, _, mode = item.partition(", ")
    x, weight = torch.randn(2, COUNT).view(2, -1, 1000)
    made = OURS[name]()
    if mode.startswith("lean"):
        made.lean = "slope"
    if check and name.startswith("swish") and not torch.allclose(made(x), silu(x), atol=1e-5):
        raise SystemExit(f"{item} is not SiLU; nothing is timed")
    theirs = PEERS[peer]()
    if mode == "forward alone":
        return without(made, x), without(theirs, x)
    return both_ways(made, x, weight), both_ways(theirs, x, weight)


def without(module: nn.Module, x: Tensor) -> Call:
    """The value alone."""

    def call() -> Tensor:
        with torch.no_grad():
            return module(x)

    return call


def both_ways(module: nn.Module, x: Tensor, weight: Tensor) -> Call:
    """Value, and gradients by the input and the parameters."""
    wanted = [x.clone().requires_grad_(), *module.parameters()]
    return lambda: torch.autograd.grad(module(wanted[0]), wanted, weight)


if __name__ == "__main__":
    main("gates", dict.fromkeys(PEERS, True), ITEMS, sides)
