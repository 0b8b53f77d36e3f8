"""Names followed from file to file."""

from pathlib import Path

import pytest

from unbend._rooms import ROOT
from unbend.study._closure import Closure, Unit, is_installed
from unbend.study._source import uses


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "mini"
    for name, text in {
        "__init__.py": "",
        "a.py": "from .b import *\nfrom . import c\nimport mini.d.e, numpy as np\nx = 1\ndef f(): return np.ones",
        "b.py": "y = 2",
        "c.py": "z = 3\nw = z",
        "d/__init__.py": "",
        "d/e.py": "from ..c import w",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def reached(root: Path, code: str) -> set[tuple[str, str]]:
    import ast

    found = Closure(root).reached(root / "a.py", uses(ast.parse(code)))
    return {(unit.path.name, unit.name) for unit in found.units} | {("outside", name) for name in found.outside}


@pytest.mark.parametrize(
    ("code", "units"),
    [
        ("x", {("a.py", "x")}),
        ("c.z", {("c.py", "z")}),
        ("c.made_at_run_time", {("c.py", "")}),
        ("c", {("c.py", "")}),
        ("mini.d.e.w", {("c.py", "w")}),
        ("np.ones", {("outside", "np=numpy")}),
        ("len", set()),
        ("from mini.b import y\ny", {("b.py", "y")}),
    ],
)
def test_a_name_leads_to_its_definition(root: Path, code: str, units: set[tuple[str, str]]) -> None:
    assert reached(root, code) == units


def test_hashes_follow_definitions_and_do_not_depend_on_places(root: Path, tmp_path: Path) -> None:
    before = Closure(root).hashes([Unit(root / "c.py", "w")])
    assert len(before) == 2, "w and z"
    (root / "c.py").rename(root / "renamed.py")
    assert Closure(root).hashes([Unit(root / "renamed.py", "w")]) == before
    (root / "renamed.py").write_text("z = 4\nw = z")
    assert Closure(root).hashes([Unit(root / "renamed.py", "w")]) != before


def test_installed_code_is_told_from_ours() -> None:
    import json

    import torch

    assert is_installed(json.__file__)
    assert is_installed(torch.__file__)
    assert not is_installed(__file__)
    closure = Closure()
    assert closure.file("torch") is None
    assert closure.file("json") is None
    assert closure.file("no.such.module") is None
    assert closure.file("unbend.study") == ROOT / "study" / "__init__.py"
    assert closure.file(__name__) == Path(__file__)
