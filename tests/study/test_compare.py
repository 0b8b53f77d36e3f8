"""Comparisons: the study that is built, what runs and runs again, and what is told when data or networks are wrong."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unbend._errors import ArgumentError, UnbendError, UnknownNameError
from unbend.activations import GoLU
from unbend.data import Dataset, Table
from unbend.study import Operations, Run, Seconds, Steps, Store, compare, comparison
from unbend.study._budget import forecast, parse_budget, patience
from unbend.study._compare import plan_text
from unbend.study._user_model import UserModel

NET = """
import os, time
import torch
from torch import nn
from torch.nn import functional as F
from layers_of_mine import hidden

class Functional(nn.Module):
    def __init__(self, inputs, outputs, width):
        super().__init__()
        self.one, self.two = nn.Linear(inputs, width), nn.Linear(width, outputs)

    def forward(self, x):
        return self.two(F.relu(self.one(x)))

def good(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

def wide(inputs, outputs, width=4):
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))

def fixed():
    return good(3, 2)

def whatever(**more):
    return good(more["inputs"], more["outputs"])

def scheduled(inputs, outputs, width=4):
    net = wide(inputs, outputs, width)
    net.rates = [rate.item() for rate in torch.linspace(0, 0.1, 3)]
    return net

def raises(inputs, outputs):
    raise RuntimeError("no such layer")

def text(inputs, outputs):
    return "a model"

def wrong(inputs, outputs):
    return good(inputs, outputs + 3)

def mismatched(inputs, outputs):
    return good(inputs + 1, outputs)

def several(inputs, outputs):
    return nn.LSTM(inputs, outputs)

def asks(depth, heads):
    return good(3, 2)

def diverges(inputs, outputs):
    net = good(inputs, outputs)
    net[0].weight.data.fill_(1e38)
    return net

def dies(inputs, outputs):
    os._exit(7)

def hangs(inputs, outputs):
    while True:
        time.sleep(1)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a table and the networks above; its modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # The digest of our own code is tested elsewhere and takes its time; here the keys alone tell cells apart.
    monkeypatch.setattr("unbend.study._run.digests", lambda study, closure: dict.fromkeys(study.arms, "0"))
    (tmp_path / "networks_of_mine.py").write_text(NET)
    (tmp_path / "layers_of_mine.py").write_text("hidden = 5\n")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 3))
    rows = [f"{a},{b},{c},{'yes' if a + b > c else 'no'},{a * b + c}" for a, b, c in x]
    (tmp_path / "churn.csv").write_text("\n".join(["a,b,c,left,spent", *rows]) + "\n")
    yield tmp_path
    for name in ("networks_of_mine", "layers_of_mine"):
        sys.modules.pop(name, None)


QUICK: dict[str, Any] = {"runs": "runs", "runner": "inline", "report": False}


def quick(arms: Any = None, **options: Any) -> Run:
    """Three seeds of a few steps, in this process."""
    data = {"on": "churn.csv", "target": "left", "drop": ["spent"]}
    return compare(arms, **{**data, "budget": "5 steps", "seeds": 3, **QUICK, **options})


def mine(name: str) -> str:
    return f"networks_of_mine:{name}"


def test_the_study_that_is_built(folder: Path) -> None:
    study = comparison(on="churn.csv", target="left", budget="20s", seeds=5, margin=0.02)
    assert (study.name, study.reference, list(study.arms)) == ("compare-churn", "relu", ["relu", "gelu", "golu"])
    assert [(c.a, c.relation, c.b, c.margin, c.metric) for c in study.claims] == [
        ("gelu", ">", "relu", 0.02, "accuracy"),
        ("golu", ">", "relu", 0.02, "accuracy"),
    ]
    assert (study.budget, study.seeds) == (Seconds(20.0), 5)
    told = "\n".join(plan_text(study, jobs=2))
    for expected in ("4 numbers", "small_mlp", "20 seconds", "3 arms x 5 seeds", "about 3 minutes", "by 0.02 or more"):
        assert expected in told


def test_the_goal_follows_the_task(folder: Path) -> None:
    study = comparison(["relu", "gelu"], on="churn.csv", target="spent")
    assert [(c.metric, c.relation, c.margin) for c in study.claims] == [("rmse", "<", 0.01)]
    (folder / "book.txt").write_text("some words and some more\n" * 200)
    study = comparison(["relu", "gelu"], on="book.txt")
    assert [(c.metric, c.relation) for c in study.claims] == [("loss", "<")]
    assert "nats per character" in study.claims[0].text
    assert comparison(["relu", "gelu"], on="digits").data == ["digits"]


