"""The user's own network: found without running it, built in the cell, and one sentence for what is wrong with it."""

import ast
import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from unbend._errors import ArgumentError, UnbendError, UnknownNameError
from unbend._rooms import ROOT
from unbend.data import Dataset

_INSTALLED = frozenset({"site-packages", "dist-packages"})
Build = str | Callable[..., Any]
FORMS = "build(inputs=..., outputs=...), build(inputs=..., outputs=..., width=...) or build()"


class ModelError(UnbendError):
    """The user's network cannot be built, or does not do what the data ask for."""


@dataclass(frozen=True)
class UserModel:
    """A function or class of the user's that makes a network.

    It is called with those of `inputs`, `outputs` and `width` that it takes. `inputs` is the number of inputs, the
    shape `(c, h, w)` of an image, or the number of different characters; `outputs` is the number of classes, of
    targets, or of different characters.

    Args:
        name: what it is called, such as `pkg.mod:build`.
        digest: of its source; see `find`.
        build: the function itself, where it was given and not named.
    """

    name: str
    digest: str
    build: Callable[..., Any] | None = None

    @classmethod
    def find(cls, model: str | Callable[..., Any]) -> "UserModel":
        """Look up `pkg.mod:build` in the text of its module: nothing of the user's is run here.

        The digest is that of the module and of what it imports from the same folder, without its comments; of a
        function that is given as such, that of its own text.

        Raises:
            ArgumentError: the name has another form, or the file is not Python.
            UnknownNameError: there is no such module, or no such name in it.
        """
        if callable(model):
            text = ""
            with suppress(OSError, TypeError):
                text = inspect.getsource(model)
            called = getattr(model, "__qualname__", type(model).__name__)
            name = called if model.__module__ == "__main__" else f"{model.__module__}:{called}"
            return cls(name, hashlib.sha256(text.encode()).hexdigest(), build=model)
        module, colon, attribute = model.partition(":")
        if not (colon and module and attribute.isidentifier()):
            raise ArgumentError.of("model", model, "pkg.mod:build, a module and a function in it")
        root = _root(module)
        if root is None:
            beside = [path.stem for path in Path().glob("*.py")]
            raise UnknownNameError.of("module", module, beside, f"(looked in {Path().resolve()} and on the path)")
        sources = dict(_sources(root, module))
        names = _names(sources[module])
        if attribute not in names and "*" not in names:
            raise UnknownNameError.of(f"name in {_file(root, module)}", attribute, names)
        digest = hashlib.sha256("\n".join(ast.dump(tree) for _, tree in sorted(sources.items())).encode())
        return cls(model, digest.hexdigest())

    @property
    def identity(self) -> dict[str, str]:
        """What tells it apart from another, and from itself after a change."""
        return {"model": self.name, "digest": self.digest[:16]}

    def __call__(self, data: Dataset, width: int) -> nn.Module:
        """Import, build, and try on two examples.

        Raises:
            ModelError: something raises, the function takes other arguments or returns something other than a module,
                or the network gives another shape than the data ask for.
        """
        with self.blamed("importing it"):
            build = self.build or self._imported()
        given = self._arguments(build, data, width)
        # Widths are matched on torch's meta device, where a user's network need not work.
        with torch.device("cpu"):
            with self.blamed("building it"):
                network = build(**given)
            if not isinstance(network, nn.Module):
                raise ModelError(f"{self.name}: got {type(network).__name__}; expected it to return a torch.nn.Module")
            self._try(network, data)
        return network.train()

    def _try(self, network: nn.Module, data: Dataset) -> None:
        x, y = data.train[0][:2], data.train[1][:2]
        with self.blamed(f"calling the network on an input of shape {tuple(x.shape)}"), torch.no_grad():
            out = network.eval()(x)
        wanted = tuple(y.shape) if data.task == "regression" else (*y.shape, data.outputs)
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        if got != wanted:
            raise ModelError(
                f"{self.name}: got an output of shape {got} for an input of shape {tuple(x.shape)}; expected {wanted}, "
                f"{data.outputs} for each {'character' if data.task == 'next-token' else 'example'}"
            )

    @contextmanager
    def blamed(self, what: str) -> Generator[None]:
        """Turn what the user's code raises within the block into a `ModelError` that names the line."""
        try:
            yield
        except UnbendError:
            raise
        except BaseException as error:
            # The line to look at is the user's own: not in what is installed, not in unbend.
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if not _INSTALLED & set(Path(frame.filename).parts)]
            own = [frame for frame in own if not Path(frame.filename).is_relative_to(ROOT)]
            place = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
            told = f"{self.name}: {what} raised {type(error).__name__}: {error}{place}"
            raise ModelError(told) from error.with_traceback(_outside(error.__traceback__))

    def _imported(self) -> Callable[..., Any]:
        module, _, attribute = self.name.partition(":")
        # A program's own folder is on the path, the working directory need not be.
        if (root := str(_root(module))) not in sys.path:
            sys.path.insert(0, root)
        return getattr(importlib.import_module(module), attribute)

    def _arguments(self, build: Callable[..., Any], data: Dataset, width: int) -> dict[str, Any]:
        sizes = list(data.shape)
        inputs = data.outputs if data.task == "next-token" else sizes[0] if len(sizes) == 1 else data.shape
        known = {"inputs": inputs, "outputs": data.outputs, "width": width}
        takes = inspect.signature(build).parameters
        needed = [
            name
            for name, parameter in takes.items()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
        strange = [name for name in needed if name not in known]
        if strange:
            raise ModelError(f"{self.name}: got the arguments {', '.join(strange)} without a default; expected {FORMS}")
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
        return {name: value for name, value in known.items() if takes_all or name in takes}


def _outside(frames: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of this file at its beginning."""
    while frames and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return frames


def _root(module: str) -> Path | None:
    """The folder that `module` is imported from: the working directory, or the first on the path that has it."""
    folders = dict.fromkeys(Path(entry).resolve() for entry in (".", *sys.path))
    return next((folder for folder in folders if _file(folder, module)), None)


def _file(folder: Path, module: str) -> Path | None:
    base = folder.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _sources(root: Path, module: str) -> Generator[tuple[str, ast.Module]]:
    """The module, and whatever it imports from the same folder, each once."""
    waiting, seen = [module], set[str]()
    while waiting:
        name = waiting.pop()
        path = _file(root, name)
        # unbend itself is in the digest of every cell.
        if path is None or name in seen or name.split(".")[0] == "unbend":
            continue
        seen.add(name)
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError) as error:
            line = f"{path}: line {getattr(error, 'lineno', 1)}"
            raise ArgumentError.of(line, getattr(error, "msg", str(error)), "Python") from error
        yield name, tree
        if _INSTALLED & set(path.parts):
            return
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                waiting += [part for alias in node.names for part in _prefixes(alias.name)]
            elif isinstance(node, ast.ImportFrom):
                base = _absolute(package, node)
                waiting += [part for alias in node.names for part in _prefixes(f"{base}.{alias.name}".strip("."))]


def _absolute(package: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join(filter(None, (*above, node.module)))


def _prefixes(dotted: str) -> list[str]:
    parts = dotted.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _names(tree: ast.Module) -> set[str]:
    """What a module defines or imports at its top level; `*` among them when that cannot be known."""
    found = set[str]()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif not isinstance(node, ast.Expr):
            found.add("*")
    return found
