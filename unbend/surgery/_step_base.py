"""The changes that a swap makes, each of which can be taken back."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from unbend._errors import ArgumentError
from unbend.surgery._edit_base import original_of


class Step(Protocol):
    """A change of a model; `do` and `undo` return the model, which is another one if it was the root that changed."""

    def do(self, model: nn.Module) -> nn.Module: ...

    def undone(self, model: nn.Module) -> str:
        """What stands in the way of `undo`; empty where nothing does."""
        ...

    def undo(self, model: nn.Module) -> nn.Module: ...


@dataclass(frozen=True)
class Replace:
    """Another module under the same paths."""

    paths: tuple[str, ...]
    before: nn.Module
    after: nn.Module

    def do(self, model: nn.Module) -> nn.Module:
        return _put(model, self.paths, self.after)

    def undone(self, model: nn.Module) -> str:
        found = [_at(model, path) for path in self.paths]
        if all(type(module) is type(self.after) for module in found):
            return ""
        return f"{self.paths[0] or 'the model'} is {type(found[0]).__name__}, not {type(self.after).__name__}"

    def undo(self, model: nn.Module) -> nn.Module:
        current = model.get_submodule(self.paths[0])
        if current is self.after:
            return _put(model, self.paths, self.before)
        # A copy of the model gets a copy of what was there, with those weights that the new module had taken over.
        before = copy.deepcopy(self.before)
        for name, tensor in self.before.named_parameters(recurse=False):
            if getattr(self.after, name, None) is tensor:
                setattr(before, name, getattr(current, name))
        return _put(model, self.paths, before)


@dataclass(frozen=True)
class Redirect:
    """An edited class for a module, and the children to which its calls now go."""

    path: str
    before: type[nn.Module]
    after: type[nn.Module]
    children: Mapping[str, nn.Module]

    def do(self, model: nn.Module) -> nn.Module:
        owner = model.get_submodule(self.path)
        owner.__class__ = self.after
        for name, child in self.children.items():
            owner.add_module(name, child)
        return model

    def undone(self, model: nn.Module) -> str:
        owner = _at(model, self.path)
        if type(owner) is self.after:
            return ""
        later = isinstance(owner, original_of(self.before))
        hint = "was edited by another swap: undo that one first" if later else f"is {type(owner).__name__}"
        return f"{self.path or 'the model'} {hint}"

    def undo(self, model: nn.Module) -> nn.Module:
        owner = model.get_submodule(self.path)
        for name in self.children:
            delattr(owner, name)
        owner.__class__ = self.before
        return model


@dataclass(frozen=True)
class Assign:
    """Another value of a plain attribute of a module."""

    path: str
    name: str
    before: Any
    after: Any

    def do(self, model: nn.Module) -> nn.Module:
        setattr(model.get_submodule(self.path), self.name, self.after)
        return model

    def undone(self, model: nn.Module) -> str:
        return "" if _at(model, self.path) is not None else f"{self.path} is gone"

    def undo(self, model: nn.Module) -> nn.Module:
        setattr(model.get_submodule(self.path), self.name, self.before)
        return model


def inner(model: nn.Module) -> nn.Module:
    """The network itself, taken out of what torch.compile and DataParallel wrap around it."""
    while True:
        if isinstance(model, torch.nn.DataParallel):
            model = model.module
        elif isinstance(compiled := getattr(model, "_orig_mod", None), nn.Module):
            model = compiled
        else:
            return model


def refuse(model: nn.Module, steps: tuple[Step, ...]) -> None:
    """Raise where the model is not as `steps` left it."""
    problems = [problem for step in steps if (problem := step.undone(model))]
    if problems:
        raise ArgumentError.of("model", problems[0], "a model as this account left it")


def _at(model: nn.Module, path: str) -> nn.Module | None:
    try:
        return model.get_submodule(path)
    except AttributeError:
        return None


def _put(model: nn.Module, paths: tuple[str, ...], module: nn.Module) -> nn.Module:
    for path in paths:
        parent, _, name = path.rpartition(".")
        if not path:
            return module
        setattr(model.get_submodule(parent), name, module)
    return model
