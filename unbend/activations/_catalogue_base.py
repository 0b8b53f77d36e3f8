"""The catalogue: closed forms from the literature, as data; and the bend made of one of them."""

import ast
import csv
import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from unbend._errors import ArgumentError
from unbend._rooms import ROOT

Status = Literal["V", "S", "K", "T", "A"]

STATUS: dict[str, str] = {
    "V": "compared with an independent implementation",
    "S": "as the survey prints it",
    "K": "from knowledge of the original",
    "T": "UNVERIFIED: from a transcription of the survey only",
    "A": "UNVERIFIED: the sources are inconsistent, and this is our reading",
}


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue.

    Attributes:
        name: its name.
        kind: "bend" (a function of x), "gated" (of u and the gate v), or "vector" (of a whole row or map).
        family: the section of the catalogue.
        formula: as the source prints it.
        stable: the same function written so that nothing overflows or cancels; empty where the formula does.
        parameters: names and defaults.
        learned: whether the original trains them.
        year: of the original, approximate.
        place: section or equation of the survey.
        status: how well the formula is verified, a key of `STATUS`.
        note: what must be known of it.
        alias_of: the entry that is the same function, such as "golu"; or the family that it belongs to at fixed values,
            such as "swish(b=1)". `duplicates()` finds them.
        also: further names of it in the literature.
        values: f(-2), f(-0.5), f(1) as the source of the catalogue computed them.
    """

    name: str
    kind: Literal["bend", "gated", "vector"]
    family: str
    formula: str
    stable: str
    parameters: dict[str, float] = field(hash=False)
    learned: bool
    year: str
    place: str
    status: Status
    note: str
    alias_of: str = field(repr=False)  # the digest of a study follows the repr: what is computed, not what it is called
    also: tuple[str, ...] = field(repr=False)
    values: tuple[float, ...]

    @property
    def code(self) -> str:
        """The formula that is computed."""
        return self.stable or self.formula


@cache
def catalogue() -> dict[str, Entry]:
    """Every entry by name, in the order of the file; read on first use."""
    with (ROOT / "activations" / "catalogue.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["name"]: _entry(row) for row in rows}


def _entry(row: dict[str, str]) -> Entry:
    fields: dict[str, Any] = {
        name: text for name, text in row.items() if name not in ("parameters", "learned", "also", "values")
    }
    return Entry(
        **fields,
        parameters=_defaults(row["parameters"]) if row["kind"] != "vector" else {},
        learned=row["learned"] == "yes",
        also=tuple(row["also"].split(",")) if row["also"] else (),
        values=tuple(float(value) for value in row["values"].split(",") if value),
    )


def _defaults(text: str) -> dict[str, float]:
    """`a=1,b=2*log(2)` as numbers."""
    call = ast.parse(f"f({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    return {str(keyword.arg): _number(keyword.value) for keyword in call.keywords}


def _number(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _number(left) * _number(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _number(left) / _number(right)
        case ast.Call(func=ast.Name(id="log"), args=[value]):
            return math.log(_number(value))
        case _:
            raise ArgumentError.of("parameters", ast.unparse(node), "a number")


def document(entry: Entry) -> str:
    """The docstring of one entry."""
    defaults = ", ".join(f"{name}={value:.6g}" for name, value in entry.parameters.items())
    place = f"; {entry.place} of the survey" if entry.place else ""
    note = f" {entry.note}." if entry.note else ""
    same = f" It is {entry.alias_of} under another name." if entry.alias_of else ""
    also = f" Also called {', '.join(entry.also)}." if entry.also else ""
    lines = [
        f"{entry.name}: {entry.family.lower()}{f' ({entry.year})' if entry.year else ''}.",
        "",
        "Formula:",
        f"    y = {entry.code}",
        "",
        "Shape:",
        "    x: (*), floating; y: (*), same type.",
        "",
        "Behaviour:",
        f"    Defaults: {defaults or 'no parameters'}. Status: {STATUS[entry.status]}{place}.{same}{also}{note}",
        *([f"    The source prints y = {entry.formula}"] if entry.stable else []),
        "",
        "References:",
        "    Kunc, Klema (2024), Three Decades of Activations, arXiv:2402.09092.",
    ]
    return "\n".join(lines)


def outputs(code: str) -> list[str]:
    """The expressions of a gated form, one for each number that it gives for a pair, with x in the place of u."""
    tree = _FirstIsX().visit(ast.parse(code, mode="eval")).body
    return [ast.unparse(part) for part in (tree.elts if isinstance(tree, ast.Tuple) else [tree])]


class _FirstIsX(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("x") if node.id == "u" else node
