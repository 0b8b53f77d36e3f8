"""Any closed form of the catalogue as a bend, all its faces computed from the formula."""

from typing import ClassVar

import torch

from unbend._contract import Example
from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations._base import Lean
from unbend.activations._catalogue_base import Entry, catalogue, document
from unbend.activations._written_base import Written


class ClosedForm(Written):
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
        self.write(entry.code)
        self.__doc__ = document(entry)


def closed_form(name: str) -> Entry:
    """The entry of a bend by name; other kinds of entries are modules of their own."""
    bends = {entry.name: entry for entry in catalogue().values() if entry.kind == "bend"}
    if name not in bends:
        raise UnknownNameError.of("closed form", name, bends)
    return bends[name]
