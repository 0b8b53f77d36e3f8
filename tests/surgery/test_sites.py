"""Shared modules, odd code and odd modules: swapped right, or refused by name."""

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import unbend
from tests.surgery.nets import ResNet, SmallCNN
from unbend.surgery import Site, swap


def halved(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh") / 2


def shared_prelu() -> nn.Sequential:
    act = nn.PReLU()
    return nn.Sequential(nn.Linear(3, 3), act, nn.Linear(3, 3), act, nn.Sequential(act))


def test_a_tied_module_stays_one_module() -> None:
    model = shared_prelu()
    act = model[1]
    model, account = swap(model, {nn.PReLU: unbend.activations.Snake})
    assert model[1] is model[3] is model[4][0]
    assert [row.path for row in account.rows] == ["1", "3", "4.0"]
    assert [row.parameters for row in account.rows] == [(1, 1), (0, 0), (0, 0)]
    account.undo(model)
    assert model[1] is model[3] is model[4][0] is act


def test_a_tie_is_cut_where_some_paths_are_chosen() -> None:
    model, account = swap(shared_prelu(), {nn.PReLU: nn.SiLU}, where=["3", "4.*"])
    assert isinstance(model[1], nn.PReLU)
    assert model[3] is model[4][0]
    assert isinstance(model[3], nn.SiLU)
    account.undo(model)
    assert model[1] is model[3]


def test_one_call_of_a_shared_module_can_be_swapped_alone() -> None:
    torch.manual_seed(0)
    model = ResNet().eval()
    x = torch.randn(2, 3, 8, 8)
    before, block = model(x), model.layer1[0]
    h = torch.randn(2, 8, 8, 8)
    second = {site.call for site in sites(model)} - {site.call for site in sites(model) if site.index % 2}
    model, account = swap(
        model, {nn.ReLU: nn.PReLU}, where=lambda site: site.path == "layer1.0.relu" and site.index == 2
    )
    assert len(second) == 2
    assert [(row.index, row.how) for row in account.swapped] == [(2, "source")]
    inner = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(h)))))
    torch.testing.assert_close(block(h), F.prelu(inner + h, block.relu_1.weight))
    account.undo(model)
    assert torch.equal(model(x), before)


def sites(model: nn.Module) -> list[Site]:
    """The sites of ReLU, as `where` sees them."""
    seen: list[Site] = []
    swap(model, {nn.ReLU: nn.SiLU}, where=lambda site: bool(seen.append(site)), dry_run=True)
    return seen


def test_each_instance_has_sites_of_its_own() -> None:
    class Block(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x) * 1

    model, _ = swap(nn.Sequential(Block(), Block(), Block()), {nn.ReLU: nn.PReLU}, where="[02]")
    x = torch.tensor([-1.0, 2.0])
    assert [m(x)[0].item() for m in model] == [-0.25, 0.0, -0.25]
    assert type(model[0]) is type(model[2]) is not type(model[1])
    assert isinstance(model[0], Block)
    assert type(model[0]).__name__ == "Block"


def test_a_nested_instance_of_the_same_class_is_left_alone() -> None:
    scope: dict = {"nn": nn, "F": F}
    # Without source, so that the calls are intercepted while the outer module runs, the inner one within it.
    exec(
        "class Nest(nn.Module):\n"
        "    def __init__(self, inner=None):\n        super().__init__()\n        self.inner = inner\n"
        "    def forward(self, x):\n        x = F.relu(F.relu(x) + 1)\n"
        "        return x if self.inner is None else self.inner(x)\n",
        scope,
    )
    outer = scope["Nest"](scope["Nest"]())
    model, account = swap(outer, {nn.ReLU: nn.Tanh}, where=0, example=torch.ones(1))
    assert [row.how for row in account.rows] == ["intercepted", "", "", ""]
    x = torch.tensor([-1.0])
    torch.testing.assert_close(model(x), F.relu(F.relu(torch.tanh(x) + 1) + 1))


def test_calls_that_cannot_be_told_apart() -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.acts = nn.ModuleList([nn.ReLU()])

        def forward(self, x: Tensor) -> Tensor:
            return self.acts[0](self.acts[0](x) - 1)

    assert len(swap(Listed(), {nn.ReLU: nn.SiLU})[1].swapped) == 2
    account = swap(Listed(), {nn.ReLU: nn.SiLU}, where=1)[1]
    assert [row.reason for row in account.rows] == [
        "left out by where",
        "shared with other calls, from which it cannot be told apart",
    ]