def test_a_second_call_runs_nothing_and_finds_the_same(folder: Path) -> None:
    first, second = quick(["relu", "golu"], report=True), quick(["relu", "golu"])
    assert (first.broken, second.ran, second.before) == ([], 0, 6)
    assert first.verdicts == second.verdicts
    assert first.report is not None
    text = first.report.read_text()
    assert "Does golu do better than relu on churn" in text
    assert "the paper" not in text, "the user's own question has none"
    assert first.exit_code() == 0


def test_what_changes_a_result_has_cells_of_its_own(folder: Path) -> None:
    quick(["relu", "golu"])
    assert quick(["relu", "golu", "gelu"]).ran == 2, "of the third arm, after its first seed"
    for change in ({"width": 7}, {"lr": 0.1}, {"batch": 8}, {"match": "params"}, {"drop": ["a", "spent"]}):
        assert quick(["relu", "golu"], **change).before == 2, f"{change}: only what ran just now is finished"
    assert quick(["relu", "golu"]).ran == 0, "and nothing that was finished is lost"


def test_regression_and_text_run(folder: Path) -> None:
    done = quick(["relu", "snake"], target="spent", drop=["left"])
    for record in done.records:
        assert record.metrics["rmse"] ** 2 == pytest.approx(record.metrics["loss"])
    (folder / "book.txt").write_text("some words and some more\n" * 100)
    done = quick(["relu", "gelu"], on="book.txt", target=None, drop=(), width=8, budget="2 steps", seeds=1)
    assert done.broken == []
    assert 0 < done.records[0].metrics["loss"] < 2 * np.log(20)


