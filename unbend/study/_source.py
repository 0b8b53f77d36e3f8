"""One source file as its definitions and what each of them uses; read as text, never imported."""

import ast
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType

Chain = tuple[str, ...]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = (ast.If, ast.Try, ast.With, ast.For, ast.While)


@dataclass(frozen=True)
class Link:
    """What a name was imported from: a module (`name` is None) or a name in it; `level` dots make it relative."""

    module: str
    name: str | None = None
    level: int = 0

    def __str__(self) -> str:
        return "." * self.level + self.module + (f".{self.name}" if self.name else "")


@dataclass
class Uses:
    """What a piece of code refers to: dotted names, imports of its own, and text."""

    chains: set[Chain] = field(default_factory=set[Chain])
    links: dict[str, Link] = field(default_factory=dict[str, Link])
    strings: set[str] = field(default_factory=set[str])

    def without(self, code: CodeType) -> "Uses":
        """The same without what is a local or captured name in `code`."""
        local = {*code.co_varnames, *code.co_cellvars, *code.co_freevars} - self.links.keys()
        return replace(self, chains={chain for chain in self.chains if chain[0] not in local})


class Source:
    """The top level of a file: its imports, its definitions by name, and what it does when it is imported.

    Args:
        text: the source.
        room: whether it is an `__init__.py`, whose imports for type checkers say what it exports lazily.
    """

    def __init__(self, text: str, room: bool = False) -> None:
        self.tree = ast.parse(text)
        self.links: dict[str, Link] = {}
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.effects: list[ast.stmt] = []
        for statement in self.tree.body:
            if room and _for_checkers(statement):
                self.links |= links(statement)
            elif not (_for_checkers(statement) or _is_main(statement)):
                self._read(statement)

    @classmethod
    def of(cls, path: Path) -> "Source":
        return cls(path.read_text(), path.name == "__init__.py")

    def _read(self, statement: ast.stmt) -> None:
        if isinstance(statement, _DEFINITIONS):
            self.definitions.setdefault(statement.name, []).append(statement)
            if self._registers(statement):
                self.effects.append(statement)
            return
        found = links(statement)
        self.links |= found
        bound = set(_bound(statement))
        for name in bound:
            self.definitions.setdefault(name, []).append(statement)
        if isinstance(statement, _BLOCKS) or not (bound or found):
            self.effects.append(statement)

    def _registers(self, statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
        """Whether a decorator of this file or of ours may have put it where it is found without its name."""
        roots = {chain[0] for decorator in statement.decorator_list for chain in uses(decorator).chains}
        return any(root in self.definitions or _is_ours(self.links.get(root)) for root in roots)


def links(*statements: ast.stmt) -> dict[str, Link]:
    """The names that imports bind, wherever in the statements they stand."""
    found: dict[str, Link] = {}
    for node in (node for statement in statements for node in ast.walk(statement)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = Link(node.module or "", alias.name, node.level)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = Link(
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
    return found


def uses(*nodes: ast.AST) -> Uses:
    """What the code refers to; annotations count as text only, for nothing is called through them."""
    found = Uses()
    for node in nodes:
        _collect(node, found)
    return found


def text(nodes: Iterable[ast.AST]) -> str:
    """The code in one form for all layouts: no comments, no docstrings, no imports."""
    bare = (_Bare().visit(deepcopy(node)) for node in nodes)
    return "\n".join(ast.unparse(node) for node in bare if node)


def _collect(node: ast.AST, found: Uses) -> None:
    if _for_checkers(node):
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        found.links |= links(node)
        return
    chain = _chain(node)
    if chain:
        found.chains.add(chain)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.strings.add(node.value)
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    _collect(child, found)


def _chain(node: ast.AST) -> Chain:
    """`a.b.c` as its parts; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds, those within its blocks included."""
    for node in ast.walk(statement):
        if isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _is_ours(link: Link | None) -> bool:
    return link is not None and (link.level > 0 or link.module.partition(".")[0] == "unbend")


class _Bare(ast.NodeTransformer):
    """Takes away what does not change what the code does."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if _for_checkers(node) else self.generic_visit(node)
