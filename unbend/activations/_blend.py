"""A weighted sum of bends."""

import ast
import inspect
from collections.abc import Collection, Sequence
from typing import ClassVar

import torch

from unbend._contract import Example
from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations._base import Lean
from unbend.activations._catalogue_base import catalogue
from unbend.activations._written_base import Written


class Blend(Written):
    """A weighted sum of closed forms, its weights trained.

    Formula:
        y = w1 * tanh(x) + w2 * relu(x) + w3 * x

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        bases: names of closed forms of the catalogue.
        weights: where the weights start; equal ones that sum to 1 when None.
        learned: whether the weights, and what the originals of the bases train, are trained.
        channels: how many values each learned parameter has; None for a single one.
        dim: the axis of the channels, 1 or -1.
        lean: keep for the backward pass only the input (True), or only the slope ("slope").

    Behaviour:
        The formula above is that of the default bases; every instance documents its own. The weights are free: they
        need not be positive, nor sum to 1. Parameters of the k-th base are called `f<k>_<name>`. Bounds are those of
        the sum, found by interval arithmetic, and not the sum of bounds.

    References:
        Kunc, Klema (2024), Three Decades of Activations, arXiv:2402.09092.
        Sütfeld et al. (2020), Adaptive Blending Units, arXiv:1806.10064.

    Examples:
        >>> Blend(["relu", "silu"], weights=[0.5, 0.5], learned=False)(torch.tensor([-1.0, 1.0]))
        tensor([-0.1345,  0.8655])
    """

    aliases = ("abu_blend",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}),
        Example({"bases": ("prelu", "softsign"), "weights": (0.3, -0.8)}),
    )

    def __init__(
        self,
        bases: Sequence[str] = ("tanh", "relu", "identity"),
        weights: Sequence[float] | None = None,
        *,
        learned: bool = True,
        channels: int | None = None,
        dim: int = 1,
        lean: Lean = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        known = {entry.name: entry for entry in catalogue().values() if entry.kind == "bend"}
        for name in bases:
            if name not in known:
                raise UnknownNameError.of("closed form", name, known)
        if not bases or (weights is not None and len(weights) != len(bases)):
            raise ArgumentError.of(
                "weights", weights, f"one for each of {len(bases)} bases, of which there is at least one"
            )
        entries = [known[name] for name in bases]
        factors = [1 / len(bases)] * len(bases) if weights is None else [float(weight) for weight in weights]
        start = {f"w{k}": factor for k, factor in enumerate(factors, 1)}
        trained = list(start)
        for k, entry in enumerate(entries, 1):
            own = {f"f{k}_{name}": value for name, value in entry.parameters.items()}
            start |= own
            trained += own if entry.learned else ()
        trained = tuple(trained) if learned else ()
        super().__init__(learned=trained, channels=channels, dim=dim, lean=lean, device=device, dtype=dtype, **start)
        self.bases, self.learned = tuple(bases), learned
        self.weights = None if weights is None else tuple(factors)
        terms = [f"w{k}*({_renamed(entry.code, f'f{k}_', entry.parameters)})" for k, entry in enumerate(entries, 1)]
        self.write("+".join(terms))
        self.__doc__ = (inspect.getdoc(Blend) or "").replace("w1 * tanh(x) + w2 * relu(x) + w3 * x", self.code, 1)


def _renamed(code: str, before: str, names: Collection[str]) -> str:
    """The formula with its parameters under longer names."""
    tree = ast.parse(code, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            node.id = before + node.id
    return ast.unparse(tree)
