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

import unbend
from tests.surgery.nets import ResNet, SmallCNN, same
from unbend._errors import ArgumentError
from unbend.surgery import swap


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


def test_nothing_is_left_for_the_same_rules(mixed: tuple[nn.Module, Tensor]) -> None:
    model, x = mixed
    model, _ = swap(model, RULES | {nn.Softplus: nn.Tanh})
    after = model(x)
    assert swap(model, {nn.ReLU: nn.SiLU, nn.GELU: nn.SiLU, "leaky_relu": nn.SiLU}, example=x)[1].rows == ()
    assert torch.equal(model(x), after)


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


def test_a_step_that_fails_takes_the_others_back() -> None:
    class Locked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()
            self.locked = True

        def __setattr__(self, name: str, value: object) -> None:
            if name == "act" and "locked" in vars(self):
                raise AttributeError("locked")
            super().__setattr__(name, value)

    model = nn.Sequential(nn.ReLU(), SmallCNN(), Locked())
    was = copy.deepcopy(model)
    with pytest.raises(AttributeError, match="locked"):
        swap(model, {nn.ReLU: nn.SiLU})
    assert same(model, was)


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
