"""Our networks through timm's own machinery."""

import subprocess
import sys
from typing import Any

import pytest
import torch

from unbend._errors import MissingExtraError
from unbend.models import LambdaResNet, ReXNet, register_timm, regnet
from unbend.models._lambda_resnet import BACKBONES
from unbend.models._regnet import BACKBONES as REGNETS
from unbend.models._rexnet import BACKBONES as REXNETS

timm_only = pytest.mark.vision
SMALL: dict[str, Any] = {"width": 8, "scope": 3, "heads": 2, "key_dim": 4}


@pytest.fixture
def timm() -> Any:
    timm = pytest.importorskip("timm")
    register_timm()
    return timm


def test_models_do_not_import_timm() -> None:
    code = "import sys, unbend.models; unbend.models.register_timm; sys.exit('timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm.models", None)
    with pytest.raises(MissingExtraError, match=r"unbend\[vision\]"):
        register_timm()


@timm_only
def test_names(timm: Any) -> None:
    names = register_timm()
    assert names == [*BACKBONES, *REGNETS, *REXNETS]
    assert len(names) == 7 + 8 + 24 + 6
    assert set(names) <= set(timm.list_models())
    assert not set(names) & set(timm.list_pretrained())


@timm_only
@pytest.mark.filterwarnings("error")
def test_registering_twice_changes_nothing(timm: Any) -> None:
    entry = timm.models.model_entrypoint("lambda_resnet50")
    register_timm()
    assert timm.models.model_entrypoint("lambda_resnet50") is entry


@timm_only
def test_a_name_that_timm_has_is_left_alone(timm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "resnet18", BACKBONES["lambda_resnet50"])
    theirs = timm.models.model_entrypoint("resnet18")
    with pytest.raises(ValueError, match="resnet18"):
        register_timm()
    assert timm.models.model_entrypoint("resnet18") is theirs
    assert "unbend_resnet18" in register_timm("unbend_")
    assert timm.is_model("unbend_lambda_resnet50")


@timm_only
@pytest.mark.parametrize("name", [*BACKBONES, "regnet_x_200mf", "regnet_y_1_6gf", *REXNETS])
def test_default_settings_name_real_layers(timm: Any, name: str) -> None:
    net = timm.create_model(name, device="meta", in_chans=5)
    cfg = net.default_cfg
    assert cfg["input_size"] == (3, 224, 224)
    assert cfg["architecture"] == name
    first, last = net.get_submodule(cfg["first_conv"]), net.get_submodule(cfg["classifier"])
    assert first is next(m for m in net.modules() if isinstance(m, torch.nn.Conv2d))
    assert first.in_channels == 5
    assert last is net.get_classifier()
    assert last.out_features == 1000


@timm_only
@pytest.mark.parametrize("name", ["lambda_resnet50", "lambda_layout_ccll"])
@pytest.mark.parametrize("feature_cls", ["list", "hook", "fx"])
def test_features_only(timm: Any, name: str, feature_cls: str) -> None:
    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=0, in_chans=1, **SMALL)
    torch.manual_seed(0)
    features = timm.create_model(
        name, features_only=True, in_chans=1, out_indices=(0, 2, 4), feature_cls=feature_cls, **SMALL
    )
    for module in (*net.eval().modules(), *features.eval().modules()):
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.3)  # the last of a block starts at zero, and hides it
    x = torch.randn(2, 1, 64, 96)
    maps = features(x)
    assert [tuple(m.shape) for m in maps] == [(2, 8, 32, 48), (2, 64, 8, 12), (2, 256, 2, 3)]
    assert features.feature_info.channels() == [8, 64, 256]
    assert features.feature_info.reduction() == [2, 8, 32]
    torch.testing.assert_close(maps[-1].mean((2, 3)), net(x))


@timm_only
def test_gradient_checkpointing_of_the_feature_extractor(timm: Any) -> None:
    features = timm.create_model("lambda_resnet50", features_only=True, **SMALL).eval()
    x = torch.randn(1, 3, 64, 64, requires_grad=True)
    gradients = []
    for enable in (False, True):
        features.set_grad_checkpointing(enable)
        (gradient,) = torch.autograd.grad(sum(m.sum() for m in features(x)), x)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients)


@timm_only
def test_options_reach_the_network(timm: Any) -> None:
    net = timm.create_model(
        "lambda_resnet50", num_classes=0, global_pool="", drop_rate=0.2, drop_path_rate=0.1, se="none", **SMALL
    )
    assert (net.num_classes, net.global_pool, net.drop_rate, net.se) == (0, "", 0.2, "none")
    assert net.stages()[-1][-1].drop_path == 0.1
    assert net.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 256, 2, 2)
    with pytest.raises(TypeError, match="nonsense"):
        timm.create_model("lambda_resnet50", nonsense=1)
    with pytest.raises(RuntimeError, match="pretrained"):
        timm.create_model("lambda_resnet50", pretrained=True, **SMALL)


