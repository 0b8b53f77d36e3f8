"""What holds of every module under the transformations of torch: compile, export, vmap, functional calls, repr."""

from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from unbend._rooms import METHOD_ROOMS, exports
from unbend.testing._compare import close
from unbend.testing._module import module
from unbend.testing._subject import Subject, gradients, leaves
from unbend.testing._suite import Skip


@module.check
def compiles(subject: Subject) -> None:
    """`torch.compile(fullgraph=True)` takes it in one graph, forward and backward, with the same results."""
    _compiles(subject, "aot_eager")


@module.slow_check
def compiles_with_inductor(subject: Subject) -> None:
    """The same with the default backend."""
    _compiles(subject, "inductor")


def _compiles(subject: Subject, backend: str) -> None:
    torch.compiler.reset()
    m, x = subject.module(torch.float32), subject.input(torch.float32)
    compiled: Any = torch.compile(m, fullgraph=True, backend=backend, dynamic=False)
    close(gradients(compiled, x), gradients(m, x), x.dtype, "the compiled gradient")
    close(compiled(x), m(x), x.dtype, "the compiled output")
    torch.compiler.reset()


@module.check
def exports_to_a_graph(subject: Subject) -> None:
    """`torch.export` takes it, and the exported program gives the same output."""
    m, x = subject.module(torch.float32), subject.input(torch.float32)
    program = torch.export.export(m, (x,))
    close(program.module()(x), m(x), x.dtype, "the exported output")


@module.check
def maps_over_a_batch(subject: Subject) -> None:
    """`vmap` over rows gives what the batch gives, and so does `vmap(jacrev)` by the batch's own Jacobian."""
    m, x = subject.module(), subject.input()

    def one(row: torch.Tensor) -> list[torch.Tensor]:
        return [leaf[0] for leaf in leaves(m(row[None]))]

    close(torch.vmap(one)(x), m(x), x.dtype, "the output under vmap")

    def two(row: torch.Tensor) -> torch.Tensor:
        return one(row)[0].flatten()[:2]  # enough to tell a wrong Jacobian

    alone = torch.stack([torch.func.jacrev(two)(row) for row in x])
    close(torch.vmap(torch.func.jacrev(two))(x), alone, x.dtype, "the Jacobian under vmap")


@module.check
def is_counted(subject: Subject) -> None:
    """Its operations can be counted by a dispatch mode, with the same output and gradients."""
    m, x = subject.module(), subject.input()
    with Elements() as written:
        y, g = m(x), gradients(m, x)
    assert written.count > 0, "no operation was seen"
    close(y, m(x), x.dtype, "the output while counted")
    close(g, gradients(m, x), x.dtype, "the gradient while counted")


@module.check
def takes_parameters_from_outside(subject: Subject) -> None:
    """`functional_call` with another module's parameters gives the other module's output."""
    m, other, x = subject.module(), subject.module(seed=1), subject.input()
    state = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    if not state:
        raise Skip("it holds no tensors")
    close(torch.func.functional_call(m, state, (x,)), other(x), x.dtype)


@module.check
def repr_rebuilds(subject: Subject) -> None:
    """`eval(repr(module))` makes a module of the same class and state, which gives the same output."""
    m, x = subject.module(), subject.input()
    other = eval(repr(m), names_for(type(m)))
    assert type(other) is type(m)
    assert repr(other) == repr(m)
    other = other.to(x.dtype).eval()
    other.load_state_dict(m.state_dict())
    close(other(x), m(x), x.dtype)


def names_for(cls: type) -> dict[str, Any]:
    """What a repr may name: the class, torch, and every public name of torch.nn and of unbend."""
    public = {name: getattr(import_module(f"unbend.{room}"), name) for room in METHOD_ROOMS for name in exports(room)}
    return {**vars(nn), **public, "torch": torch, "nn": nn, cls.__name__: cls}


class Elements(TorchDispatchMode):
    """Counts the elements that operators write."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.count += sum(leaf.numel() for leaf in leaves(result))
        return result
