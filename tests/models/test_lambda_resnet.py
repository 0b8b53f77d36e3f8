"""Lambda networks: the paper's parameter counts, shapes at every size, and what training asks of a backbone."""

import copy
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unbend.layers import SqueezeExcite
from unbend.mixers import LambdaConv
from unbend.models import LambdaBottleneck, LambdaResNet, lambda_layout, lambda_resnet50
from unbend.models._lambda_resnet import FAMILY, LAYOUTS


def millions(net: nn.Module) -> float:
    return sum(p.numel() for p in net.parameters()) / 1e6


def small(**more: Any) -> LambdaResNet:
    given: dict[str, Any] = {"width": 4, "scope": 3, "heads": 2, "key_dim": 3, "num_classes": 5, **more}
    return LambdaResNet((1, 2, 2), ((), (2,), (1, 2)), **given)


def stirred(net: nn.Module) -> nn.Module:
    """`net` with every parameter and statistic moved off its start, so that no branch is silent."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
                tensor.copy_(noise + 0.5 if "running_var" in name or tensor.ndim == 1 else tensor + 0.1 * noise)
    return net


# -- counts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "count"),
    [(50, 18.96), (101, 36.87), (152, 51.40), (200, 57.99), (270, 81.37), (350, 105.48), (420, 124.44)],
)
def test_parameters_of_the_family(depth: int, count: float) -> None:
    assert abs(millions(LambdaResNet(depth, device="meta")) - count) < 0.0051


@pytest.mark.parametrize(
    ("layout", "count"),
    [
        ("CCCC", 25.557032),
        ("LCCC", 25.49),
        ("LLCC", 24.99),
        ("LLLC", 21.73),
        ("LLLL", 15.00),
        ("CLLL", 15.06),
        ("CCLL", 15.56),
        ("CCCL", 18.83),
    ],
)
def test_parameters_of_the_layouts(layout: str, count: float) -> None:
    assert abs(millions(lambda_layout(layout, device="meta")) - count) < 0.0051


@pytest.mark.parametrize(
    ("k", "h", "u", "r", "count"),
    [
        (16, 4, 4, 7, 16.04),
        (32, 8, 1, 23, 15.76),
        (2, 4, 1, 23, 14.61),
        (4, 4, 1, 23, 14.67),
        (8, 4, 1, 23, 14.78),
        (16, 4, 1, 23, 15.00),
        (32, 4, 1, 23, 15.44),
        (8, 2, 1, 23, 15.03),
        (8, 16, 1, 23, 14.90),
        (2, 8, 1, 23, 14.48),
        (4, 8, 1, 23, 14.57),
        (8, 8, 1, 23, 14.74),
        (16, 8, 1, 23, 15.08),
        (8, 8, 4, 7, 15.26),
        (8, 8, 8, 7, 16.04),
    ],
)
def test_parameters_of_the_ablation(k: int, h: int, u: int, r: int, count: float) -> None:
    net = lambda_layout("LLLL", key_dim=k, heads=h, intra_depth=u, scope=r, device="meta")
    assert abs(millions(net) - count) < 0.0051


@pytest.mark.parametrize(("depth", "count"), [(101, 63.6), (152, 86.6), (270, 129.9), (350, 164.0), (420, 191.9)])
def test_counter_gives_the_published_counts_of_resnet_rs(depth: int, count: float) -> None:
    everywhere = LambdaResNet(depth, "CCCC", se="non_lambda", device="meta")
    assert abs(millions(everywhere) - count) < 0.051


@pytest.mark.parametrize(("depth", "count"), [(101, 26.0), (152, 35.1), (200, 41.7)])
def test_parameters_when_all_of_c4_is_lambda(depth: int, count: float) -> None:
    assert abs(millions(LambdaResNet(depth, "CCLL", device="meta")) - count) < 0.051


@pytest.mark.parametrize(("u", "h"), [(1, 4), (4, 2)])
def test_counting_formula_of_a_lambda_block(u: int, h: int) -> None:
    d, k, r = 24, 5, 7
    v = d // h
    mixer = LambdaBottleneck(8, d, scope=r, heads=h, key_dim=k, intra_depth=u, device="meta").mix[0]
    expected = d * (h * k + k * u + v * u) + 2 * h * k + 2 * v * u + k * u * r * r
    assert sum(p.numel() for p in mixer.parameters()) == expected


@pytest.mark.parametrize("depth", list(FAMILY))
def test_where_lambda_layers_and_gates_stand(depth: int) -> None:
    net = LambdaResNet(depth, device="meta")
    lambdas = [[isinstance(block.mix[0], LambdaConv) for block in stage] for stage in net.stages()]
    gates = [[isinstance(block.gate, SqueezeExcite) for block in stage] for stage in net.stages()]
    assert [sum(stage) for stage in lambdas] == [0, 0, len(FAMILY[depth][1]), FAMILY[depth][0][3]]
    assert [number for number, here in enumerate(lambdas[2], 1) if here] == list(FAMILY[depth][1])
    assert [all(stage) for stage in gates] == [True, True, False, False]
    assert not any(gates[2] + gates[3])
    everywhere = LambdaResNet(depth, se="non_lambda", device="meta")
    assert all(
        isinstance(b.gate, SqueezeExcite) != isinstance(b.mix[0], LambdaConv) for s in everywhere.stages() for b in s
    )


# -- shapes and values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", ["rs", "vanilla"])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (7, 5), (1, 1)])
def test_any_image_size(size: tuple[int, int], backbone: Any) -> None:
    net = small(backbone=backbone, in_chans=2).eval()
    x = torch.randn(3, 2, *size)
    stages = [net.stem(x)]
    y = net.pool(stages[0])
    for stage in net.stages():
        y = stage(y)
        stages.append(y)
    for info, feature in zip(net.feature_info, stages, strict=True):
        expected = tuple(-(-side // info["reduction"]) for side in size)
        assert feature.shape == (3, info["num_chs"], *expected)
    assert net(x).shape == (3, 5)


def test_fresh_blocks_pass_the_shortcut_alone() -> None:
    block = LambdaBottleneck(16, 4, scope=3, heads=2, key_dim=3).train()
    x = torch.randn(3, 16, 5, 7)
    torch.testing.assert_close(block(x), x.relu())


@pytest.mark.parametrize("scope", [None, 3])
def test_stride_halves_by_the_rules_of_the_paper(scope: int | None) -> None:
    block = stirred(LambdaBottleneck(6, 4, stride=2, scope=scope, heads=2, key_dim=3).double()).eval()
    x = torch.randn(2, 6, 7, 4, dtype=torch.float64)
    z = block.reduce(x)
    if scope is not None:
        mixed = block.mix[0](z)
        assert mixed.shape[2:] == x.shape[2:], "the lambda layer works at full resolution"
        z = nn.functional.avg_pool2d(mixed, 3, 2, 1)
    else:
        z = nn.functional.conv2d(z, block.mix[0].weight, stride=2, padding=1)
    norm = block.mix[-2]
    branch = block.expand(norm(z).relu())
    torch.testing.assert_close(block(x), (branch + block.shortcut(x)).relu())


def test_odd_rows_of_the_shortcut_are_averaged_alone() -> None:
    shortcut = LambdaBottleneck(1, 1, stride=2, scope=None).shortcut
    x = torch.arange(15.0).reshape(1, 1, 3, 5)
    expected = torch.tensor([[3.0, 5.0, 6.5], [10.5, 12.5, 14.0]])
    torch.testing.assert_close(shortcut[0](x)[0, 0], expected)


def test_vanilla_shortcuts_stride_the_convolution_itself() -> None:
    shortcut = small(backbone="vanilla").stages()[1][0].shortcut
    assert [type(layer) for layer in shortcut] == [nn.Conv2d, nn.BatchNorm2d]
    assert (shortcut[0].kernel_size, shortcut[0].stride) == ((1, 1), (2, 2))


def test_translation_by_the_stride_moves_the_features() -> None:
    net = lambda_layout("CC", (1, 1), width=4).double().eval()
    stirred(net)
    x = torch.zeros(1, 3, 96, 96, dtype=torch.float64)
    x[..., 40:52, 40:52] = torch.randn(1, 3, 12, 12, dtype=torch.float64)
    moved = net.forward_features(x.roll((8, 16), (2, 3)))
    torch.testing.assert_close(moved[..., 3:-3, 3:-3], net.forward_features(x).roll((1, 2), (2, 3))[..., 3:-3, 3:-3])


def test_lambda_stage_sees_the_whole_map_where_a_convolution_does_not() -> None:
    x = torch.randn(1, 3, 128, 128, dtype=torch.float64)
    y = x.clone()
    y[..., :4, :4] += 1
    far = []
    for layout in ("CCC", "CCL"):
        net = stirred(LambdaResNet((1, 1, 1), layout, width=4, scope=1, heads=2, key_dim=3, se="none").double()).eval()
        far.append((net.forward_features(x) - net.forward_features(y))[..., -1, -1].abs().max().item())
    assert far[0] == 0
    assert far[1] > 1e-9


# -- what users of backbones expect ---------------------------------------------------------------------------------


def test_head() -> None:
    net = stirred(small()).eval()
    x = torch.randn(2, 3, 33, 35)
    maps = net.forward_features(x)
    pooled = net.forward_head(maps, pre_logits=True)
    torch.testing.assert_close(pooled, maps.mean((2, 3)))
    torch.testing.assert_close(net(x), net.get_classifier()(pooled))
    net.reset_classifier(0)
    torch.testing.assert_close(net(x), pooled)
    net.reset_classifier(0, "max")
    torch.testing.assert_close(net(x), maps.amax((2, 3)))
    net.reset_classifier(0, "")
    torch.testing.assert_close(net(x), maps)
    net.reset_classifier(11, "avg")
    assert net(x).shape == (2, 11)
    assert not net.get_classifier().training


def test_dropout_only_in_training() -> None:
    net = stirred(small(drop_rate=0.5))
    maps = torch.ones(4, net.num_features, 2, 2)
    assert (net.train().forward_head(maps, pre_logits=True) == 0).any()
    assert (net.eval().forward_head(maps, pre_logits=True) == 1).all()


def test_state_dict_round_trip_is_strict(tmp_path: Any) -> None:
    net, other = stirred(small(se="non_lambda")).eval(), small(se="non_lambda").eval()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    other.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True), strict=True)
    x = torch.randn(2, 3, 33, 35)
    assert torch.equal(net(x), other(x))


def run(net: LambdaResNet, x: Tensor) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    torch.manual_seed(3)
    y = net(x)
    y.square().sum().backward()
    gradients = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    return y.detach(), gradients, dict(net.named_buffers())


@pytest.mark.parametrize("training", [True, False])
def test_checkpointing_changes_neither_gradients_nor_statistics(training: bool) -> None:
    net = stirred(small(drop_path_rate=0.4, drop_rate=0.2)).double().train(training)
    other = copy.deepcopy(net)
    other.set_grad_checkpointing()
    x = torch.randn(4, 3, 33, 35, dtype=torch.float64)
    y, gradients, buffers = run(net, x)
    y2, gradients2, buffers2 = run(other, x)
    assert torch.equal(y, y2)
    assert gradients.keys() == gradients2.keys() == dict(net.named_parameters()).keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradients2[name], gradient, msg=name)
    for name, buffer in buffers.items():
        assert torch.equal(buffers2[name], buffer), name


def test_checkpointing_saves_memory() -> None:
    kept: list[int] = []
    for enable in (False, True):
        net = small()
        net.set_grad_checkpointing(enable)
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, s=sizes: (s.append(t.numel()), t)[1], lambda t: t):
            net(torch.randn(2, 3, 33, 35))
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 2


def test_stochastic_depth_grows_linearly_and_keeps_the_mean() -> None:
    net = small(drop_path_rate=0.4)
    rates = [block.drop_path for stage in net.stages() for block in stage]
    torch.testing.assert_close(rates, [0.0, 0.1, 0.2, 0.3, 0.4])
    block = stirred(LambdaBottleneck(16, 4, scope=None, drop_path=0.25).double())
    for norm in (block.reduce[1], block.mix[1], block.expand[1]):
        norm.eval()
    # A branch that is small beside the shortcut keeps the sum far from the ReLU's kink.
    block.expand[1].weight.data *= 0.1
    x = torch.full((4000, 16, 1, 1), 100.0, dtype=torch.float64)
    outputs = block(x)
    gone = (outputs == x).flatten(1).all(1)
    assert abs(gone.double().mean() - 0.25) < 0.04
    # Of the branch, a mean over 4000 draws strays by 0.9 %.
    torch.testing.assert_close((outputs - x).mean(0), (block.eval()(x) - x)[0], rtol=0.05, atol=0)


def test_groups_and_weight_decay_name_parameters() -> None:
    net = small()
    names = {name for name, _ in net.named_parameters()}
    spared = net.no_weight_decay()
    assert len(spared) == 3
    assert spared < names
    for coarse, groups in ((False, 5), (True, 3)):
        matcher = net.group_matcher(coarse)
        block_of = {name: re.match(matcher["blocks"], name) for name in names}
        assert len({match.groups() for match in block_of.values() if match}) == groups
        rest = {name for name, match in block_of.items() if not match and not re.match(matcher["stem"], name)}
        assert rest == {"classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("backbone", ["rs", "vanilla"])
def test_repr_rebuilds(backbone: Any) -> None:
    net = small(backbone=backbone, drop_path_rate=0.1, global_pool="max", se="none", in_chans=2)
    again = eval(repr(net), {"LambdaResNet": LambdaResNet})
    assert repr(again) == repr(net)
    assert {n: p.shape for n, p in again.named_parameters()} == {n: p.shape for n, p in net.named_parameters()}
    block = net.stages()[1][1]
    assert repr(eval(repr(block), {"LambdaBottleneck": LambdaBottleneck})) == repr(block)


@pytest.mark.slow
def test_compiled_training_with_checkpointing() -> None:
    net = stirred(small()).train()
    other = copy.deepcopy(net)
    other.set_grad_checkpointing()
    x = torch.randn(4, 3, 33, 35)
    y, gradients, buffers = run(net, x)
    compiled = torch.compile(other, backend="aot_eager")
    y2 = compiled(x)
    y2.square().sum().backward()
    torch.testing.assert_close(y2, y, rtol=1e-3, atol=1e-3)
    for name, buffer in other.named_buffers():
        torch.testing.assert_close(buffer, buffers[name], rtol=1e-3, atol=1e-3, msg=name)
    worst = max((p.grad - gradients[n]).norm() / gradients[n].norm() for n, p in other.named_parameters())
    assert worst < 1e-2


def test_constructors_pass_their_options_on() -> None:
    net = lambda_resnet50(num_classes=0, in_chans=1, scope=7, device="meta")
    assert (net.in_chans, net.num_classes, net.mixing["scope"]) == (1, 0, 7)
    assert lambda_layout("CCLL", se="non_lambda", device="meta").se == "non_lambda"
    assert len(LAYOUTS) == len({*LAYOUTS}) == 8


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"depth": 34}, "depth: got 34"),
        ({"depth": ()}, "depth"),
        ({"depth": (1, 0), "layout": "CC"}, "depth: got 0"),
        ({"depth": (1, 1)}, "layout: got None"),
        ({"layout": "CCL"}, "layout: got CCL"),
        ({"layout": "CCXL"}, "4 letters"),
        ({"depth": (1, 1), "layout": ((), (2,))}, "block numbers"),
        ({"depth": (1,), "layout": "C", "se": "non_lamda"}, "non_lambda"),
        ({"depth": (1,), "layout": "C", "backbone": "d"}, "backbone"),
        ({"depth": (1,), "layout": "C", "global_pool": ""}, "num_classes=0"),
        ({"depth": (1,), "layout": "C", "drop_path_rate": 1.0}, "drop_path_rate"),
        ({"depth": (1,), "layout": "C", "in_chans": 0}, "in_chans"),
        ({"depth": (1,), "layout": "L", "scope": 4}, "scope"),
        ({"depth": (1,), "layout": "L", "heads": 3}, "heads"),
    ],
)
def test_bad_arguments_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        LambdaResNet(**given, device="meta")


@pytest.mark.parametrize("depth", [d if d == 50 else pytest.param(d, marks=pytest.mark.slow) for d in FAMILY])
def test_forward_at_224_pixels(depth: int) -> None:
    net = LambdaResNet(depth).eval()
    with torch.no_grad():
        y = net(torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(depth)))
    assert y.shape == (1, 1000)
    assert y.isfinite().all()
    assert y.std() > 0
