"""The changes that a swap makes, each of which can be taken back."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from unbend._errors import ArgumentError
from unbend.surgery._edit_base import Edit, edited

Home = tuple[torch.device, torch.dtype]


class Step(Protocol):
    """A change of a model; `do` and `undo` return the model, which is another one if it was the root that changed."""

    def do(self, model: nn.Module) -> nn.Module: ...

    def undone(self, model: nn.Module) -> str:
        """What stands in the way of `undo`; empty where nothing does."""
        ...

    def undo(self, model: nn.Module) -> nn.Module: ...


@dataclass(frozen=True)
class Replace:
    """Another module under the same paths; `home` is the device and the type of the weights that were beside it."""

    paths: tuple[str, ...]
    before: nn.Module
    after: nn.Module
    home: Home | None

    def do(self, model: nn.Module) -> nn.Module:
        return _put(model, self.paths, self.after)

    def undone(self, model: nn.Module) -> str:
        found = [_at(model, path) for path in self.paths]
        if all(type(module) is type(self.after) for module in found):
            return ""
        return f"{self.paths[0] or 'the model'} is {type(found[0]).__name__}, not {type(self.after).__name__}"

    def undo(self, model: nn.Module) -> nn.Module:
        current, before = model.get_submodule(self.paths[0]), self.before
        if current is not self.after:
            # A copy of the model gets a copy of what was there, with those weights that the new module had taken over.
            before = copy.deepcopy(before)
            for name, tensor in self.before.named_parameters(recurse=False):
                if getattr(self.after, name, None) is tensor:
                    setattr(before, name, getattr(current, name))
        now = home(model, self.paths[0])
        if now is not None and now != self.home:
            before.to(*now)
        before.train(current.training)
        return _put(model, self.paths, before)


@dataclass(frozen=True)
class Redirect:
    """Edits of the class of a module, and the children to which its calls now go."""

    path: str
    original: type[nn.Module]
    before: tuple[Edit, ...]
    edits: tuple[Edit, ...]
    children: Mapping[str, nn.Module]

    def do(self, model: nn.Module) -> nn.Module:
        owner = model.get_submodule(self.path)
        owner.__class__ = edited(self.original, self.before + self.edits)
        for name, child in self.children.items():
            owner.add_module(name, child)
        return model

    def undone(self, model: nn.Module) -> str:
        owner = _at(model, self.path)
        if type(owner) is edited(self.original, self.before + self.edits):
            return ""
        hint = f"is {type(owner).__name__}, not {self.original.__name__}"
        if isinstance(owner, self.original):
            hint = "was edited by another swap: undo that one first"
        return f"{self.path or 'the model'} {hint}"

    def undo(self, model: nn.Module) -> nn.Module:
        owner = model.get_submodule(self.path)
        for name in self.children:
            delattr(owner, name)
        owner.__class__ = edited(self.original, self.before) if self.before else self.original
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


def home(model: nn.Module, path: str) -> Home | None:
    """Device and type of the nearest floating weight at or around `path`."""
    while True:
        weights = (p for p in model.get_submodule(path).parameters() if p.is_floating_point())
        if (weight := next(weights, None)) is not None:
            return weight.device, weight.dtype
        if not path:
            return None
        path = path.rpartition(".")[0]


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
