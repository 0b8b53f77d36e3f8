"""RegNet: the published stages and counts, the fitting of groups, and what training asks of a backbone."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from unbend._errors import ArgumentError, UnknownNameError
from unbend.models import AnyNet, RegNet, regnet, regnet_widths
from unbend.models._regnet import REGNETS
from unbend.models._regnet_base import compatible, multiply_adds
from unbend.study import count_operations

# Stages as published: (widths, depths, parameters in millions).
PUBLISHED: dict[str, tuple[tuple[int, ...], tuple[int, ...], float]] = {
    "x_200mf": ((24, 56, 152, 368), (1, 1, 4, 7), 2.7),
    "x_400mf": ((32, 64, 160, 384), (1, 2, 7, 12), 5.2),
    "x_600mf": ((48, 96, 240, 528), (1, 3, 5, 7), 6.2),
    "x_800mf": ((64, 128, 288, 672), (1, 3, 7, 5), 7.3),
    "x_1.6gf": ((72, 168, 408, 912), (2, 4, 10, 2), 9.2),
    "x_3.2gf": ((96, 192, 432, 1008), (2, 6, 15, 2), 15.3),
    "x_4.0gf": ((80, 240, 560, 1360), (2, 5, 14, 2), 22.1),
    "x_6.4gf": ((168, 392, 784, 1624), (2, 4, 10, 1), 26.2),
    "x_8.0gf": ((80, 240, 720, 1920), (2, 5, 15, 1), 39.6),
    "x_12gf": ((224, 448, 896, 2240), (2, 5, 11, 1), 46.1),
    "x_16gf": ((256, 512, 896, 2048), (2, 6, 13, 1), 54.3),
    "x_32gf": ((336, 672, 1344, 2520), (2, 7, 13, 1), 107.8),
    "y_200mf": ((24, 56, 152, 368), (1, 1, 4, 7), 3.2),
    "y_400mf": ((48, 104, 208, 440), (1, 3, 6, 6), 4.3),
    "y_600mf": ((48, 112, 256, 608), (1, 3, 7, 4), 6.1),
    "y_800mf": ((64, 128, 320, 768), (1, 3, 8, 2), 6.3),
    "y_1.6gf": ((48, 120, 336, 888), (2, 6, 17, 2), 11.2),
    "y_3.2gf": ((72, 216, 576, 1512), (2, 5, 13, 1), 19.4),
    "y_4.0gf": ((128, 192, 512, 1088), (2, 6, 12, 2), 20.6),
    "y_6.4gf": ((144, 288, 576, 1296), (2, 7, 14, 2), 30.6),
    "y_8.0gf": ((168, 448, 896, 2016), (2, 4, 10, 1), 39.2),
    "y_12gf": ((224, 448, 896, 2240), (2, 5, 11, 1), 51.8),
    "y_16gf": ((224, 448, 1232, 3024), (2, 4, 11, 1), 83.6),
    "y_32gf": ((232, 696, 1392, 3712), (2, 5, 12, 1), 145.0),
}


def small(**more: Any) -> AnyNet:
    given: dict[str, Any] = {"groups": (2, 4), "bottlenecks": (1, 2), "stem": 4, "num_classes": 5, **more}
    return AnyNet((6, 16), (1, 2), **given)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_stages(name: str) -> None:
    *line, group = REGNETS[name]
    widths, depths = regnet_widths(*line)
    assert tuple(compatible(width, 1.0, group)[0] for width in widths) == PUBLISHED[name][0]
    assert depths == PUBLISHED[name][1]


@pytest.mark.parametrize(
    "name", [n if n in ("x_200mf", "y_6.4gf") else pytest.param(n, marks=pytest.mark.slow) for n in PUBLISHED]
)
def test_published_parameters(name: str) -> None:
    net = regnet(name, device="meta")
    assert (net.plan["widths"], net.plan["depths"]) == PUBLISHED[name][:2]
    assert abs(sum(p.numel() for p in net.parameters()) / 1e6 - PUBLISHED[name][2]) < 0.051


def test_all_published_are_there() -> None:
    assert REGNETS.keys() == PUBLISHED.keys()
    with pytest.raises(UnknownNameError, match="did you mean y_200mf"):
        regnet("y_20mf")


@pytest.mark.parametrize("name", REGNETS)
def test_widths_rise_and_stay_near_the_line(name: str) -> None:
    w_a, w_0, w_m, depth, _ = REGNETS[name]
    widths, depths = regnet_widths(w_a, w_0, w_m, depth)
    assert sum(depths) == depth
    assert list(widths) == sorted(set(widths))
    assert not any(width % 8 for width in widths)
    rows = torch.tensor(widths).repeat_interleave(torch.tensor(depths)).double()
    line = w_0 + w_a * torch.arange(depth)
    steps = (rows / line).log() / torch.tensor(w_m).log()
    # Half a step of the staircase, and what rounding to multiples of eight adds.
    assert steps.abs().max() <= 0.5 + 4 / w_0 / torch.tensor(w_m).log()


def test_halves_go_to_the_even_multiple() -> None:
    assert regnet_widths(0.0, 24, 2.0, 3) == ((24,), (3,))
    assert AnyNet((12, 20), (1, 1), 8, device="meta").plan["widths"] == (16, 16)


def test_groups_are_fitted_to_the_inside_of_a_block() -> None:
    plan = AnyNet((24, 40, 16), (1, 1, 1), (64, 16, 4), (2, 1, 4), device="meta").plan
    assert plan["groups"] == (12, 16, 4)
    assert plan["widths"] == (24, 32, 16)
    for width, group, ratio in zip(plan["widths"], plan["groups"], plan["bottlenecks"]):
        assert int(width / ratio) % group == 0


def test_a_block_is_its_formula() -> None:
    net = small(se=0.25).double().eval()
    block, x = net.s2[0], torch.randn(2, 6, 7, 9, dtype=torch.float64)
    assert block.mix[0].groups == 8 // 4
    assert block.mix[0].weight.shape == (8, 4, 3, 3)
    assert block.gate.squeeze.out_features == 2, "a quarter of the six channels that come in"
    z = block.mix(block.reduce(x))
    assert z.shape == (2, 8, 4, 5)
    torch.testing.assert_close(block(x), (block.shortcut(x) + block.expand(block.gate(z))).relu())
    y = torch.randn(2, 16, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(
        net.s2[1](y), (y + net.s2[1].expand(net.s2[1].gate(net.s2[1].mix(net.s2[1].reduce(y))))).relu()
    )


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (7, 5), (1, 1)])
def test_any_image_size(size: tuple[int, int]) -> None:
    net = small(in_chans=2).eval()
    x = torch.randn(3, 2, *size)
    maps = [net.stem(x)]
    for stage in net.stages():
        maps.append(stage(maps[-1]))
    for info, feature in zip(net.feature_info, maps, strict=True):
        assert feature.shape == (3, info["num_chs"], *(-(-side // info["reduction"]) for side in size))
    assert net(x).shape == (3, 5)


@pytest.mark.parametrize("options", [{}, {"strides": (1, 2), "stem_stride": 1, "in_chans": 1}])
def test_cost_from_widths_is_that_of_the_network(options: dict[str, Any]) -> None:
    net = small(**options)
    x = torch.randn(1, net.in_chans, 13, 19)
    assert 2 * multiply_adds(net.plan, (13, 19), net.in_chans, 5) == count_operations(net, x).matrix


def test_heads_pools_and_features() -> None:
    net = small().eval()
    x = torch.randn(2, 3, 33, 35)
    maps = net.forward_features(x)
    torch.testing.assert_close(net(x), net.get_classifier()(maps.mean((2, 3))))
    net.reset_classifier(0)
    torch.testing.assert_close(net(x), maps.mean((2, 3)))
    net.reset_classifier(0, "max")
    torch.testing.assert_close(net(x), maps.amax((2, 3)))
    net.reset_classifier(0, "")
    torch.testing.assert_close(net(x), maps)


def test_checkpointing_changes_neither_gradients_nor_statistics() -> None:
    net = small(drop_path_rate=0.4, drop_rate=0.2, se=0.25).double()
    other = copy.deepcopy(net)
    other.set_grad_checkpointing()
    x = torch.randn(4, 3, 17, 19, dtype=torch.float64)
    found = []
    for each in (net, other):
        torch.manual_seed(3)
        each(x).square().sum().backward()
        found.append([p.grad for p in each.parameters()] + list(each.buffers()))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


def test_stochastic_depth_grows_linearly() -> None:
    net = AnyNet((8, 8), (2, 3), drop_path_rate=0.4, stem=4)
    torch.testing.assert_close(
        [block.drop_path for stage in net.stages() for block in stage], [0.0, 0.1, 0.2, 0.3, 0.4]
    )


@pytest.mark.parametrize("net", [small(se=0.25), RegNet(4.0, 8, 2.0, 3, 4, stem=4, num_classes=0)], ids=str)
def test_repr_rebuilds(net: nn.Module) -> None:
    again = eval(repr(net), {"AnyNet": AnyNet, "RegNet": RegNet})
    assert repr(again) == repr(net)
    assert {n: p.shape for n, p in again.named_parameters()} == {n: p.shape for n, p in net.named_parameters()}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"w_a": -1.0}, "w_a: got -1.0"),
        ({"w_0": 12}, "w_0: got 12; expected a multiple of 8"),
        ({"w_m": 1.0}, "w_m: got 1.0"),
        ({"depth": 0}, "depth: got 0"),
    ],
)
def test_bad_lines_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        regnet_widths(**{"w_a": 1.0, "w_0": 8, "w_m": 2.0, "depth": 3, **given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"groups": (2,)}, "groups"),
        ({"bottlenecks": -1}, "bottlenecks"),
        ({"strides": (1, 2, 2)}, "strides"),
        ({"global_pool": "", "num_classes": 3}, "num_classes=0"),
        ({"drop_path_rate": 1.0}, "drop_path_rate"),
    ],
)
def test_bad_arguments_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        small(**given)
