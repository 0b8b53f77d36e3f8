"""Read a public docstring as data: its summary and its sections. Imports no torch."""

import ast
import re
from functools import cache
from pathlib import Path
from textwrap import dedent

# Every section that the docstring of a method may have, in the order in which they stand.
SECTIONS = ("Formula", "Shape", "Args", "Returns", "Raises", "Behaviour", "Departures", "References", "Examples")

# What no method may leave out; a plain helper function needs only what applies to it.
REQUIRED = ("Formula", "Shape", "Behaviour", "References", "Examples")

_HEAD = re.compile(rf"^({'|'.join(SECTIONS)}):\s*$", re.MULTILINE)


def sections(doc: str) -> dict[str, str]:
    """`{"Summary": ..., "Formula": ..., ...}` of a Google-style docstring, each section's text without its indent."""
    head, _, rest = doc.strip("\n").partition("\n")
    parts = _HEAD.split(dedent(head.lstrip()) + "\n" + dedent(rest))
    found = {"Summary": parts[0].strip()}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        found[name] = dedent(text.strip("\n")).rstrip()
    return found


@cache
def source(path: Path) -> dict[str, tuple[str, str]]:
    """`name -> (docstring, signature)` of the top-level definitions of a file, without importing it."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = (ast.get_docstring(node) or "", _signature(node))
    return found


def _signature(node: ast.ClassDef | ast.FunctionDef) -> str:
    function = node
    if isinstance(node, ast.ClassDef):
        own = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        if not own:
            return f"{node.name}()"
        function = own[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = ast.unparse(function.args).removeprefix("self, ").removeprefix("self")
    returns = f" -> {ast.unparse(function.returns)}" if function is node and function.returns else ""
    return f"{node.name}({arguments}){returns}"
