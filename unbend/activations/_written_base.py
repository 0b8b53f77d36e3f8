"""A bend that is code written from one formula."""

from abc import ABC
from typing import Any

from unbend.activations._base import Bend, Outline
from unbend.activations._certain_base import outline_of
from unbend.activations._code_base import torch_function
from unbend.activations._dual_base import DUALS


class Written(Bend, ABC):
    """All faces from the text of a formula in x and in the parameters; the constructor ends with `write`."""

    def write(self, code: str) -> None:
        """Make the functions, which are code from the formula."""
        self.code = code
        names, learned = tuple(self.start), tuple(name for name, _ in self.named_parameters())
        self.function = torch_function(code, names)
        self.derivative = torch_function(code, names, "x")
        self.both = torch_function(code, names, ("y", "x"))
        self.partials = torch_function(code, names, learned) if learned else None
        self.dual = DUALS.get(code)

    def __getstate__(self) -> dict[str, Any]:
        made = ("function", "derivative", "both", "partials", "dual")  # code made at run time does not pickle
        return {name: value for name, value in vars(self).items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.write(self.code)

    @property
    def outline(self) -> Outline:
        """Found by interval arithmetic for the parameters as they stand."""
        return outline_of(self.code, {name: self.at(name) for name in self.start})
