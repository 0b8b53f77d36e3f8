"""ReXNet: the published channels and counts, the partial shortcut, and what ranks say of bends."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from unbend._errors import ArgumentError
from unbend.models import LinearBottleneck, ReXNet, feature_rank_ratio, linear_channels
from unbend.models._rexnet import BACKBONES

DOUBLE = torch.float64


def small(**more: Any) -> ReXNet:
    given: dict[str, Any] = {"channels": (5, 7, 9, 11), "depths": (1, 1, 2), "strides": (1, 2, 2)}
    return ReXNet(**{**given, "stem": 4, "head": 13, "num_classes": 5, **more})


@pytest.mark.parametrize(
    ("mult", "channels"),
    [
        (0.9, (16, 26, 36, 46, 56, 67, 77, 87, 97, 107, 117, 127, 138, 148, 158, 168)),
        (1.0, (16, 27, 38, 50, 61, 72, 84, 95, 106, 117, 128, 140, 151, 162, 174, 185)),
        (1.3, (21, 35, 50, 65, 79, 94, 109, 123, 138, 152, 167, 182, 196, 211, 226, 240)),
        (3.0, (48, 82, 116, 149, 183, 217, 250, 284, 318, 352, 386, 419, 453, 487, 520, 554)),
    ],
)
def test_channels_by_hand(mult: float, channels: tuple[int, ...]) -> None:
    assert linear_channels(mult=mult) == channels
    line = [(16 / min(1, mult) + i * 180 / 16) * mult for i in range(16)]
    assert max(abs(c - u) for c, u in zip(channels, line)) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("mult", "millions"),
    [
        (1.0, 4.8),
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in ((0.9, 4.1), (1.3, 7.6), (1.5, 9.7), (2.0, 16.4), (3.0, 34.7))
        ),
    ],
)
def test_published_parameters(mult: float, millions: float) -> None:
    assert abs(sum(p.numel() for p in ReXNet(mult, device="meta").parameters()) / 1e6 - millions) < 0.051


def test_published_structure() -> None:
    net = ReXNet(device="meta")
    blocks = [block for stage in net.stages() for block in stage]
    assert [block.expansion for block in blocks] == [1] + 15 * [6]
    assert [isinstance(block.gate, nn.Identity) for block in blocks] == 3 * [True] + 13 * [False]
    assert [block.stride for block in blocks] == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    assert blocks[3].gate.squeeze.out_channels == 6 * 38 // 12
    assert len(BACKBONES) == 6


def test_shortcut_reaches_the_first_channels_alone() -> None:
    block, x = LinearBottleneck(5, 8, expansion=2).double().eval(), torch.randn(2, 5, 7, 9, dtype=DOUBLE)
    branch = block.narrow(block.act(block.gate(block.mix(block.widen(x)))))
    torch.testing.assert_close(block(x), branch + nn.functional.pad(x, (0, 0, 0, 0, 0, 3)))
    for other in (LinearBottleneck(5, 4), LinearBottleneck(5, 8, stride=2)):
        other.double().eval()
        plain = other.narrow(other.act(other.gate(other.mix(other.widen(x)))))
        torch.testing.assert_close(other(x), plain)


def test_the_clip_comes_after_the_gate() -> None:
    block, x = LinearBottleneck(3, 3, expansion=2).double().eval(), torch.randn(2, 3, 5, 5, dtype=DOUBLE)
    nn.init.constant_(block.gate.excite.weight, 0.0)
    nn.init.constant_(block.gate.excite.bias, 0.0)  # a gate of one half
    block.mix[1].bias.data.fill_(9.0)
    inner = block.mix(block.widen(x))
    assert 6 < float(inner.detach().min()) < float(inner.detach().max()) < 12
    torch.testing.assert_close(block(x), block.narrow(inner / 2) + x)


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (7, 5), (1, 1)])
def test_any_image_size(size: tuple[int, int]) -> None:
    net = small(in_chans=2).eval()
    maps = [net.stem(torch.randn(3, 2, *size))]
    for stage in net.stages():
        maps.append(stage(maps[-1]))
    for info, feature in zip(net.feature_info, maps, strict=True):
        assert feature.shape == (3, info["num_chs"], *(-(-side // info["reduction"]) for side in size))
    assert net.forward_head(net.last(maps[-1])).shape == (3, 5)


@pytest.mark.parametrize(("d_in", "d_out"), [(8, 32), (32, 32), (40, 20), (1, 7)])
def test_rank_of_a_linear_layer_is_capped(d_in: int, d_out: int) -> None:
    assert feature_rank_ratio(nn.Identity(), d_in, d_out) == min(1.0, d_in / d_out)


def test_bends_raise_the_rank() -> None:
    found = {}
    for name, bend in {
        "identity": nn.Identity(),
        "relu": nn.ReLU(),
        "relu6": nn.ReLU6(),
        "square": torch.square,
    }.items():
        found[name] = feature_rank_ratio(bend, 8, 64, generator=torch.Generator().manual_seed(0))
    assert found["identity"] == 8 / 64
    assert found["square"] == pytest.approx(8 * 9 / 2 / 64), "products of pairs"
    assert found["relu"] > 0.9
    assert found["relu6"] >= found["relu"]


def test_checkpointing_changes_neither_gradients_nor_statistics() -> None:
    net = small(drop_rate=0.2).double()
    other = copy.deepcopy(net)
    other.set_grad_checkpointing()
    x = torch.randn(4, 3, 17, 19, dtype=DOUBLE)
    found = []
    for run in (net, other):
        torch.manual_seed(3)
        run(x).square().sum().backward()
        found.append([p.grad for p in run.parameters()] + list(run.buffers()))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize(
    "net", [small(), small(num_classes=0, stem_stride=1, bend=nn.ReLU), LinearBottleneck(3, 4)], ids=str
)
def test_repr_rebuilds(net: nn.Module) -> None:
    again = eval(repr(net), {"ReXNet": ReXNet, "LinearBottleneck": LinearBottleneck, "ReLU": nn.ReLU})
    assert repr(again) == repr(net)
    assert {n: p.shape for n, p in again.named_parameters()} == {n: p.shape for n, p in net.named_parameters()}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"channels": (5, 7)}, "channels"),
        ({"strides": (1, 2)}, "depths, strides"),
        ({"mult": 0.0}, "mult: got 0.0"),
        ({"global_pool": ""}, "num_classes=0"),
    ],
)
def test_bad_arguments_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        small(**given)
