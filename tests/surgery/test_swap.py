"""What is swapped, what stays tied, what is refused by name, and the way back."""

import copy
import json
import pickle
import re
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import unbend
from tests.surgery.nets import ResNet, SmallCNN
from unbend._errors import ArgumentError, UnknownNameError
from unbend.surgery import Account, Site, swap


def same(a: nn.Module, b: nn.Module) -> bool:
    """Whether two models have the same modules, classes and modes, and the same weights under the same keys."""
    structure = [[(path, type(m), m.training) for path, m in model.named_modules()] for model in (a, b)]
    states = [model.state_dict() for model in (a, b)]
    return structure[0] == structure[1] and list(states[0]) == list(states[1]) and all(
        torch.equal(value, states[1][key]) for key, value in states[0].items()
    )  # fmt: skip


class Mixed(nn.Module):
    """Bends in every spelling: a module called twice, functions, methods, attributes, helpers, a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.act = nn.ReLU()
        self.gate = F.silu
        self.soft = partial(F.softplus, beta=2.0)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.a(x))
        y = F.relu(input=self.b(y)) + self.act(x)
        for _ in range(3):
            y = torch.tanh(self.a(y))
        y = self.gate(y) + self.soft(y) + (y - 1).relu()
        return halved(y) + next(map(F.leaky_relu, [y]))


def halved(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh") / 2


RULES = {
    nn.ReLU: nn.Softsign,
    nn.Tanh: nn.PReLU,
    nn.SiLU: "golu",
    F.softplus: nn.Softplus,
    nn.LeakyReLU: nn.Mish,
    "gelu": nn.Sigmoid,
}


@pytest.fixture
def mixed() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return Mixed(), torch.randn(3, 4)


def by_hand(m: nn.Module, x: Tensor) -> Tensor:
    """`Mixed` as `RULES` change it."""
    y = F.softsign(m.a(x))
    y = F.softsign(m.b(y)) + F.softsign(x)
    for _ in range(3):
        y = F.prelu(m.a(y), torch.tensor([0.25]))
    golu = unbend.bend("golu")
    y = golu(y) + F.softplus(y) + F.softsign(y - 1)
    return torch.sigmoid(y) / 2 + F.mish(y)


def test_every_spelling_is_found_and_computes_the_new_function(mixed: tuple[nn.Module, Tensor]) -> None:
    model, x = mixed
    before, was = model(x), copy.deepcopy(model)
    model, account = swap(model, RULES)
    assert [(row.before, row.how) for row in account.rows] == [
        ("F.relu()", "source"),
        ("torch.tanh()", "source"),
        ("F.silu()", "source"),
        ("F.softplus(beta=2.0, threshold=20.0)", "source"),
        ("Tensor.relu()", "source"),
        ("F.gelu(approximate='tanh')", "intercepted"),
        ("F.leaky_relu(negative_slope=0.01)", "intercepted"),
        ("ReLU()", "module"),
        ("ReLU()", "module"),
    ]
    torch.testing.assert_close(model(x), by_hand(model, x))
    assert list(model.state_dict()) == [*was.state_dict(), "tanh_1.weight"]
    assert account.parameters == (40, 41)
    assert account.undo(model) is model
    assert torch.equal(model(x), before)
    assert same(model, was)


@pytest.mark.parametrize("other", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_a_swapped_model_copies_and_the_copy_can_be_undone(mixed: tuple[nn.Module, Tensor], other) -> None:
    model, x = mixed
    before = model(x)
    model, account = swap(model, RULES)
    after, twin = model(x), other(model)
    assert torch.equal(twin(x), after)
    with torch.no_grad():
        twin.tanh_1.weight.fill_(0.5)
    assert torch.equal(model(x), after), "the copy is one of its own"
    pickle.loads(pickle.dumps(account)).undo(twin)
    assert torch.equal(twin(x), before)
    assert torch.equal(model(x), after)


def test_gradients_reach_old_and_new_parameters(mixed: tuple[nn.Module, Tensor]) -> None:
    model, x = mixed
    model, _ = swap(model, RULES)
    model(x).sum().backward()
    hand = torch.autograd.grad(by_hand(model, x).sum(), model.a.weight)[0]
    torch.testing.assert_close(model.a.weight.grad, hand)
    assert model.tanh_1.weight.grad is not None


def test_rewritten_calls_compile_in_one_graph_and_export() -> None:
    torch.manual_seed(0)
    model, _ = swap(SmallCNN(), {nn.ReLU: nn.PReLU})
    x = torch.randn(2, 1, 12, 12)
    torch.testing.assert_close(torch.compile(model, backend="aot_eager", fullgraph=True)(x), model(x))
    torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), model(x))


def test_intercepted_calls_are_right_beside_a_compiler(mixed: tuple[nn.Module, Tensor]) -> None:
    model, x = mixed
    net, _ = swap(nn.Sequential(model, nn.Linear(4, 2)), {nn.GELU: nn.SiLU})
    torch.testing.assert_close(torch.compile(net, backend="aot_eager")(x), net(x))


def test_dry_run_changes_nothing_and_tells_the_same(mixed: tuple[nn.Module, Tensor]) -> None:
    model, x = mixed
    before, was, state = model(x), copy.deepcopy(model), torch.get_rng_state()
    rules = {nn.Tanh: lambda: nn.Linear(4, 4), nn.ReLU: nn.SiLU}
    _, foretold = swap(model, rules, dry_run=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert same(model, was)
    assert torch.equal(model(x), before)
    _, account = swap(model, rules)
    assert foretold.to_dicts() == account.to_dicts()
    assert foretold.parameters == account.parameters == (40, 60)
    assert "dry run" in str(foretold)
    foretold.undo(model)
    assert account.undo(model) is model


def test_by_example_and_by_tracing_find_the_same(mixed: tuple[nn.Module, Tensor]) -> None:
    model, x = mixed
    traced = swap(model, RULES, dry_run=True)[1]
    seen = swap(model, RULES, dry_run=True, example=x)[1]
    assert traced.rows == seen.rows
    assert str(seen) == str(traced)


def test_the_account_prints_and_is_data(mixed: tuple[nn.Module, Tensor]) -> None:
    account = swap(mixed[0], {nn.ReLU: "golu", nn.ELU: nn.SiLU}, where=[0, "act"])[1]
    lines = str(account).splitlines()
    assert lines[0].split() == ["#", "path", "call", "before", "after"]
    assert re.fullmatch(r"0  \(model\)  forward, test_swap.py:\d+  F.relu\(\) +GoLU\(\)  source", lines[1])
    assert "skipped: left out by where" in lines[2]
    assert lines[4].endswith("same object as 2")
    assert lines[5:] == ["3 of 4 sites swapped; 40 parameters", "nothing here is about the rule for ELU"]
    data = json.loads(account.to_json())
    assert data["rows"] == json.loads(json.dumps(account.to_dicts()))
    assert data["rows"][0] | {"call": ""} == {
        "index": 0, "path": "", "call": "", "before": "F.relu()", "after": "GoLU()", "status": "swapped",
        "reason": "", "how": "source", "parameters": [0, 0], "error": None,
    }  # fmt: skip


def test_the_model_is_changed_in_place_so_that_optimizers_stay_valid() -> None:
    model = SmallCNN()
    held = list(model.parameters())
    swapped, _ = swap(model, {nn.ReLU: nn.SiLU})
    assert swapped is model
    assert all(a is b for a, b in zip(held, model.parameters(), strict=True))


def test_the_root_itself() -> None:
    root = nn.ReLU()
    model, account = swap(root, {nn.ReLU: nn.SiLU})
    assert isinstance(model, nn.SiLU)
    assert account.undo(model) is root


# What a rule is about.


def test_a_module_as_rule_is_about_those_built_alike() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.exact, self.fast = nn.GELU(), nn.GELU("tanh")

        def forward(self, x: Tensor) -> Tensor:
            return self.exact(x) + self.fast(x) + F.gelu(x) + F.gelu(x, approximate="tanh")

    swapped = swap(Two(), {nn.GELU("tanh"): nn.SiLU})[1].swapped
    assert [row.before for row in swapped] == ["F.gelu(approximate='tanh')", "GELU(approximate='tanh')"]
    assert len(swap(Two(), {nn.GELU: nn.SiLU})[1].swapped) == 4
    assert [row.how for row in swap(Two(), {F.gelu: nn.SiLU})[1].swapped] == ["source", "source"]


def test_the_most_specific_rule_wins() -> None:
    class Own(nn.ReLU):
        pass

    rules = {nn.ReLU: nn.SiLU, Own: nn.Tanh, nn.Module: nn.Identity, nn.Sequential: lambda old: old, "relu": nn.ELU}
    model, account = swap(nn.Sequential(nn.ReLU(), Own(), nn.Linear(2, 2)), rules)
    assert [type(m) for m in model] == [nn.SiLU, nn.Tanh, nn.Identity]
    assert account.rows[0].reason == "the rule hands it back"


def test_a_wrapper_of_one_function_is_replaced_whole() -> None:
    class Activation(nn.Module):
        """As transformers has them."""

        def __init__(self) -> None:
            super().__init__()
            self.act = F.silu

        def forward(self, input: Tensor) -> Tensor:
            """Apply it."""
            return self.act(input)

    for key in (nn.SiLU, F.silu, "silu", "SiLU", "Activation", Activation):
        model, account = swap(nn.Sequential(nn.Linear(2, 2), Activation()), {key: nn.Tanh})
        assert isinstance(model[1], nn.Tanh), key
        account.undo(model)
        assert isinstance(model[1], Activation)


def test_a_class_takes_over_arguments_and_weights() -> None:
    class Scaled(nn.Module):
        def __init__(self, in_features: int, out_features: int, bias: bool = True, scale: float = 1.0) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(out_features, in_features))
            self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
            self.scale = scale

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * F.linear(x, self.weight, self.bias)

    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False))
    model[2].weight = model[1].weight
    x = torch.randn(2, 3)
    before, weight = model(x), model[1].weight
    model, account = swap(model, {nn.Linear: Scaled})
    assert torch.equal(model(x), before)
    assert model[1].weight is model[2].weight is weight
    assert account.parameters == (45, 45)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin[1].weight.zero_()
    account.undo(twin)
    assert isinstance(twin[1], nn.Linear)
    assert not twin[1].weight.any(), "the copy keeps its own weights"
    account.undo(model)
    assert torch.equal(model(x), before)


def test_slopes_become_those_of_a_learned_bend() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.PReLU(4), nn.PReLU())
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([-0.5, 0.0, 0.5, 2.0]))
    x = torch.randn(2, 3, 5, 7)
    before = model(x)
    model, account = swap(model, {nn.PReLU: unbend.activations.PReLU})
    assert [row.after for row in account.rows] == ["PReLU(channels=4)", "PReLU(channels=1)"]
    torch.testing.assert_close(model(x), before)


def test_a_function_of_the_old_module() -> None:
    model = nn.Sequential(nn.LeakyReLU(0.3), nn.Softmax(-1))
    rules = {nn.LeakyReLU: lambda old: nn.PReLU(init=old.negative_slope), nn.Softmax: nn.Softmin}
    model, _ = swap(model, rules)
    assert model[0].weight.item() == pytest.approx(0.3)
    assert model[1].dim == -1, "what a class needs, it takes from the old module"


def test_a_module_is_copied_for_each_site_and_a_factory_called() -> None:
    value = nn.PReLU()
    model, _ = swap(nn.Sequential(nn.ReLU(), nn.ReLU(), nn.Tanh()), {nn.ReLU: value, nn.Tanh: partial(nn.PReLU, 3)})
    assert model[0] is not model[1]
    assert value not in [*model]
    assert model[2].num_parameters == 3


def test_another_function_than_a_bend_gets_all_arguments() -> None:
    class Attention(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, 2 * x, 3 * x, is_causal=True)

    class Mean(nn.Module):
        def forward(self, q: Tensor, k: Tensor, v: Tensor, is_causal: bool) -> Tensor:
            assert is_causal
            return v.cumsum(-2) / torch.arange(1, v.shape[-2] + 1)[:, None]

    x = torch.randn(2, 5, 3)
    model, account = swap(Attention(), {F.scaled_dot_product_attention: Mean})
    assert account.rows[0].before == "F.scaled_dot_product_attention(is_causal=True)"
    torch.testing.assert_close(model(x)[:, 1], 3 * x[:, :2].mean(1))


# Sharing.


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
        "    def forward(self, x):\n        x = F.relu(x) + 1\n"
        "        return x if self.inner is None else self.inner(x - 4)\n",
        scope,
    )
    outer = scope["Nest"](scope["Nest"]())
    model, account = swap(outer, {nn.ReLU: nn.Tanh}, where=0, example=torch.ones(1))
    assert [row.how for row in account.rows] == ["intercepted", ""]
    assert model(torch.zeros(1)).item() == 1.0


# Which sites.


def test_where_takes_globs_numbers_and_functions() -> None:
    def chosen(where: object) -> list[int | None]:
        return [row.index for row in swap(ResNet(), {nn.ReLU: nn.SiLU}, where=where, dry_run=True)[1].swapped]

    assert chosen("layer2.*") == [5, 6, 7, 8]
    assert chosen(0) == [0]
    assert chosen([0, "layer1.1.*"]) == [0, 3, 4]
    assert chosen(range(3)) == [0, 1, 2]
    assert chosen(lambda site: site.type is nn.ReLU and site.kind == "module" and site.path.startswith("layer2.0")) == [
        5,
        6,
    ]
    with pytest.raises(
        ArgumentError, match=r"where: got layer9.\*; expected a site or a path of the account \(0: relu, 1: "
    ):
        chosen("layer9.*")
    with pytest.raises(ArgumentError, match=r"where: got 99"):
        chosen([0, 99])


def test_loops_are_one_site() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.zeros_like(x[:, 0])
            for t in range(x.shape[1]):
                h = torch.tanh(self.w(h) + x[:, t])
            return h

    times = []
    model, account = swap(
        Recurrent(), {nn.Tanh: nn.PReLU}, where=lambda site: not times.append(site.times), example=torch.randn(2, 5, 3)
    )
    assert times == [5]
    assert account.parameters == (12, 13)
    assert model(torch.randn(2, 8, 3)).shape == (2, 3)


def test_what_cannot_be_traced_asks_for_an_example() -> None:
    class Branches(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if x.sum() > 0:
                return F.relu(x)
            return F.relu(-x).tanh()

    with pytest.raises(
        ArgumentError, match=r"example: got None, and 0 \(Branches\) calls a function .* Give example=\(x,\)"
    ):
        swap(nn.Sequential(Branches()), {nn.ReLU: nn.SiLU})
    model, account = swap(nn.Sequential(Branches()), {nn.ReLU: nn.SiLU}, example=torch.ones(2))
    assert [(row.status, row.reason) for row in account.rows] == [
        ("swapped", ""),
        ("skipped", "names such a function; not reached"),
    ]
    x = torch.tensor([-3.0, 1.0])
    assert torch.equal(model(x), F.relu(-x).tanh())
    assert torch.equal(model(-x), F.silu(-x))
    assert swap(nn.Sequential(Branches()), {nn.ELU: nn.SiLU})[1].rows == (), "what is not needed is not traced"


def test_examples_are_arguments_or_keywords() -> None:
    class Sum(nn.Module):
        def forward(self, a: Tensor, *, b: Tensor) -> Tensor:
            return F.relu(a) + b if float(a.sum()) else b

    assert len(swap(Sum(), {nn.ReLU: nn.SiLU}, example={"a": torch.ones(2), "b": torch.ones(2)})[1].swapped) == 1


def test_looking_leaves_modes_and_random_state_alone() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.ReLU()).train()
    model[1].eval()
    was, state = copy.deepcopy(model), torch.get_rng_state()
    swap(model, {nn.ReLU: nn.SiLU}, example=torch.randn(4, 3, generator=torch.Generator()), dry_run=True)
    assert same(model, was)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("example", [None, torch.randn(4, 3)], ids=["traced", "example"])
def test_looking_leaves_what_a_model_remembers_alone(example: Tensor | None) -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("runs", torch.zeros(()))
            self.last = None

        def forward(self, x: Tensor) -> Tensor:
            self.runs += 1
            self.last = self.new = F.relu(x)
            return self.last

    model = Remembers()
    swap(model, {nn.ReLU: nn.SiLU}, example=example, dry_run=True)
    assert model.runs == 0
    assert model.last is None
    assert not hasattr(model, "new")


# Hard cases: right, or refused by name.


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
            seen: list[Tensor] = []
            for m in model.modules():
                if isinstance(m, nn.Hardtanh):
                    m.register_forward_hook(lambda m, args, out, seen=seen: seen.append(out))
            assert not torch.allclose(model(x), before)
            assert len(seen) == 2
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


# The way back.


def test_swaps_are_undone_in_reverse(mixed: tuple[nn.Module, Tensor]) -> None:
    model, x = mixed
    first = model(x)
    model, one = swap(model, {nn.ReLU: nn.SiLU, nn.GELU: nn.Tanh})
    second = model(x)
    model, two = swap(model, {nn.Tanh: nn.Softsign, nn.LeakyReLU: nn.ELU})
    assert [row.before for row in two.rows] == ["torch.tanh()", "F.leaky_relu(negative_slope=0.01)", "Tanh()"]
    third = model(x)
    with pytest.raises(ArgumentError, match="was edited by another swap: undo that one first"):
        one.undo(model)
    assert torch.equal(model(x), third)
    two.undo(model)
    assert torch.equal(model(x), second)
    one.undo(model)
    assert torch.equal(model(x), first)


def test_undo_refuses_another_model() -> None:
    account = swap(nn.Sequential(nn.ReLU()), {nn.ReLU: nn.SiLU})[1]
    other = nn.Sequential(nn.Tanh())
    with pytest.raises(ArgumentError, match="model: got 0 is Tanh, not SiLU; expected a model as this account left it"):
        account.undo(other)
    assert isinstance(other[0], nn.Tanh)


def test_what_was_trained_stays_trained() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    model, account = swap(model, {nn.ReLU: nn.PReLU})
    weight = model[0].weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    account.undo(model)
    assert not torch.equal(model[0].weight, weight)


def test_a_rule_that_fails_leaves_the_model_alone() -> None:
    model = ResNet()
    was = copy.deepcopy(model)
    made = []

    def third_fails(old: nn.Module) -> nn.Module:
        made.append(old)
        if len(made) == 3:
            raise RuntimeError("no")
        return nn.SiLU()

    with pytest.raises(RuntimeError, match="no"):
        swap(model, {nn.ReLU: third_fails})
    assert same(model, was)


# Bad input.


@pytest.mark.parametrize(
    ("rules", "kind", "message"),
    [
        ({}, ArgumentError, "rules: got {}; expected a mapping"),
        (nn.ReLU, ArgumentError, "rules: got <class .*ReLU'>; expected a mapping {what goes: what comes}"),
        ({"rellu": nn.SiLU}, UnknownNameError, "unknown bend or class of the model 'rellu'; did you mean relu"),
        ({"relu": "gollu"}, UnknownNameError, "unknown bend 'gollu'; did you mean golu"),
        ({nn.ReLU: nn.Linear}, ArgumentError, r"Linear, which needs 'in_features'; .* Give lambda old: Linear\(...\)"),
        ({nn.ReLU: 3}, ArgumentError, "rules: got the value 3; expected a module class, a module, or a function"),
        ({nn.ReLU: torch.sin}, ArgumentError, "rules: got the value <built-in method sin"),
        (
            {nn.ReLU: lambda old: 3},
            ArgumentError,
            r"rules\[ReLU\]: got a int; expected a function that returns a module",
        ),
        ({halved: nn.SiLU}, ArgumentError, "Calls of a function of your own cannot be seen: make it a module"),
        ({3: nn.SiLU}, ArgumentError, "rules: got the key 3; expected a module class"),
    ],
)
def test_bad_rules_name_what_is_wrong(rules: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        swap(SmallCNN(), rules)


def test_bad_models_and_arguments() -> None:
    with pytest.raises(ArgumentError, match=r"model: got 3; expected a torch.nn.Module"):
        swap(3, {nn.ReLU: nn.SiLU})
    with pytest.raises(ArgumentError, match=r"a scripted module; expected .* Swap first, then script"):
        swap(torch.jit.script(nn.ReLU()), {nn.ReLU: nn.SiLU})
    with pytest.raises(ArgumentError, match=r"a model with lazy modules; .* Run it once first"):
        swap(nn.Sequential(nn.LazyLinear(3), nn.ReLU()), {nn.ReLU: nn.SiLU})
    with pytest.raises(ArgumentError, match=r"how: got afine; .* Did you mean 'affine'"):
        swap(SmallCNN(), {nn.ReLU: nn.SiLU}, how="afine")
    with pytest.raises(ArgumentError, match=r"calibrate: got .*; expected an input of the model"):
        swap(SmallCNN(), {nn.ReLU: nn.SiLU}, calibrate=[])


def test_the_verb_at_the_root() -> None:
    assert unbend.swap is swap
    assert isinstance(unbend.swap(nn.ReLU(), {nn.ReLU: "golu"})[1], Account)