class Alias(nn.Module):
    """Reads again what an in-place ReLU has overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.relu, self.last = nn.Linear(3, 3), nn.ReLU(inplace=True), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        z = self.relu(y).view(y.shape[0], -1)
        w = y + z
        F.relu_(w)
        return self.last(w - 1)


@pytest.mark.parametrize("example", [None, torch.randn(2, 3)], ids=["traced", "example"])
def test_in_place_calls_whose_effect_is_used(example: Tensor | None) -> None:
    account = swap(Alias(), {nn.ReLU: nn.SiLU}, example=example)[1]
    assert [(row.path, row.status, row.reason) for row in account.rows] == [
        ("", "skipped", "its result is thrown away"),
        ("relu", "skipped", "in place, and what it overwrites is read again"),
        ("last", "swapped", "was in place"),
    ]


@pytest.mark.parametrize("example", [None, torch.randn(2, 3)], ids=["traced", "example"])
def test_in_place_calls_whose_input_is_asked_for_its_shape_alone(example: Tensor | None) -> None:
    class Shaped(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x + 1
            return F.relu(x, inplace=True).view(x.size(0), -1).reshape(x.shape)

    model, account = swap(Shaped(), {nn.ReLU: nn.SiLU}, example=example)
    assert [row.reason for row in account.rows] == ["was in place"]
    assert torch.equal(model(torch.zeros(2, 3)), F.silu(torch.ones(2, 3)))


def test_methods_reached_through_super() -> None:
    class Base(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x)

    class Middle(Base):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x) - 1)

    class Top(Middle):
        def forward(self, x: Tensor) -> Tensor:
            return 10 * super().forward(x)

    class ByName(Base):
        def forward(self, x: Tensor) -> Tensor:
            return Base.forward(self, x)

    x = torch.tensor([-1.0, 3.0])
    model, account = swap(Top(), {nn.ReLU: nn.Tanh}, where=0)
    assert len(account.rows) == 2
    torch.testing.assert_close(model(x), 10 * F.relu(torch.tanh(x) - 1))
    torch.testing.assert_close(swap(Top(), {nn.ReLU: nn.Tanh})[0](x), 10 * torch.tanh(torch.tanh(x) - 1))
    assert (
        swap(ByName(), {nn.ReLU: nn.Tanh})[1].rows[0].reason
        == "Base.forward is called by that name, not through super()"
    )


def test_checkpointed_calls() -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = checkpoint(lambda z: torch.relu(self.a(z)), x, use_reentrant=False)
            return checkpoint(halved, x, use_reentrant=False)

    x = torch.randn(2, 3)
    model, account = swap(Checkpointed(), {nn.ReLU: nn.Tanh, nn.GELU: nn.Tanh}, example=x)
    assert [row.status for row in account.rows] == ["swapped", "skipped"]
    assert account.rows[1].reason == "torch.utils.checkpoint makes the call again when its module has returned"
    model(x).sum().backward()
    plain = copy.deepcopy(model)
    halved(torch.tanh(plain.a(x))).sum().backward()
    hand = torch.autograd.grad(halved(torch.tanh(model.a(x))).sum(), model.a.weight)[0]
    torch.testing.assert_close(model.a.weight.grad, hand)


def test_torchs_encoder_layer_does_not_run_around_the_swap() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 8)
    for activation in ("relu", nn.GELU()):
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation=activation)
        model = nn.TransformerEncoder(layer, 2).eval()
        with torch.no_grad():
            before = model(x)
            model, account = swap(model, {nn.ReLU: nn.Hardtanh, nn.GELU: nn.Hardtanh}, example=x)
            assert len(account.swapped) == 2
            fast = model(x)
            with torch.enable_grad():
                slow = model(x.clone().requires_grad_())
            torch.testing.assert_close(fast, slow)
            assert not torch.allclose(fast, before)
            account.undo(model)
            assert torch.equal(model(x), before)


def test_hooks_run_on_and_their_handles_work() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    seen: list[type] = []
    handle = model[1].register_forward_hook(lambda m, args, out: seen.append(type(m)))
    x = torch.ones(1, 2)
    model, account = swap(model, {nn.ReLU: nn.SiLU})
    model(x)
    handle.remove()
    model(x)
    account.undo(model)
    model(x)
    assert seen == [nn.SiLU]


def test_mode_device_and_type_follow_the_weights_beside() -> None:
    model = nn.Sequential(nn.Linear(2, 2, dtype=torch.float64), nn.ReLU(), nn.PReLU(2, dtype=torch.float64)).eval()
    x = torch.randn(3, 2, dtype=torch.float64)
    before = model(x)
    model, account = swap(model, {nn.ReLU: nn.PReLU, nn.PReLU: nn.SiLU})
    assert model[1].weight.dtype == torch.float64
    assert not model[1].training
    model.float().train()
    account.undo(model)
    assert model[2].weight.dtype == torch.float32
    assert model[2].training
    torch.testing.assert_close(model(x.float()), before.float())
    assert swap(nn.Sequential(nn.Linear(2, 2, device="meta"), nn.ReLU()), {nn.ReLU: nn.PReLU})[0][1].weight.is_meta


def test_wrapped_models_are_changed_inside() -> None:
    for wrap in (nn.DataParallel, partial(torch.compile, backend="eager")):
        net = SmallCNN().eval()
        model, x = wrap(net), torch.randn(2, 1, 12, 12)
        before = model(x)
        swapped, account = swap(model, {nn.ReLU: nn.SiLU}, example=x)
        assert swapped is model
        assert account.notes == (f"acted on the network inside {type(model).__name__}",)
        assert {row.path for row in account.rows} == {""}
        after = model(x)
        assert not torch.allclose(after, before)
        torch.testing.assert_close(after, net(x))
        assert account.undo(model) is model
        assert torch.equal(model(x), before)


def test_compiled_parts_are_seen() -> None:
    model = nn.Sequential(SmallCNN(), torch.compile(nn.Sequential(nn.GELU()), backend="eager")).eval()
    model[0].compile(backend="eager")
    x = torch.randn(2, 1, 12, 12)
    before = model(x)
    model, account = swap(model, {nn.ReLU: nn.SiLU, nn.GELU: nn.Tanh}, example=x)
    assert len(account.swapped) == 4
    assert not torch.allclose(model(x), before)
    account.undo(model)
    assert torch.equal(model(x), before)


def test_modules_that_cannot_be_taken_out() -> None:
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    model = nn.Sequential(normed, torch.ao.nn.quantized.ReLU6(), torch.jit.script(nn.Sequential(nn.ReLU())), nn.ReLU())
    account = swap(model, {nn.Linear: nn.Identity, nn.ReLU6: nn.SiLU, nn.ReLU: nn.SiLU})[1]
    assert [(row.path, row.reason) for row in account.rows] == [
        ("0", "parametrized: remove its parametrizations first"),
        ("1", "quantized: swap before quantizing"),
        ("3", ""),
        ("2", "cannot be looked into: swap first, then script"),
    ]


def test_modules_that_cannot_be_edited() -> None:
    class Own(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x))

    class Patched(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x) + 1

    class Final(Patched):
        def __init_subclass__(cls) -> None:
            raise TypeError("no more")

    patched = Patched()
    patched.forward = patched.forward
    model = nn.Sequential(Own(nn.Linear(2, 2)), torch.fx.symbolic_trace(Patched()), patched, Final())
    account = swap(model, {nn.ReLU: nn.SiLU}, example=torch.ones(1, 2))[1]
    assert [row.reason for row in account.rows] == [
        "its module runs over its children, and a new one would be taken for a layer",
        "its module copies or pickles itself in a way of its own",
        "forward is patched on the instance",
        "its class cannot be extended (TypeError: no more)",
    ]


def test_sites_inside_a_replaced_module() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.ReLU())
    model, account = swap(model, {"Sequential": nn.Identity, nn.ReLU: nn.SiLU}, where=["0", "0.1", "1"])
    assert [(row.path, row.status) for row in account.rows] == [
        ("", "skipped"), ("0", "swapped"), ("0.1", "skipped"), ("1", "swapped"),
    ]  # fmt: skip
    assert account.rows[2].reason == "inside a module that is replaced"
    assert account.parameters == (6, 0)
