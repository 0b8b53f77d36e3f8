"""One number changed in the code: exactly the arms that can reach it are stale."""

import importlib
import json
import linecache
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from unbend._rooms import ROOT
from unbend.study import Arm, Steps, Study, _digest as module, classify
from unbend.study._closure import Closure
from unbend.study._digest import Digest, digests
from unbend.study._find import find

FILES = {
    "__init__.py": """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from mini.activations import relu as relu
        def __getattr__(name):
            import importlib
            return getattr(importlib.import_module("mini.activations"), name)
        """,
    "activations/__init__.py": """
        from mini.activations._base import Bend as Bend
        from mini.activations._golu import (GoLU as GoLU)
        from mini.activations._relu import relu as relu
        """,
    "activations/_base.py": """
        import math
        UNUSED = 1
        SCALE = 10
        class Bend:
            def scaled(self, x):
                return SCALE * math.exp(x)
        def helper():
            return 20
        """,
    "activations/_golu.py": """
        from typing import TYPE_CHECKING
        from mini.activations._base import Bend
        if TYPE_CHECKING:
            from mini.activations._relu import relu
        class GoLU(Bend):
            '''A bend.'''
            gamma = 30
            def lazy(self) -> "relu":
                # Why this is so.
                from mini.kernels import scan
                return scan.run(self.gamma)
        """,
    "activations/_relu.py": """
        from mini.activations import _base
        LIMIT = 40
        def relu(x):
            return max(x, LIMIT) + _base.helper()
        """,
    "kernels/__init__.py": "",
    "kernels/scan.py": """
        TABLE = {}
        def operator(function):
            return Op(function)
        class Op:
            def __init__(self, function): self.function = function
            def backward(self, function): self.gradient = function
        @operator
        def run(x):
            return 50 * x
        @run.backward
        def _(x):
            return 60
        TABLE["start"] = 70
        def apart():
            return 80
        """,
    "study/__init__.py": "",
    "study/_train.py": """
        from dataclasses import dataclass
        RATE = 90
        @dataclass(frozen=True)
        class Fit:
            width: int = 8
            def __call__(self, cell):
                return {"accuracy": float(RATE)}
        """,
    "studies/__init__.py": "",
    "studies/question.py": """
        from functools import partial
        import mini
        from mini.activations import GoLU
        from mini.study._train import Fit
        WIDTH = 100
        def local(width=110):
            return WIDTH
        def other():
            return 120
        arms = {
            "golu": GoLU,
            "root": lambda: mini.relu,
            "local": local,
            "partial": partial(local, width=130),
            "plain": other,
        }
        fit = Fit(width=140)
        print(end="")
        """,
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package laid out as unbend is, which can be edited."""
    root = tmp_path / "mini"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line[8:] for line in text.splitlines()))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield root
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "mini"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def declared(arms: dict[str, Any], trial: Callable[..., Any]) -> Study:
    return Study(name="q", question="?", data=["x"], arms=arms, trial=trial, budget=Steps(1), claims=[])


def taken(root: Path) -> dict[str, str]:
    """The digests of the study as the files stand."""
    forget()
    question = importlib.import_module("mini.studies.question")
    return digests(declared(question.arms, question.fit), Closure(root))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new))


EVERY = {"golu", "root", "local", "partial", "plain"}


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("activations/_golu.py", "gamma = 30", "gamma = 31", {"golu"}),
        ("activations/_base.py", "SCALE = 10", "SCALE = 11", {"golu"}),
        ("activations/_base.py", "import math", "import cmath as math", {"golu"}),
        ("activations/_base.py", "return 20", "return 21", {"root"}),
        ("activations/_base.py", "UNUSED = 1", "UNUSED = 2", set()),
        ("activations/_relu.py", "LIMIT = 40", "LIMIT = 41", {"root"}),
        ("kernels/scan.py", "return 50 * x", "return 51 * x", {"golu"}),
        ("kernels/scan.py", "return 60", "return 61", {"golu"}),
        ("kernels/scan.py", '["start"] = 70', '["start"] = 71', {"golu"}),
        ("kernels/scan.py", "return 80", "return 81", set()),
        ("study/_train.py", "RATE = 90", "RATE = 91", EVERY),
        ("studies/question.py", "WIDTH = 100", "WIDTH = 101", {"local", "partial"}),
        ("studies/question.py", "width=110", "width=111", {"local", "partial"}),
        ("studies/question.py", "return 120", "return 121", {"plain"}),
        ("studies/question.py", "width=130", "width=131", {"partial"}),
        ("studies/question.py", "width=140", "width=141", EVERY),
        ("studies/question.py", "lambda: mini.relu", "lambda: mini.GoLU", {"root"}),
        ("studies/question.py", 'print(end="")', 'print("", end="")', set()),
    ],
)
def test_a_change_makes_exactly_its_arms_stale(tree: Path, file: str, old: str, new: str, stale: set[str]) -> None:
    before = taken(tree)
    edit(tree / file, old, new)
    after = taken(tree)
    assert {arm for arm in before if before[arm] != after[arm]} == stale


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("activations/_golu.py", "'''A bend.'''", "'''A bend, gated.'''"),
        ("activations/_golu.py", "# Why this is so.", "# Why that was so."),
        ("activations/_golu.py", "gamma = 30", "gamma = (\n        30\n    )"),
        ("activations/_golu.py", "import relu", "import LIMIT"),
        ("studies/question.py", '"golu": GoLU,', ""),
        ("studies/question.py", '"golu": GoLU,', '"more": lambda: 1, "golu": GoLU, "again": local,'),
        ("studies/question.py", "import mini\n", "\n\n\nimport mini\n"),
    ],
)
def test_what_does_not_change_the_code_makes_nothing_stale(tree: Path, file: str, old: str, new: str) -> None:
    before = taken(tree)
    edit(tree / file, old, new)
    after = taken(tree)
    assert {arm: after.get(arm, before[arm]) for arm in before} == before


def test_renamed_files_and_reordered_arms_make_nothing_stale(tree: Path) -> None:
    before = taken(tree)
    (tree / "activations/_golu.py").rename(tree / "activations/_gompertz.py")
    edit(tree / "activations/__init__.py", "activations._golu", "activations._gompertz")
    (tree / "activations/_base.py").rename(tree / "activations/_root.py")
    for name in ("__init__", "_gompertz"):
        edit(tree / f"activations/{name}.py", "activations._base", "activations._root")
    edit(tree / "activations/_relu.py", "import _base", "import _root as _base")
    edit(tree / "studies/question.py", '    "plain": other,\n', "")
    edit(tree / "studies/question.py", '    "golu": GoLU,\n', '    "plain": other,\n    "golu": GoLU,\n')
    assert taken(tree) == before


def test_a_users_own_files_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/__init__.py").write_text("")
    (tmp_path / "mine/model.py").write_text("from .parts import block\ndef build():\n    return block()\n")
    (tmp_path / "mine/parts.py").write_text("SIZE = 3\ndef block():\n    return SIZE\n")
    monkeypatch.syspath_prepend(tmp_path)
    build = importlib.import_module("mine.model").build
    before = Digest(Closure()).of(build)
    (tmp_path / "mine/parts.py").write_text("SIZE = 4\ndef block():\n    return SIZE\n")
    assert Digest(Closure()).of(build) != before


def of(value: Any) -> str:
    return Digest(Closure()).of(value)


def made(n: int, m: int = 0) -> Callable[[], int]:
    def inner() -> int:
        return n + m

    return inner


def test_captured_values_count() -> None:
    assert of(made(1)) == of(made(1))
    assert of(made(1)) != of(made(2))
    assert of(partial(made, 1)) != of(partial(made, 2))
    assert of(partial(made, 1)) != of(partial(made, n=1))
    assert of(Arm(made, {"n": 1})) != of(Arm(made, {"n": 2}))
    assert of(Arm(made, {"n": [0.1, "a", {3}]})) == of(Arm(made, {"n": [0.1, "a", {3}]}))


def test_lambdas_of_one_line_are_told_apart() -> None:
    one, two, same = lambda x: x + 1, lambda x: x + 2, lambda x: x + 1  # fmt: skip
    assert of(one) != of(two)
    assert of(one) == of(same)


@cache
def cached() -> int:
    return 3


def test_a_wrapped_function_is_read_through() -> None:
    assert of(cached) == of(cached.__wrapped__) != of(made)


def test_a_value_that_refers_to_itself_ends() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert of(loop) == of(loop)


def notebook(text: str, number: int, **names: Any) -> dict[str, Any]:
    """Run a cell as a notebook does: with no file, and the text remembered."""
    name = f"<cell {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "__main__", **names}
    exec(compile(text, name, "exec"), space)
    return space


def test_cells_of_a_notebook_are_followed_through_their_names() -> None:
    def arm(width: int, step: int, comment: str = "") -> Any:
        space = notebook(f"WIDTH = {width}\ndef step(x):\n    return x + {step}", 2 * width + step)
        cell = f"{comment}\nclass Net:\n    def run(self):\n        return step(WIDTH)\ndef arm():\n    return Net"
        return notebook(cell, 1000 + 2 * width + step + len(comment), **space)["arm"]

    assert of(arm(3, 5)) == of(arm(3, 5, "# a comment"))
    assert of(arm(3, 5)) != of(arm(3, 6))
    assert of(arm(3, 5)) != of(arm(4, 5))


def test_code_without_a_text_is_known_by_its_instructions() -> None:
    def arm(text: str) -> Any:
        space: dict[str, Any] = {"__name__": "nowhere"}
        exec(f"N = 3\narm = lambda x: {text}", space)
        return space["arm"]

    assert of(arm("x + N")) == of(arm("x + N"))
    assert of(arm("x + N")) != of(arm("x - N"))
    assert of(arm("x + 1")) != of(arm("x + 2"))


def test_versions_of_torch_and_of_the_arms_package_count(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = of(torch.nn.ReLU), of(made)
    monkeypatch.setattr(module, "_version", lambda package: f"another {package}")
    assert of(torch.nn.ReLU) != before[0]
    assert of(made) != before[1]
    ours, peer = module._installed(made), module._installed(partial)
    assert ours[1] == "another tests"
    assert peer[1] == "another functools"


def test_one_method_of_a_room_does_not_depend_on_the_others() -> None:
    from unbend.activations import GoLU

    closure = Closure()
    Digest(closure).of(GoLU)
    own = {path.name for path in closure.files if path.parent.name == "activations"}
    assert "_golu.py" in own
    assert {name for name in own if not name.endswith("_base.py")} == {"_golu.py", "__init__.py"} & own


def test_a_name_among_the_parameters_stands_for_what_it_names() -> None:
    def read(**params: Any) -> set[str]:
        closure = Closure()
        Digest(closure).of(Arm(made, params))
        return {path.name for path in closure.files}

    assert "_golu.py" in read(bend="golu")
    assert "_swish.py" in read(bend="swish")
    assert "_golu.py" not in read(bend="no such thing")


def test_a_line_of_the_catalogue_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from unbend.activations import _catalogue_base

    before = of(Arm(made, {"bend": "mish"}))
    entries = dict(_catalogue_base.catalogue())
    entries["mish"] = replace(entries["mish"], formula="x")
    monkeypatch.setattr(_catalogue_base, "catalogue", lambda: entries)
    assert of(Arm(made, {"bend": "mish"})) != before


def test_the_reference_is_part_of_every_arm() -> None:
    def study(reference: str | None, base: Callable[..., Any]) -> dict[str, str]:
        trial = classify(made, width=4)
        arms = {"a": Arm(made), "base": Arm(base)}
        return digests(Study("q", "?", ["x"], arms, trial, Steps(1), [], reference=reference))

    assert study("base", made)["a"] != study("base", of)["a"]
    assert study(None, made)["a"] == study(None, of)["a"]


def test_modules_and_tensors_are_values() -> None:
    import torch

    def net(seed: int) -> torch.nn.Module:
        torch.manual_seed(seed)
        return torch.nn.Linear(2, 2)

    assert of(net(0)) == of(net(0))
    assert of(net(0)) != of(net(1))
    assert of(ModuleType("a")) != of(ModuleType("b"))


FINISH = """
from unbend.study import Store
from unbend.study._cell import Outcome, record_of
from unbend.study._digest import digests
from unbend.study._find import find
from unbend.study._plan import plan
from unbend.study._run import load_data
study = find("golu")
hashes = {name: load_data(study, name).hash for name in study.data}
with Store("unbend-runs", "golu").writing() as writer:
    for task in plan(study, {}, hashes, digests(study), range(2)).tasks:
        writer.append(record_of(study, hashes, task, Outcome("ok", {metric.name: 0.5 for metric in study.metrics})))
"""
STATUS = "from unbend.cli import main; main()"


@pytest.mark.slow
def test_a_number_changed_in_golu_makes_the_golu_arm_of_its_study_stale(tmp_path: Path) -> None:
    """The same on a copy of the package itself, with its own study and command line."""
    shutil.copytree(ROOT, tmp_path / "unbend", ignore=shutil.ignore_patterns("__pycache__"))

    def python(code: str, *words: str) -> str:
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    def stale() -> dict[str, int]:
        found: dict[str, int] = {}
        for row in json.loads(python(STATUS, "study", "status", "golu", "--json"))["cells"]:
            found[row["arm"]] = found.get(row["arm"], 0) + row["stale"]
        return {arm: count for arm, count in found.items() if count}

    python(FINISH)
    assert stale() == {}
    path = tmp_path / "unbend" / "activations" / "_golu.py"
    path.write_text(path.read_text().replace("return x * torch.exp(-tail)", "return x * torch.exp(-1.01 * tail)"))
    sets = len(json.loads(python(STATUS, "study", "status", "golu", "--json"))["cells"]) // len(find("golu").arms)
    assert stale() == {"golu": 2 * sets}
