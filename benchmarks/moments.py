"""Moments through MP-GELU against the exact ones of ReLU, and against quadrature of GELU, of 4096 x 512 units."""

import torch
from _measure import Call, main, of_run
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.layers import MPGELU, MomentReLU, gauss_moments

ROWS, WIDTH = 4096, 512
ITEMS = ["forward", "forward+backward"]


class Quadrature(nn.Module):
    """Sixteen nodes for each unit."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(gauss_moments(F.gelu, *x.unbind(-2)), -2)


PEERS = {"exact moments of relu": MomentReLU, "quadrature of gelu, 16 nodes": Quadrature}


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where the means lie further apart than the two bends do."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, ROWS, 2, WIDTH)
    x[:, 1] = x[:, 1].abs() + 0.1
    x.requires_grad_()
    pair = MPGELU(), PEERS[peer]()
    if check:
        apart = (pair[0](x) - pair[1](x))[:, 0].detach().abs() / x.detach()[:, 1].sqrt()
        if float(apart.max()) > 0.5:
            raise SystemExit(f"{item}: the means differ by {float(apart.max())} deviations; nothing is timed")
    return of_run(item, pair, x, weight)


if __name__ == "__main__":
    main("mp-gelu", dict.fromkeys(PEERS, True), ITEMS, sides)
