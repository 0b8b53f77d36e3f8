"""The thing under test: how it is built, fed and shaken."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unbend._contract import Example

BATCH = 3


@dataclass(frozen=True)
class Subject:
    """A class with one of its examples, or an instance.

    Everything it hands out is the same at every call: constructors run under the given seed, and inputs come from
    their own generator.
    """

    name: str
    construct: Callable[..., Any]
    example: Example
    rebuilds: bool

    def __str__(self) -> str:
        return self.name

    def build(self, seed: int = 0, **more: Any) -> Any:
        """A new instance, as its constructor leaves it."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.construct(**self.example.args, **more) if self.rebuilds else self.construct()

    def module(self, dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Module:
        """A new module in evaluation mode, its parameters shaken so that a start at zero hides nothing."""
        module: nn.Module = self.build(seed).to(dtype).eval()
        noise = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += 0.1 * torch.randn(parameter.shape, generator=noise, dtype=torch.float64).to(dtype)
        return module

    def input(self, dtype: torch.dtype = torch.float64, batch: int | None = None, seed: int = 0) -> Tensor:
        """Standard normal numbers in the shape of the example, with another batch size where one is given."""
        shape = self.example.input if batch is None else (batch, *self.example.input[1:])
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def leaves(output: Any) -> Iterator[Tensor]:
    """The tensors of an output, whatever it is packed in."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from leaves(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from leaves(value)


def total(output: Any) -> Tensor:
    """A sum over all outputs in which every element has a weight of its own, so that no swap goes unseen."""
    parts = [leaf.double() for leaf in leaves(output) if leaf.is_floating_point()]
    return torch.stack(
        [(p * torch.cos(torch.arange(p.numel(), dtype=p.dtype)).view(p.shape)).sum() for p in parts]
    ).sum()


def gradients(module: nn.Module, x: Tensor) -> list[Tensor]:
    """Gradients of `total` by the input and by every parameter that has one."""
    x = x.detach().clone().requires_grad_()
    wanted = [x, *(p for p in module.parameters() if p.requires_grad)]
    return list(torch.autograd.grad(total(module(x)), wanted, allow_unused=True, materialize_grads=True))
