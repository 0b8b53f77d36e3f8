"""Rounding to few levels against torch's fake quantisation, on ten million numbers."""

import torch
from _measure import Call, main, of_run
from torch import Tensor, nn

from unbend.layers import ReducePrecision

COUNT, PRECISION = 10_000_000, 8
ITEMS = ["forward", "forward+backward"]


class Fake(nn.Module):
    """Torch's: ties to even, and no gradient beyond the range."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(x, 1 / PRECISION, 0, -128, 127)


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where they differ."""
    torch.manual_seed(0)
    x, weight = torch.rand(COUNT) * 2 - 1, torch.randn(COUNT)
    x.requires_grad_()
    pair = ReducePrecision(PRECISION), Fake()
    if check:
        ties = ((x.detach() * PRECISION).frac().abs() - 0.5).abs() < 1e-6
        if not torch.equal(pair[0](x)[~ties], pair[1](x)[~ties]):
            raise SystemExit(f"{item}: the two differ; nothing is timed")
    return of_run(item, pair, x, weight)


if __name__ == "__main__":
    main("quantised-noise", {"torch fake_quantize": True}, ITEMS, sides)
