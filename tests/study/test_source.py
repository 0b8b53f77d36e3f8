"""A file read as text: what it defines, imports and does."""

import ast

import pytest

from unbend.study._source import Link, Source, links, text, uses


def read(code: str, room: bool = False) -> Source:
    return Source(code, room)


def test_definitions_and_links_are_found_wherever_they_stand() -> None:
    source = read("""
import a.b, c as d
from e import f as g, h
from . import i
try:
    import fast
    SPEED = 1
except ImportError:
    fast = None
x = y = 1
z: int = 2
def function(): ...
class Class: ...
""")
    assert source.links == {
        "a": Link("a"), "d": Link("c"), "g": Link("e", "f"), "h": Link("e", "h"), "i": Link("", "i", 1),
        "fast": Link("fast"),
    }  # fmt: skip
    assert source.definitions.keys() == {"fast", "SPEED", "x", "y", "z", "function", "Class"}


@pytest.mark.parametrize(
    ("code", "effect"),
    [
        ("x = 1", False),
        ("def f(): ...", False),
        ("import a", False),
        ("register(1)", True),
        ("table['a'] = 1", True),
        ("a.b = 1", True),
        ("for x in y: register(x)", True),
        ("if fast: x = 1", True),
        ("def op(): ...\n@op.backward\ndef _(): ...", True),
        ("from unbend.kernels import op\n@op.backward\ndef _(): ...", True),
        ("from functools import cache\n@cache\ndef f(): ...", False),
        ("if __name__ == '__main__': run()", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import b", False),
    ],
)
def test_what_an_import_does_is_told_from_what_it_names(code: str, effect: bool) -> None:
    assert bool(read(code).effects) == effect


def test_imports_for_checkers_count_in_a_room_alone() -> None:
    code = "if TYPE_CHECKING:\n    from a import b as b"
    assert read(code).links == {}
    assert read(code, room=True).links == {"b": Link("a", "b")}


def test_uses_are_names_with_their_attributes_but_no_annotations() -> None:
    found = uses(
        ast.parse("def f(x: Kind = default) -> Other:\n    from a import b\n    return m.n.o(x)[p].q + 'text'")
    )
    assert found.chains == {("default",), ("m", "n", "o"), ("x",), ("p",)}
    assert found.links == {"b": Link("a", "b")}
    assert found.strings == {"text"}


def test_layout_comments_docstrings_and_imports_are_no_part_of_the_text() -> None:
    one = 'def f(x):\n    """Says."""\n    import a\n    return (x\n        + 1)  # why\n'
    two = "def f( x ) :\n  return x+1"
    assert text(ast.parse(one).body) == text(ast.parse(two).body)
    assert text(ast.parse(one.replace("+ 1", "+ 2")).body) != text(ast.parse(two).body)


def test_links_say_where_they_come_from() -> None:
    assert [str(link) for link in links(*ast.parse("import a.b as c\nfrom ..d import e").body).values()] == [
        "a.b",
        "..d.e",
    ]
