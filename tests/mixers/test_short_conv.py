"""The gated short convolution: its formula."""

import torch

from unbend.mixers import ShortConv


def test_it_is_its_formula() -> None:
    layer, x = ShortConv(5, scope=4, dtype=torch.float64), torch.randn(2, 9, 5, dtype=torch.float64)
    y = layer(x)
    for i in range(9):
        seen = sum(layer.conv.weight[:, 0, 3 - o] * x[:, i - o] for o in range(4) if i >= o) + layer.conv.bias
        torch.testing.assert_close(y[:, i], layer.gate(x[:, i]) * seen)


def test_parameters() -> None:
    assert sum(p.numel() for p in ShortConv(7, scope=3).parameters()) == 7 * 7 + 7 + 7 * 3 + 7
