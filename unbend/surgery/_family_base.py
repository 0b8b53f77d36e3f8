"""The bends of torch: each as a module class, and as the functions that compute it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Function = Callable[..., Any]


@dataclass(frozen=True)
class Family:
    """One bend of torch under all its spellings.

    Args:
        name: the name of its functions.
        module: the class that computes the same.
        arguments: what follows the input in the functional form; the constructor has the same names.
    """

    name: str
    module: type[nn.Module]
    arguments: tuple[str, ...] = ()

    def functions(self) -> tuple[Function, ...]:
        """`F.relu`, `F.relu_`, `torch.relu`, `Tensor.relu_` ...: those of them that exist."""
        spelled = [getattr(space, name, None) for space in (F, torch, Tensor) for name in (self.name, f"{self.name}_")]
        return tuple(function for function in spelled if function is not None)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call by name, its input left out."""
        rest = args if "input" in kwargs else args[1:]
        return {**dict(zip(self.arguments, rest)), **{k: v for k, v in kwargs.items() if k in self.arguments}}

    def as_module(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> nn.Module:
        """The module that computes what this call computes; a `weight` stays the same parameter."""
        bound = self.bind(args, kwargs)
        weight = bound.pop("weight", None)
        module = self.module(**{k: v for k, v in bound.items() if k not in ("inplace", "training")})
        if isinstance(weight, Tensor):
            module.weight = weight if isinstance(weight, nn.Parameter) else nn.Parameter(weight.detach())
        return module


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("celu", nn.CELU, ("alpha", "inplace")),
        Family("elu", nn.ELU, ("alpha", "inplace")),
        Family("gelu", nn.GELU, ("approximate",)),
        Family("glu", nn.GLU, ("dim",)),
        Family("hardshrink", nn.Hardshrink, ("lambd",)),
        Family("hardsigmoid", nn.Hardsigmoid, ("inplace",)),
        Family("hardswish", nn.Hardswish, ("inplace",)),
        Family("hardtanh", nn.Hardtanh, ("min_val", "max_val", "inplace")),
        Family("leaky_relu", nn.LeakyReLU, ("negative_slope", "inplace")),
        Family("log_softmax", nn.LogSoftmax, ("dim",)),
        Family("logsigmoid", nn.LogSigmoid),
        Family("mish", nn.Mish, ("inplace",)),
        Family("prelu", nn.PReLU, ("weight",)),
        Family("relu", nn.ReLU, ("inplace",)),
        Family("relu6", nn.ReLU6, ("inplace",)),
        Family("rrelu", nn.RReLU, ("lower", "upper", "training", "inplace")),
        Family("selu", nn.SELU, ("inplace",)),
        Family("sigmoid", nn.Sigmoid),
        Family("silu", nn.SiLU, ("inplace",)),
        Family("softmax", nn.Softmax, ("dim",)),
        Family("softmin", nn.Softmin, ("dim",)),
        Family("softplus", nn.Softplus, ("beta", "threshold")),
        Family("softshrink", nn.Softshrink, ("lambd",)),
        Family("softsign", nn.Softsign),
        Family("tanh", nn.Tanh),
        Family("tanhshrink", nn.Tanhshrink),
        Family("threshold", nn.Threshold, ("threshold", "value", "inplace")),
    )
}

FAMILY_OF: dict[Function, Family] = {
    function: family for family in FAMILIES.values() for function in family.functions()
}


class Called(nn.Module):
    """A call of a torch function that is no bend, as a module: its constants are given, its tensors come as input."""

    def __init__(self, function: Function, kwargs: Mapping[str, Any]) -> None:
        super().__init__()
        self.function = function
        self.constants = {k: v for k, v in kwargs.items() if isinstance(v, bool | int | float | str)}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, with its constants unless others are given."""
        return self.function(*args, **{**self.constants, **kwargs})

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.constants.items())


def as_module(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> nn.Module:
    """What a call of a torch function computes, as a module."""
    family = FAMILY_OF.get(function)
    return family.as_module(args, kwargs) if family else Called(function, kwargs)


def spelling(function: Function) -> str:
    """How a call of `function` reads: `F.gelu`, `torch.relu`, `Tensor.relu_`."""
    name = getattr(function, "__name__", repr(function))
    for prefix, space in (("F", F), ("torch", torch), ("Tensor", Tensor)):
        if getattr(space, name, None) is function:
            return f"{prefix}.{name}"
    return name


def is_inplace(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether this call of a bend overwrites its input."""
    family = FAMILY_OF.get(function)
    named = getattr(function, "__name__", "").endswith("_")
    return named or (family is not None and bool(family.bind(args, kwargs).get("inplace", False)))
