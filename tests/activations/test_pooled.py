"""Bends that look at the map: their formulas by hand, their limits, and what they do not see."""

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.activations import AOAF, ABReLU, DyReLU, FunnelReLU, MetaACON, MidReLU, bend


def maps(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = maps(3, 4, 5, 6)


def test_above_the_mean() -> None:
    y = ABReLU()(X)
    torch.testing.assert_close(y[1, 2], (X[1, 2] - X[1, 2].mean()).relu())
    torch.testing.assert_close(ABReLU()(X + 7), y)
    torch.testing.assert_close(ABReLU(None)(X), (X - X.mean()).relu())
    assert (y.mean((2, 3)) <= X.std((2, 3), correction=0)).all()


def test_offset_by_the_mean() -> None:
    mean = X.mean((2, 3), keepdim=True)
    torch.testing.assert_close(AOAF(0.2, 0.3)(X), (X - 0.2 * mean).relu() + 0.3 * mean)
    torch.testing.assert_close(AOAF(0, 0)(X), X.relu())
    torch.testing.assert_close(AOAF()(3 * X), 3 * AOAF()(X))


def test_middle_of_the_range() -> None:
    y = MidReLU()(X)
    torch.testing.assert_close(y[1, 2], X[1, 2].clamp(min=float(X[1, 2].min() + X[1, 2].max()) / 2))
    torch.testing.assert_close(MidReLU()(2 * X + 5), 2 * y + 5)
    torch.testing.assert_close(MidReLU(None)(X), X.clamp(min=float(X.min() + X.max()) / 2))


def test_funnel_is_relu_where_the_window_says_nothing() -> None:
    layer = FunnelReLU(4, dtype=torch.float64).eval()
    with torch.no_grad():
        layer.window.weight.zero_()
    assert torch.equal(layer(X), X.relu())
    with torch.no_grad():
        layer.window.weight[:, 0, 1, 2] = 1.0  # the right neighbour
    layer.norm.eps = 0.0
    right = torch.cat([X[..., 1:], torch.zeros_like(X[..., :1])], -1)
    torch.testing.assert_close(layer(X), torch.maximum(X, right))


@pytest.mark.parametrize("shared", [False, True])
def test_dynamic_relu_by_hand(shared: bool) -> None:
    layer = DyReLU(4, 3, 2, shared=shared, dtype=torch.float64)
    theta = layer.expand(layer.squeeze(X.mean((2, 3))).relu())[1].sigmoid() * 2 - 1
    slopes, offsets = theta.view(2, 3, -1)
    at = 0 if shared else 2
    lines = [(slopes[k, at] + (k == 0)) * X[1, 2] + offsets[k, at] / 2 for k in range(3)]
    torch.testing.assert_close(layer(X)[1, 2], torch.stack(lines).max(0).values)


def test_dynamic_relu_without_a_say_is_relu() -> None:
    layer = DyReLU(4, dtype=torch.float64)
    with torch.no_grad():
        layer.expand.weight.zero_()
        layer.expand.bias.zero_()
    assert torch.equal(layer(X), X.relu())


def test_activate_or_not() -> None:
    layer = MetaACON(4, 2, dtype=torch.float64)
    with torch.no_grad():
        layer.expand.weight.zero_()  # g = 1/2
    p, q = (t.view(4, 1, 1) for t in (layer.p, layer.q))
    torch.testing.assert_close(layer(X), (p - q) * X * ((p - q) * X / 2).sigmoid() + q * X)
    with torch.no_grad():
        layer.p.copy_(layer.q)
    torch.testing.assert_close(layer(X), q * X)
    with torch.no_grad():
        layer.p.fill_(1e4), layer.q.fill_(-1e4)
    torch.testing.assert_close(layer(X), 1e4 * X.abs(), rtol=1e-6, atol=1.0)


def test_rows_without_maps_are_taken() -> None:
    x = maps(5, 4)
    assert DyReLU(4, dtype=torch.float64)(x).shape == MetaACON(4, dtype=torch.float64)(x).shape == x.shape


def test_names_of_the_catalogue() -> None:
    assert type(bend("abrelu")) is ABReLU
    assert type(bend("aoaf", b=0.3)) is AOAF
    assert type(bend("dynamic_relu_mid")) is MidReLU
    assert type(bend("funnel_relu", channels=3)) is FunnelReLU
    assert type(bend("dyrelu", channels=3)) is DyReLU
    assert type(bend("meta_acon", channels=3)) is MetaACON


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="kernel: got 2; expected an odd number"):
        FunnelReLU(3, 2)
    for kind in (DyReLU, MetaACON):
        with pytest.raises(ArgumentError, match=r"input: got shape \(3, 4, 5, 6\); expected \(b, 3, \*\)"):
            kind(3)(X)
