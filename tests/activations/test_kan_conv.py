"""Convolutions of functions against torch's, against KAN layers on windows, and what padding means."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unbend.activations import KANConv1d, KANConv2d, KANLayer


def made(cls=KANConv2d, *sizes, **more):
    torch.manual_seed(0)
    layer = cls(*(sizes or (3, 4, 3)), **{"noise": 5.0, "dtype": torch.float64, **more})
    with torch.no_grad():
        layer.coef += 0.3 * torch.randn_like(layer.coef)
    return layer


def images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


def linear_curves(layer, weight: torch.Tensor) -> None:
    """Make every function a line: sum_m xi_m B_m(x) = x, with xi_m the mean of the inner knots of B_m (Marsden)."""
    means = layer.knots[0].unfold(-1, layer.order, 1)[1:-1].mean(-1)
    with torch.no_grad():
        layer.scale.fill_(1.0)
        layer.coef.copy_(weight[..., None] * means)


@pytest.mark.parametrize(
    "options",
    [{}, {"padding": 1}, {"stride": 2, "padding": (2, 1)}, {"dilation": 2}, {"groups": 3}],
    ids=lambda options: "-".join(options) or "plain",
)
def test_linear_functions_make_torch_convolution(options: dict) -> None:
    theirs = nn.Conv2d(3, 6, 3, bias=False, dtype=torch.float64, **options)
    ours = made(KANConv2d, 3, 6, 3, base=None, **options)
    linear_curves(ours, theirs.weight)
    x = images(2, 3, 8, 9)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-12, rtol=0)


def test_along_one_axis_as_well() -> None:
    theirs = nn.Conv1d(3, 4, 5, 2, 2, bias=False, dtype=torch.float64)
    ours = made(KANConv1d, 3, 4, 5, 2, 2, base=None)
    linear_curves(ours, theirs.weight)
    x = images(2, 3, 11)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-12, rtol=0)


def as_layer(conv: KANConv2d) -> KANLayer:
    """The KAN layer that does in every window what the convolution does."""
    window = conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1]
    layer = KANLayer(window, conv.out_channels, conv.basis.grid, conv.order, dtype=torch.float64)
    with torch.no_grad():
        layer.coef.copy_(conv.coef.reshape(layer.coef.shape))
        layer.scale.copy_(conv.scale.flatten(1))
        layer.base_weight.copy_(conv.base_weight.flatten(1))
    return layer


def test_every_window_goes_through_one_kan_layer() -> None:
    conv = made(KANConv2d, 2, 3, (3, 2), 2, 1)
    x = images(2, 2, 7, 6)
    windows = F.unfold(x, (3, 2), padding=1, stride=2)
    wanted = as_layer(conv)(windows.mT).mT.unflatten(-1, conv(x).shape[-2:])
    torch.testing.assert_close(conv(x), wanted, atol=1e-12, rtol=0)


def test_one_pixel_kernels_are_kan_layers_per_pixel() -> None:
    conv = made(KANConv2d, 5, 3, 1)
    x = images(2, 5, 4, 6)
    torch.testing.assert_close(conv(x), as_layer(conv)(x.movedim(1, -1)).movedim(-1, 1), atol=1e-12, rtol=0)


def test_shifted_images_shift_the_output_away_from_the_border() -> None:
    conv = made(padding=1)
    x = images(1, 3, 12, 12)
    moved = torch.roll(x, (2, 3), (-2, -1))
    torch.testing.assert_close(conv(moved)[..., 3:-1, 4:-1], conv(x)[..., 1:-3, 1:-4])


def test_padding_comes_before_the_functions() -> None:
    conv = made(padding=1)
    with torch.no_grad():
        conv.coef.fill_(1.0)
        conv.scale.fill_(1.0)
    # The splines sum to one everywhere, outside as well; silu(0) is zero.
    torch.testing.assert_close(conv(images(1, 3, 4, 4) * 0), torch.full((1, 4, 4, 4), 27.0, dtype=torch.float64))


def test_count_of_what_is_learned() -> None:
    conv = KANConv2d(4, 6, 3, grid=5, order=3, groups=2, device="meta")
    assert sum(p.numel() for p in conv.parameters()) == 4 * 6 // 2 * 9 * (5 + 3 + 2)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"groups": 2}, "groups"), ({"kernel_size": (3, 3, 3)}, "kernel_size"), ({"padding": -1}, "padding")],
)
def test_bad_arguments_are_named(arguments: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        KANConv2d(**{"in_channels": 3, "out_channels": 4, "kernel_size": 3, **arguments})


@pytest.mark.parametrize(("cls", "shape"), [(KANConv2d, "b, 3, H, W"), (KANConv1d, "b, 3, t")])
def test_bad_input_is_named(cls, shape: str) -> None:
    with pytest.raises(ValueError, match=rf"x: got \(2, 4, 9\).*\({shape}\)"):
        made(cls)(torch.zeros(2, 4, 9))
