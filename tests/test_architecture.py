"""The shape of the tree: arrows, caps, twins, docstrings, finality. Reads the sources; imports them where it must."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from unbend._docs import REQUIRED, SECTIONS, sections, source
from unbend._rooms import METHOD_ROOMS, ROOMS, ROOT, SHELVES, definitions, exports

FILES = sorted(ROOT.rglob("*.py"))
SHELF_OF = {room: number for number, rooms in enumerate(SHELVES.values()) for room in rooms}
METHOD_FILES = sorted(
    {path for room in METHOD_ROOMS for path in (ROOT / room).glob("_*.py") if path.name != "__init__.py"}
)
EXPORTS = [export for room in METHOD_ROOMS for export in exports(room).values()]
CLASSES_AND_FUNCTIONS = pytest.mark.parametrize("export", EXPORTS, ids=lambda e: e.dotted)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def is_base(path: Path) -> bool:
    """`_base.py`, or `_<family>_base.py` where a family of files shares code."""
    return path.name.endswith("_base.py")


def imported(path: Path) -> set[str]:
    """Dotted names inside unbend that a file imports, at its top or within functions; typing-only ones left out."""
    found: set[str] = set()
    module = tree(path)
    typing_only = {
        child
        for node in ast.walk(module)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(module):
        if node in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "unbend":
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "unbend"}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_point_to_the_left(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    if room not in SHELF_OF or path.name == "__init__.py":
        return
    for name in imported(path):
        target = name.split(".")[1]
        if target not in SHELF_OF:
            continue
        if target == room:
            own = name.split(".")[2] if name.count(".") > 1 else ""
            free = room not in METHOD_ROOMS
            assert free or own.endswith("_base"), f"{path.name} imports {name}: in its room, only a _base file"
        else:
            assert SHELF_OF[target] < SHELF_OF[room], f"{path.name} imports {name}: the arrow points to the right"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_caps(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400, "a file is at most 400 lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines; a function is at most 60"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_says_nothing_of_unfinished_work(path: Path) -> None:
    found = re.search(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError\(\)", path.read_text())
    assert found is None, f"{path.name} is unfinished: {found and found.group()}"


@pytest.mark.parametrize("path", METHOD_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_method_file_has_a_test_twin(path: Path) -> None:
    if is_base(path):
        return
    twin = ROOT.parent / "tests" / path.parent.name / f"test{path.name}"
    assert twin.exists(), f"{twin.relative_to(ROOT.parent)} is missing"


@pytest.mark.parametrize("room", ROOMS)
def test_room_exports_are_explicit_and_unique(room: str) -> None:
    module = tree(ROOT / room / "__init__.py")
    assert ast.get_docstring(module), f"room {room} says in one line what it holds"
    if room not in METHOD_ROOMS:
        return
    names = [a.asname for n in module.body if isinstance(n, ast.ImportFrom) for a in n.names]
    assert None not in names, "write `X as X`"
    assert not [name for name, count in Counter(names).items() if count > 1]
    elsewhere = [e.name for e in exports(room).values() if e.name not in source(e.path)]
    assert not elsewhere, f"import {elsewhere} from the file that defines it"


@CLASSES_AND_FUNCTIONS
def test_public_docstrings_have_their_sections_in_order(export) -> None:
    public = getattr(importlib.import_module(f"unbend.{export.room}"), export.name)
    doc = inspect.getdoc(public) or ""
    found = sections(doc)
    assert found["Summary"], "the docstring begins with one sentence"
    order = [name for name in found if name != "Summary"]
    assert order == sorted(order, key=SECTIONS.index), f"sections stand in the order {SECTIONS}"
    if export.arxiv:
        missing = [name for name in REQUIRED if name not in found and not _excused(public, name)]
        assert not missing, f"{export.dotted} lacks {missing}"
    assert len(doc.splitlines()) <= 60, "a docstring is short"


def _excused(public: object, section: str) -> bool:
    # A functional form is documented once, at its class: it owes its formula and its reference, not all the rest.
    return not inspect.isclass(public) and section in ("Shape", "Behaviour", "Examples")


@CLASSES_AND_FUNCTIONS
def test_classes_are_abstract_or_final(export) -> None:
    public = getattr(importlib.import_module(f"unbend.{export.room}"), export.name)
    if not inspect.isclass(public):
        return
    own = [base for base in public.__mro__[1:] if base.__module__.startswith("unbend.")]
    direct = [base for base in public.__bases__ if base.__module__.startswith("unbend.")]
    assert len(direct) <= 1, f"{public.__name__} has {len(direct)} unbend bases; vary by wrapping or by argument"
    for base in own:
        concrete = {
            name
            for name, value in vars(base).items()
            if inspect.isfunction(value) and not getattr(value, "__isabstractmethod__", False)
        }
        overridden = concrete & set(vars(public)) - {"__init__", "extra_repr", "__repr__"}
        assert not overridden, f"{public.__name__} overrides concrete {sorted(overridden)} of {base.__name__}"


@pytest.mark.parametrize("path", METHOD_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_docstrings_found_by_text_are_those_of_the_parser(path: Path) -> None:
    found = definitions(path)
    nodes = [node for node in tree(path).body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    first = {node.name: (ast.get_docstring(node) or "").split("\n")[0] for node in nodes}
    assert {name: found.get(name, ("", None))[0] for name, line in first.items() if line} == {
        name: line for name, line in first.items() if line
    }


def test_no_two_public_docstrings_share_four_lines() -> None:
    seen: dict[tuple[str, ...], str] = {}
    for export in EXPORTS:
        public = getattr(importlib.import_module(f"unbend.{export.room}"), export.name)
        lines = [line.strip() for line in (inspect.getdoc(public) or "").splitlines() if len(line.strip()) > 20]
        for run in zip(lines, lines[1:], lines[2:], lines[3:]):
            other = seen.setdefault(run, export.dotted)
            assert other == export.dotted, f"{export.dotted} and {other} share the lines {run}"


@pytest.mark.parametrize("command", [["--help"], ["list"], ["list", "mixers"], ["papers"], ["papers", "--json"]])
def test_quick_commands_do_not_import_torch(command: list[str]) -> None:
    code = (
        "import sys; from unbend.cli import main; sys.argv = ['unbend', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "heavy = {'torch', 'scipy', 'numba', 'sympy', 'altair', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_papers_of_the_list_are_all_shown() -> None:
    from unbend.study._papers import papers

    rows = papers()
    assert [paper.number for paper in rows] == sorted(paper.number for paper in rows)
    assert len(rows) == (ROOT / "papers.tsv").read_text().count("\n") - 1
    arxiv = {paper.arxiv: paper for paper in rows if paper.arxiv}
    for export in EXPORTS:
        if export.arxiv in arxiv:
            assert export.dotted in arxiv[export.arxiv].public