def test_classes_and_data_sets_of_a_program(folder: Path) -> None:
    class Sine(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sin()

    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    data = Dataset("mine", "classification", (x, (x[:, 0] > 0).long()), (x, (x[:, 0] > 0).long()), classes=2)
    done = quick({"sine": Sine, "golu": GoLU}, on=data, target=None, drop=())
    assert (done.broken, [v.claim.text for v in done.verdicts]) == (
        [],
        ["golu is more accurate than sine, by 0.005 or more"],
    )
    assert quick(["relu", "gelu"], on=Table(Path("churn.csv"), "left"), target=None, drop=()).broken == []


@pytest.mark.parametrize("name", ["good", "wide", "fixed", "whatever", "Functional"])
def test_a_network_of_the_users_and_what_is_swapped_in_it(name: str, folder: Path) -> None:
    done = quick(model=mine(name), swap="ReLU=golu,torch.nn.Tanh", seeds=1)
    assert (done.broken, list(done.study.arms)) == ([], ["ReLU", "golu", "torch.nn.Tanh"])
    losses = {record.arm: record.metrics["loss"] for record in done.records}
    assert len(set(losses.values())) == 3, "every arm is another network"
    assert done.study.name == f"compare-churn-networks_of_mine-{name}"


def test_what_a_network_is_told_of_the_data(folder: Path) -> None:
    told = list[tuple[Any, Any]]()

    def build(inputs: Any, outputs: int) -> nn.Module:
        told.append((inputs, outputs))
        if isinstance(inputs, tuple):
            return nn.Sequential(nn.Flatten(), nn.Linear(inputs[0] * inputs[1] * inputs[2], outputs))
        return nn.Embedding(inputs, outputs) if outputs == 5 else nn.Linear(inputs, outputs)

    model = UserModel.find(build)
    images, rows, tokens = torch.zeros(3, 1, 4, 6), torch.zeros(3, 7), torch.zeros(3, 8, dtype=torch.int64)
    labels = torch.tensor([0, 1, 1])
    model(Dataset("images", "classification", (images, labels), (images, labels), classes=2), 4)
    model(Dataset("rows", "regression", (rows, rows[:, :3]), (rows, rows[:, :3])), 4)
    model(Dataset("text", "next-token", (tokens, tokens), (tokens, tokens), classes=5), 4)
    assert told == [((1, 4, 6), 2), (7, 3), (5, 5)]


def test_swap_puts_the_same_weights_under_another_bend(folder: Path) -> None:
    study = comparison(on="churn.csv", target="left", model=mine("Functional"), swap={"torch.nn.ReLU": ["golu"]})
    data = study.sources["churn"].load()
    networks = []
    for arm in ("ReLU", "golu"):
        torch.manual_seed(0)
        networks.append(study.trial.network(study.arm(arm), data, 6))
    relu, golu = networks
    x = data.train[0][:7]
    assert torch.allclose(golu(x), relu.two(GoLU()(relu.one(x))))
    assert torch.allclose(relu(x), relu.two(relu.one(x).relu()))


def test_default_network_with_a_swap(folder: Path) -> None:
    given, named = quick(swap="ReLU=golu", seeds=1), quick(["relu", "golu"], seeds=1, name="other")
    assert [r.metrics["parameters"] for r in given.records] == [r.metrics["parameters"] for r in named.records]
    assert given.broken == []


def test_several_networks_are_arms(folder: Path) -> None:
    done = quick(model=[mine("good"), mine("wide")], seeds=1, width=6)
    assert list(done.study.arms) == ["good", "wide"]
    assert {record.arm: record.metrics["parameters"] for record in done.records} == {"good": 32, "wide": 38}


def test_a_changed_source_is_run_again(folder: Path) -> None:
    def again() -> int:
        for name in ("networks_of_mine", "layers_of_mine"):
            sys.modules.pop(name, None)
        done = quick(model=mine("good"), swap="ReLU=golu", seeds=1)
        return len(Store("runs", done.study.name).read().records)

    assert (again(), again()) == (2, 2)
    (folder / "networks_of_mine.py").write_text(NET + "# a remark\n")
    assert again() == 2
    (folder / "layers_of_mine.py").write_text("hidden = 6\n")
    assert again() == 4


def test_equal_cost(folder: Path) -> None:
    done = quick(model=mine("wide"), swap="ReLU=prelu", match="params", width=40, seeds=1)
    assert done.broken == []
    assert all(abs(record.metrics["ratio"] - 1) < 0.05 for record in done.records)
    for match in ("params", "operations"):
        assert quick(model=mine("scheduled"), swap="ReLU=golu", match=match, width=30, seeds=1).broken == []
    done = quick(model=[mine("good"), mine("wide")], match="params", width=400, seeds=1)
    assert [record.metrics["parameters"] for record in done.records] == [32, 32]


LINE = NET.splitlines().index('    raise RuntimeError("no such layer")') + 1
WRONG = {
    "raises": rf"building it raised RuntimeError: no such layer \(.*networks_of_mine\.py, line {LINE}\)",
    "text": r"got str; expected it to return a torch\.nn\.Module",
    "wrong": r"got an output of shape \(2, 5\) for an input of shape \(2, 3\); expected \(2, 2\), 2 for each example",
    "mismatched": r"calling the network on an input of shape \(2, 3\) raised RuntimeError: mat1 and mat2",
    "several": r"got an output of shape tuple",
    "asks": r"got the arguments depth, heads without a default; expected build\(inputs=\.\.\., outputs=\.\.\.\)",
    "diverges": r"the loss is (inf|nan) at step",
}


@pytest.mark.parametrize("name", WRONG)
def test_networks_that_do_not_work(name: str, folder: Path) -> None:
    done = quick(model=mine(name), swap="ReLU=golu")
    assert len(done.records) == 2, "after the first seed there is nothing to compare"
    for record in done.records:
        assert record.error is not None
        assert re.search(WRONG[name], record.error["message"]), record.error["message"]
        assert "\n" not in record.error["message"]
    assert any("ReLU, golu did not come through the first seed, so the other 4" in line for line in done.problems)
    assert done.exit_code() == 1


def test_the_next_run_goes_on_after_a_repair(folder: Path) -> None:
    broken = quick(model=[mine("good"), mine("raises")], report=True)
    assert (
        "no such layer"
        in Path("runs/compare-churn-networks_of_mine-good-networks_of_mine-raises/report.md").read_text()
    )
    assert [record.status for record in broken.records] == ["ok", "failed"]
    (folder / "layers_of_mine.py").write_text("hidden = 5  # as before\n")
    (folder / "networks_of_mine.py").write_text(NET.replace('raise RuntimeError("no such layer")', "return fixed()"))
    sys.modules.pop("networks_of_mine")
    assert quick(model=[mine("good"), mine("raises")]).broken == []


def test_an_import_that_fails_is_told_with_its_line(folder: Path) -> None:
    (folder / "networks_of_mine.py").write_text("import nothing_of_the_kind\n\ndef good():\n    return None\n")
    done = quick(model=mine("good"), swap="ReLU=golu")
    message = (done.records[0].error or {})["message"]
    assert "importing it raised ModuleNotFoundError" in message
    assert "networks_of_mine.py, line 1" in message


@pytest.mark.slow
def test_networks_that_hang_or_die_leave_the_others_alone(folder: Path) -> None:
    names = [mine(name) for name in ("good", "wide", "dies", "hangs")]
    done = quick(model=names, runner="local", jobs=2, cell_seconds=8.0, seeds=1)
    status = {arm: {record.status for record in done.records if record.arm == arm} for arm in done.study.arms}
    assert status == {"good": {"ok"}, "wide": {"ok"}, "dies": {"killed"}, "hangs": {"timeout"}}
    assert len(done.records) == 4
    assert done.exit_code() == 1


def test_a_swap_that_finds_nothing(folder: Path) -> None:
    done = quick(model=mine("good"), swap="torch.nn.GELU=golu")
    message = next((record.error or {})["message"] for record in done.records if record.arm == "golu")
    assert message == "swap: got a network without torch.nn.GELU; expected one of what it has: Linear, ReLU"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no arms": ({"arms": []}, r"arms: got none; expected at least two"),
    "one arm": ({"arms": ["relu"]}, r"arms: got only relu; expected at least two"),
    "an arm twice": ({"arms": ["relu", "relu"]}, r"relu is there twice"),
    "unknown bend": ({"arms": ["relu", "golo"]}, r"unknown bend 'golo'; did you mean golu"),
    "unknown class": ({"swap": "torch.nn.RELU=golu"}, r"unknown class of torch\.nn 'RELU'; did you mean .*ReLU"),
    "no rule": ({"swap": "ReLU"}, r"swap: got ReLU; expected what goes = what comes"),
    "itself": ({"swap": "ReLU=ReLU,golu"}, r"swap: got ReLU=ReLU; expected another bend"),
    "two rules": ({"swap": {"ReLU": ["golu"], "GELU": ["golu"]}}, r"expected one class to replace"),
    "arms and model": ({"arms": ["relu", "gelu"], "model": "networks_of_mine:good"}, r"none beside a model or a swap"),
    "one model": ({"model": "networks_of_mine:good"}, r"expected two or more, or something to swap"),
    "no colon": ({"model": "networks_of_mine"}, r"model: got networks_of_mine; expected pkg\.mod:build"),
    "no module": ({"model": "networks_of_mien:good"}, r"unknown module .*did you mean networks_of_mine or"),
    "no function": ({"model": "networks_of_mine:goood"}, r"unknown name in .*networks_of_mine\.py 'goood'.*good"),
    "no unit": ({"arms": ["relu", "gelu"], "budget": "60"}, r"budget: got 60; expected 60s, 2m, 1h, '300 steps'"),
    "no time": ({"arms": ["relu", "gelu"], "budget": "0s"}, r"budget: got 0s"),
    "no seeds": ({"arms": ["relu", "gelu"], "seeds": 0}, r"seeds: got 0; expected a whole number >= 1"),
    "no data": ({"arms": ["relu", "gelu"], "on": "digit"}, r"unknown data set 'digit'; did you mean digits"),
    "no file": ({"arms": ["relu", "gelu"], "on": "churm.csv"}, r"no such file; .*Did you mean .*churn\.csv"),
    "no option": ({"arms": ["relu", "gelu"], "bugdet": "5 steps"}, r"unknown option 'bugdet'; did you mean budget"),
    "option of a file": (
        {"arms": ["relu", "gelu"], "on": "digits", "target": "y"}, r"target: got y; expected none: digits is not"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_before_anything_runs(case: str, folder: Path) -> None:
    options, message = REFUSED[case]
    data = {} if options.get("on") else {"target": "left"}
    with pytest.raises(UnbendError, match=message) as caught:
        compare(**{"on": "churn.csv", "runs": "runs", **data, **options})
    assert "\n" not in str(caught.value)
    assert not Path("runs").exists()


def test_a_source_that_is_not_python(folder: Path) -> None:
    (folder / "networks_of_mine.py").write_text("def good(:\n")
    with pytest.raises(ArgumentError, match=r"networks_of_mine\.py: line 1: got .*; expected Python"):
        comparison(on="churn.csv", target="left", model=mine("good"), swap="ReLU=golu")


def test_nothing_of_the_users_runs_while_the_study_is_built(folder: Path) -> None:
    (folder / "networks_of_mine.py").write_text("raise SystemExit('run')\ndef good():\n    return None\n")
    assert comparison(on="churn.csv", target="left", model=mine("good"), swap="ReLU=golu").name


def test_budgets() -> None:
    assert [parse_budget(text) for text in ("60s", "1.5 m", "2h", "300 steps", "5e9 operations")] == [
        Seconds(60.0), Seconds(90.0), Seconds(7200.0), Steps(300), Operations(5e9),
    ]  # fmt: skip
    for text in ("", "s", "0 steps", "2.5 steps", "-3s", "60 parsecs"):
        with pytest.raises(ArgumentError, match="for each cell"):
            parse_budget(text)
    assert patience(Seconds(60.0)) == 240.0
    assert forecast(24, Seconds(58.0), jobs=2) == 12.0
    assert forecast(24, Steps(10)) is None


def test_an_unknown_class_is_refused_however_it_is_spelled(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="class of torch"):
        comparison(on="churn.csv", target="left", swap="nn.Relu=golu")
