"""What a rule is about, what it puts in, which sites `where` chooses, and what is refused."""

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import unbend
from tests.surgery.nets import ResNet, SmallCNN, same
from unbend._errors import ArgumentError, UnknownNameError
from unbend.surgery import Account, swap


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


def test_functions_that_are_looked_up_by_name() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kind, self.table = "relu", [F.silu]

        def forward(self, x: Tensor) -> Tensor:
            return getattr(F, self.kind)(x) + self.table[0](x)

    model, account = swap(Named(), {nn.ReLU: nn.Tanh})
    assert [row.how for row in account.rows] == ["intercepted"]
    x = torch.ones(2)
    assert torch.equal(model(x), torch.tanh(x) + F.silu(x))
    assert len(swap(model, {nn.SiLU: nn.Tanh})[1].swapped) == 1


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


def halved(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh") / 2


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
