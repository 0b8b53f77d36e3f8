"""Any closed form of the catalogue as a bend, all its faces computed from the formula."""

from typing import Any, ClassVar

import torch

from unbend._contract import Example
from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations._base import Bend, Lean, Outline
from unbend.activations._catalogue_base import Entry, catalogue, document
from unbend.activations._certain_base import outline_of
from unbend.activations._code_base import torch_function
from unbend.activations._dual_base import DUALS


class ClosedForm(Bend):
    """A closed form of the catalogue.

    Formula:
        y = x * tanh(softplus(x))

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        name: of the entry, such as "mish"; `catalogue()` lists them.
        learned: whether its parameters are trained; as in the original when None.
        channels: how many values each learned parameter has; None for a single one.
        dim: the axis of the channels, 1 or -1.
        lean: keep for the backward pass only the input (True), or only the slope ("slope").
        values: parameters that differ from their defaults.

    Behaviour:
        The formula above is that of the default, mish; every instance documents its own. Value and gradient are finite
        wherever those of the function are. Bounds are certain: where the curve turns is found by interval arithmetic
        for the parameters as they stand, and kept until they change.

    References:
        Kunc, Klema (2024), Three Decades of Activations, arXiv:2402.09092.

    Examples:
        >>> ClosedForm("mish")(torch.tensor([-2.0, -0.5, 1.0]))
        tensor([-0.2525, -0.2207,  0.8651])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"name": "mish"}),
        Example({"name": "pelu", "channels": 3}),
        Example({"name": "softmodulus_q"}),
    )

    def __init__(
        self,
        name: str = "mish",
        *,
        learned: bool | None = None,
        channels: int | None = None,
        dim: int = 1,
        lean: Lean = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **values: float,
    ) -> None:
        entry = closed_form(name)
        unknown = sorted(set(values) - set(entry.parameters))
        if unknown:
            expected = f"parameters of {name}: {', '.join(entry.parameters) or 'none'}"
            raise ArgumentError.of("values", ", ".join(unknown), expected)
        numbers = {**entry.parameters, **values}
        trained = tuple(numbers) if (entry.learned if learned is None else learned) else ()
        super().__init__(learned=trained, channels=channels, dim=dim, lean=lean, device=device, dtype=dtype, **numbers)
        self.entry, self.name = entry, name
        self._compile()
        self.__doc__ = document(entry)

    def _compile(self) -> None:
        """Make the functions, which are code from the formula."""
        names, learned = tuple(self.start), tuple(name for name, _ in self.named_parameters())
        self.function = torch_function(self.entry.code, names)
        self.derivative = torch_function(self.entry.code, names, "x")
        self.both = torch_function(self.entry.code, names, ("y", "x"))
        self.partials = torch_function(self.entry.code, names, learned) if learned else None
        self.dual = DUALS.get(self.entry.code)

    def __getstate__(self) -> dict[str, Any]:
        made = ("function", "derivative", "both", "partials", "dual")  # code made at run time does not pickle
        return {name: value for name, value in vars(self).items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._compile()

    @property
    def outline(self) -> Outline:
        """Found by interval arithmetic for the parameters as they stand."""
        return outline_of(self.entry.code, {name: self.at(name) for name in self.start})


def closed_form(name: str) -> Entry:
    """The entry of a bend by name; other kinds of entries are modules of their own."""
    bends = {entry.name: entry for entry in catalogue().values() if entry.kind == "bend"}
    if name not in bends:
        raise UnknownNameError.of("closed form", name, bends)
    return bends[name]
