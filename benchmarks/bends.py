"""Bends against the plain formula under autograd, and compiled ones against compiled SiLU: 4M numbers, both ways.

Torch has a kernel of its own for silu and gelu, which ours then are: there the formula is what the kernel saves.
"""

from collections.abc import Callable

import torch
from _measure import Call, main
from torch import Tensor, nn

from unbend.activations import bend
from unbend.activations._code_base import torch_function

COUNT = 1 << 22
NAMED = ["golu", "mish", "snake", "silu", "gelu", "prelu"]
# Every second of twenty that `random.Random(0).sample` drew from the catalogue.
SAMPLE = [
    *("arelu", "baf_bipolar", "bipolarplus", "evolved_max_tanhlog_relu", "hyper_sinh", "modified_weibull", "oaf"),
    *("sau", "selu", "soft_root_sign"),
]
FORMULA = {
    "formula, lean='slope'": "slope",
    "formula, lean=True": True,
    "formula, lean=False": False,
}
COMPILED = "compiled silu"


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where values or input gradients differ."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, COUNT)
    x.requires_grad_()
    made = bend(item)
    if peer == COMPILED:
        torch.compiler.reset()
        return both_ways(torch.compile(made), made, x, weight), both_ways(torch.compile(nn.SiLU()), None, x, weight)
    made.lean = FORMULA[peer]
    plain = torch_function(made.formula.text.removeprefix("y = "), tuple(made.start))

    def composition(x: Tensor) -> Tensor:
        return plain(x, *made.values(1, -1, x.dtype))

    if check:
        found = [(y.detach(), torch.autograd.grad(y, x, weight)[0]) for y in (made(x), composition(x))]
        for one, other in zip(*found, strict=True):
            if not torch.allclose(one, other, rtol=1e-4, atol=1e-4, equal_nan=True):
                raise SystemExit(f"{item}: the formula and we differ by {float((one - other).abs().max())}")
    return both_ways(made, made, x, weight), both_ways(composition, made, x, weight)


def both_ways(call: Callable[[Tensor], Tensor], owner: nn.Module | None, x: Tensor, weight: Tensor) -> Call:
    """Value, and gradients by the input and the parameters."""
    wanted = [x, *(owner.parameters() if owner else ())]
    return lambda: torch.autograd.grad(call(x), wanted, weight)


if __name__ == "__main__":
    main("bends", dict.fromkeys([*FORMULA, COMPILED], True), NAMED + SAMPLE, sides)
