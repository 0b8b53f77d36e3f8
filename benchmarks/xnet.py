"""The Cauchy bend against SiLU, and against its formula as written, on ten million numbers."""

import torch
from _measure import Call, main
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.activations import Cauchy

COUNT = 10_000_000
ITEMS = ["forward", "forward+backward"]


class Written(nn.Module):
    """The formula, operator by operator."""

    def __init__(self) -> None:
        super().__init__()
        self.lambda1, self.lambda2, self.d = (nn.Parameter(torch.tensor(v)) for v in (0.01, 0.01, 1.0))

    def forward(self, x: Tensor) -> Tensor:
        square = x**2 + self.d**2
        return self.lambda1 * x / square + self.lambda2 / square


class SiLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x)


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where ours differs from the formula."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, COUNT)
    x.requires_grad_()
    ours, theirs = Cauchy(lean=True), Written() if peer == "formula as written" else SiLU()
    if check and isinstance(theirs, Written) and not torch.allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-9):
        raise SystemExit("the formula and we differ; nothing is timed")

    def call(module: nn.Module) -> Call:
        if item == "forward":
            return lambda: module(x.detach())
        return lambda: torch.autograd.grad(module(x), [x, *module.parameters()], weight)

    return call(ours), call(theirs)


if __name__ == "__main__":
    main("xnet", {"formula as written": True, "torch silu": True}, ITEMS, sides)