@timm_only
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("resnet50", {"layout": "CCCC", "backbone": "vanilla", "se": "none"}),
        ("resnetrs50", {"layout": "CCCC", "backbone": "rs", "se": "non_lambda"}),
    ],
)
def test_backbones_compute_what_those_of_timm_do(timm: Any, theirs: str, ours: dict[str, Any]) -> None:
    torch.manual_seed(0)
    peer, net = timm.create_model(theirs).eval(), LambdaResNet(50, **ours).eval()
    for name, tensor in peer.state_dict().items():
        if name.endswith(("running_var", "bn3.weight")):
            torch.nn.init.uniform_(tensor, 0.5, 1.0)
        elif name.endswith(("running_mean", "bias")):
            torch.nn.init.normal_(tensor, std=0.1)
    values = list(peer.state_dict().values())  # both hold the same layers in the same order
    named = net.state_dict()
    assert len(values) == len(named)
    net.load_state_dict({name: value.reshape(own.shape) for (name, own), value in zip(named.items(), values)})
    x = torch.randn(2, 3, 96, 64)
    torch.testing.assert_close(net(x), peer(x), rtol=1e-4, atol=1e-4)


@timm_only
@pytest.mark.parametrize("feature_cls", ["list", "hook", "fx"])
@pytest.mark.parametrize(
    ("name", "channels", "reduction"),
    [("regnet_y_200mf", [32, 56, 368], [2, 8, 32]), ("rexnet_x1_0", [32, 38, 95], [2, 4, 16])],
)
def test_features_of_backbones_with_stages(
    timm: Any, name: str, channels: list[int], reduction: list[int], feature_cls: str
) -> None:
    index = (0, 2, 4)
    net = timm.create_model(name, features_only=True, in_chans=1, out_indices=index, feature_cls=feature_cls).eval()
    maps = net(torch.randn(2, 1, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(2, c, 64 // r, 96 // r) for c, r in zip(channels, reduction)]


def stirred(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state of `net`, its norms moved off their start."""
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            torch.nn.init.uniform_(tensor, 0.5, 1.0)
        elif name.endswith(("running_mean", "bias")):
            torch.nn.init.normal_(tensor, std=0.1)
    return net.state_dict()


@timm_only
@pytest.mark.parametrize("name", ["x_200mf", "y_200mf", "y_800mf"])
def test_regnets_compute_what_those_of_timm_do(timm: Any, name: str) -> None:
    torch.manual_seed(0)
    peer, net = timm.create_model(f"regnet{name[0]}_00{name[2]}").eval(), regnet(name).eval()
    theirs, own = stirred(peer), net.state_dict()
    # Theirs names the shortcut before the branch in one release and after it in another: kinds are matched by place.
    values = [(k, v) for k, v in theirs.items() if "downsample" not in k]
    short = [v for k, v in theirs.items() if "downsample" in k]
    ours = {k: v for k, v in own.items() if "shortcut" not in k}
    state = {k: v.reshape(ours[k].shape) for k, (_, v) in zip(ours, values, strict=True)}
    state |= dict(zip([k for k in own if "shortcut" in k], short, strict=True))
    net.load_state_dict(state)
    x = torch.randn(2, 3, 96, 64)
    torch.testing.assert_close(net(x), peer(x), rtol=1e-4, atol=1e-4)


@timm_only
@pytest.mark.parametrize("mult", [1.0, 1.3])
def test_rexnets_compute_what_those_of_timm_do(timm: Any, mult: float) -> None:
    torch.manual_seed(0)
    peer, net = timm.create_model(f"rexnet_{round(100 * mult)}").eval(), ReXNet(mult).eval()
    values, own = list(stirred(peer).values()), net.state_dict()
    net.load_state_dict({k: v.reshape(own[k].shape) for k, v in zip(own, values, strict=True)})
    x = torch.randn(2, 3, 96, 64)
    torch.testing.assert_close(net(x), peer(x), rtol=1e-4, atol=1e-4)


@timm_only
def test_all_regnets_have_the_stages_of_timms(timm: Any) -> None:
    for name in REGNETS:
        kind, size = name.removeprefix("regnet_").split("_", 1)
        number = {"gf": 10, "mf": 0.01}[size[-2:]] * float(size[:-2].replace("_", "."))
        peer = timm.create_model(f"regnet{kind}_{round(number):03d}", device="meta")
        net = timm.create_model(name, device="meta")
        assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for p in peer.parameters()), name


@timm_only
def test_optimizer_groups(timm: Any) -> None:
    from timm.optim import param_groups_layer_decay, param_groups_weight_decay

    net = timm.create_model("lambda_resnet50", num_classes=3, **SMALL)
    spared, decayed = param_groups_weight_decay(net, 0.1, no_weight_decay_list=net.no_weight_decay())
    spared_ids = {id(p) for p in spared["params"]}
    assert spared["weight_decay"] == 0 < decayed["weight_decay"]
    assert {n for n, p in net.named_parameters() if id(p) in spared_ids and p.ndim > 1} == net.no_weight_decay()
    groups = param_groups_layer_decay(net, 0.1, layer_decay=0.5)
    assert sum(len(g["params"]) for g in groups) == len(list(net.parameters()))
    assert len({g["lr_scale"] for g in groups}) > 10


@timm_only
def test_data_settings_resolve(timm: Any) -> None:
    from timm.data import resolve_data_config

    config = resolve_data_config({}, model=timm.create_model("lambda_resnet50", **SMALL))
    assert config["input_size"] == (3, 224, 224)
