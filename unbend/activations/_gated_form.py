"""Any gated closed form of the catalogue as a module."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations._catalogue_base import Entry, catalogue, document, outputs
from unbend.activations._code_base import torch_function


class GatedForm(nn.Module):
    """A closed form of two arguments: the halves of the input along one axis.

    Formula:
        u, v = halves(x)
        y = u * sigmoid(v)

    Shape:
        x: (*, 2 n, *), with 2 n numbers along `dim`; y: (*, n, *), of "oplu" (*, 2 n, *).

    Args:
        name: of the entry, such as "swiglu".
        dim: the axis that is halved.
        values: parameters that differ from their defaults.

    Behaviour:
        The formula above is that of the default, glu; every instance documents its own. "oplu" gives a pair for each
        pair. There are no weights: the blocks that bring their linear maps are `GLU`, `ReGLU` and the like.

    References:
        Kunc, Klema (2024), Three Decades of Activations, arXiv:2402.09092.

    Examples:
        >>> GatedForm("reglu")(torch.tensor([3.0, 4.0, -1.0, 2.0]))
        tensor([0., 8.])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, (2, 3, 10), largest=1e15),
        Example({"name": "swiglu", "dim": 1, "b": 1.5}, (2, 14, 3), largest=1e15),
        Example({"name": "dual_elu"}, (2, 3, 10)),
        Example({"name": "oplu"}, (2, 3, 10)),
    )

    def __init__(self, name: str = "glu", dim: int = -1, **values: float) -> None:
        super().__init__()
        self.entry, self.name, self.dim = gated_form(name), name, dim
        unknown = sorted(set(values) - set(self.entry.parameters))
        if unknown:
            expected = f"parameters of {name}: {', '.join(self.entry.parameters) or 'none'}"
            raise ArgumentError.of("values", ", ".join(unknown), expected)
        self.start = {**self.entry.parameters, **values}
        self._compile()
        self.__doc__ = document(self.entry)

    def _compile(self) -> None:
        self.functions = [torch_function(form, ("v", *self.entry.parameters)) for form in outputs(self.entry.code)]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "functions"}  # code does not pickle

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._compile()

    def forward(self, x: Tensor) -> Tensor:
        """The form at every pair of numbers of the two halves."""
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] % 2:
            raise ArgumentError.of(
                "input", f"shape {tuple(x.shape)}", f"an even number of entries along axis {self.dim}"
            )
        u, v = x.chunk(2, self.dim)
        return torch.cat([function(u, v, *self.start.values()) for function in self.functions], self.dim)

    def extra_repr(self) -> str:
        given = [repr(self.name)] if self.name != "glu" else []
        given += [f"dim={self.dim}"] if self.dim != -1 else []
        return ", ".join(given + [f"{k}={v!r}" for k, v in self.start.items() if v != self.entry.parameters[k]])


def gated_form(name: str) -> Entry:
    """The entry of a gated form by name."""
    gated = {entry.name: entry for entry in catalogue().values() if entry.kind == "gated"}
    if name not in gated:
        raise UnknownNameError.of("gated form", name, gated)
    return gated[name]
