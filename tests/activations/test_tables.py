"""Learned tables and sums: what they begin as, what they interpolate, and how they go on beyond their ends."""

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicHermiteSpline

from unbend._errors import ArgumentError
from unbend.activations import MTLU, VAF, CubicSplineBend, LuTU, ReLUSpline, bend

LINE = torch.linspace(-3, 3, 601, dtype=torch.float64)


def shaken(module: torch.nn.Module) -> torch.nn.Module:
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += torch.randn(parameter.shape, generator=random, dtype=torch.float64)
    return module


def test_table_interpolates_as_numpy_does() -> None:
    layer = shaken(LuTU(-2, 2, 0.25, dtype=torch.float64))
    inside = LINE[(LINE >= -2) & (LINE <= 2)]
    expected = np.interp(inside.numpy(), np.linspace(-2, 2, 17), layer.table[0].detach().numpy())
    torch.testing.assert_close(layer(inside), torch.from_numpy(expected))


def test_table_goes_on_along_its_last_lines() -> None:
    layer = shaken(LuTU(-2, 2, 0.25, dtype=torch.float64))
    for end, side in ((-2.0, -1), (2.0, 1)):
        near, far = (layer(torch.tensor(end + side * t, dtype=torch.float64)) for t in (-0.1, 5.0))
        at = layer(torch.tensor(end, dtype=torch.float64))
        torch.testing.assert_close((far - at) / 5.0, (at - near) / 0.1)


@pytest.mark.parametrize("start", ["relu", "tanh", "sigmoid", "identity"])
def test_table_begins_as_told(start: str) -> None:
    layer = LuTU(start=start, dtype=torch.float64)
    expected = LINE if start == "identity" else getattr(torch, start)(LINE)
    torch.testing.assert_close(layer(LINE), expected, atol=2e-3, rtol=0)


def test_only_the_points_beside_a_number_learn() -> None:
    layer = LuTU(-2, 2, 0.5, dtype=torch.float64)
    layer(torch.tensor(0.6).double()).backward()
    assert layer.table.grad[0].nonzero()[:, 0].tolist() == [5, 6]
    torch.testing.assert_close(layer.table.grad[0, 5:7], torch.tensor([0.8, 0.2]).double())


def test_bins_have_lines_of_their_own() -> None:
    layer = MTLU(6, 0.5, dtype=torch.float64)
    torch.testing.assert_close(layer(LINE), LINE.relu())
    shaken(layer)
    bins = ((LINE + 1.5) / 0.5).floor().clamp(0, 5).long()
    torch.testing.assert_close(layer(LINE), layer.slope[0, bins] * LINE + layer.offset[0, bins])


def test_spline_is_the_hermite_spline_with_central_slopes() -> None:
    layer = shaken(CubicSplineBend(1.5, 0.5, dtype=torch.float64))
    points, places = layer.points[0].detach().numpy(), np.linspace(-2, 2, 9)
    inner = CubicHermiteSpline(places[1:-1], points[1:-1], (points[2:] - points[:-2]) / 1.0)
    inside = LINE[LINE.abs() <= 1.5]
    torch.testing.assert_close(layer(inside), torch.from_numpy(inner(inside.numpy())))
    torch.testing.assert_close(layer(torch.from_numpy(places[1:-1])), layer.points[0, 1:-1])
    slope = float(inner.derivative()(1.5))
    torch.testing.assert_close(layer(torch.tensor([2.5, 1.5]).double()).diff(), torch.tensor([-slope]).double())


def test_spline_keeps_a_straight_line_straight() -> None:
    torch.testing.assert_close(CubicSplineBend(start="identity", dtype=torch.float64)(10 * LINE), 10 * LINE)


def test_each_channel_has_its_own() -> None:
    for kind in (LuTU, MTLU, CubicSplineBend):
        layer, x = shaken(kind(channels=3, dtype=torch.float64)), LINE[:600].view(4, 3, 50)
        alone = kind(dtype=torch.float64)
        with torch.no_grad():
            for mine, theirs in zip(alone.parameters(), layer.parameters()):
                mine.copy_(theirs[1:2])
        torch.testing.assert_close(layer(x)[:, 1], alone(x[:, 1]))
        with pytest.raises(ArgumentError, match=r"input: got shape \(4, 2, 50\); expected 3 channels on axis 1"):
            layer(x[:, :2])


def test_sum_of_rectifiers() -> None:
    layer = ReLUSpline(5, dtype=torch.float64)
    y = layer(LINE)
    torch.testing.assert_close(y[LINE >= 1], LINE[LINE >= 1])
    assert not y[LINE <= -1].any()
    assert (y.diff().diff() > -1e-12).all()
    shaken(layer)
    expected = sum(a * (b * LINE + c).relu() for a, b, c in zip(layer.a, layer.b, layer.c))
    torch.testing.assert_close(layer(LINE), expected)


def test_small_network_of_tanh() -> None:
    layer = shaken(VAF(3, dtype=torch.float64))
    expected = layer.a0 + sum(a * (b * LINE + c).tanh() for a, b, c in zip(layer.a, layer.b, layer.c))
    torch.testing.assert_close(layer(LINE), expected)
    assert float((layer(1e6 * LINE) - layer.a0).abs().max()) <= float(layer.a.abs().sum()) + 1e-12


def test_names_of_the_catalogue() -> None:
    named = {"lutu": LuTU, "mtlu": MTLU, "cubic_spline_act": CubicSplineBend}
    for name, kind in (named | {"relu_spline": ReLUSpline, "vaf_subnet": VAF}).items():
        assert type(bend(name)) is kind


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="low, high: got 2, -2; expected low < high"):
        LuTU(2, -2)
    with pytest.raises(ArgumentError, match="start: got gelu"):
        CubicSplineBend(start="gelu")
