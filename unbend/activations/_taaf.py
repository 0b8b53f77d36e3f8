"""Any bend between two trained lines."""

import ast
import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations._base import Bend, Lean, Line, Outline
from unbend.activations._catalogue_base import Entry, catalogue
from unbend.activations._certain_base import outline_of, together
from unbend.activations._code_base import torch_function

_LINES = ("alpha", "beta", "gamma", "delta")


class Taaf(Bend):
    """Transformative adaptive activation function: a closed form between two trained lines.

    Formula:
        t = beta * x + gamma
        y = alpha * tanh(t) + delta

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        base: name of a closed form of the catalogue.
        alpha: factor of the value.
        beta: factor of the input.
        gamma: added to the input.
        delta: added to the value.
        learned: whether the four, and what the original of the base trains, are trained.
        channels: how many values each learned parameter has; None for a single one.
        dim: the axis of the channels, 1 or -1.
        lean: keep for the backward pass only the input (True), or only the slope ("slope").
        values: parameters of the base that differ from their defaults.

    Behaviour:
        The formula above is that of the default base; every instance documents its own. Starts as its base. More than
        fifty of the survey's functions are cases of it: the outline is that of the base, moved and stretched, so that
        bounds are as certain as the base's.

    References:
        Kunc, Klema (2024), Three Decades of Activations, arXiv:2402.09092.
        Kunc, Klema (2019), On transformative adaptive activation functions in neural networks for gene expression
        inference, bioRxiv 587287.

    Examples:
        >>> [round(y, 2) for y in Taaf("sigmoid", alpha=2.0, delta=-1.0)(torch.tensor([-1.0, 0.0])).tolist()]
        [-0.46, 0.0]
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"base": "elu", "channels": 3, "beta": 0.5, "gamma": 0.2}),
        Example({"base": "mish", "alpha": -1.5, "beta": -2.0, "delta": 0.3, "learned": False}),
    )

    def __init__(
        self,
        base: str = "tanh",
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: float = 0.0,
        delta: float = 0.0,
        *,
        learned: bool = True,
        channels: int | None = None,
        dim: int = 1,
        lean: Lean = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **values: float,
    ) -> None:
        entry = _entry(base)
        unknown = sorted(set(values) - set(entry.parameters))
        if unknown:
            expected = f"parameters of {base}: {', '.join(entry.parameters) or 'none'}"
            raise ArgumentError.of("values", ", ".join(unknown), expected)
        numbers = dict(zip(_LINES, (alpha, beta, gamma, delta)))
        own = {inner(name): number for name, number in {**entry.parameters, **values}.items()}
        trained = (*_LINES, *(own if entry.learned else ())) if learned else ()
        start = {**numbers, **own}
        super().__init__(learned=trained, channels=channels, dim=dim, lean=lean, device=device, dtype=dtype, **start)
        self.base, self.entry, self.learned = base, entry, learned
        self._compile()
        self.__doc__ = _document(entry)

    def _compile(self) -> None:
        """Make the functions, which are code from the formula."""
        code = partial(torch_function, self.entry.code, tuple(self.entry.parameters))
        self.function = partial(_value, code())
        self.derivative = partial(_slope, code("x"))
        self.both = partial(_both, code(("y", "x")))

    def __getstate__(self) -> dict[str, Any]:
        made = ("function", "derivative", "both")  # code made at run time does not pickle
        return {name: value for name, value in vars(self).items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._compile()

    @property
    def outline(self) -> Outline:
        """That of the base, between the lines as they stand."""
        values = [torch.as_tensor(self.at(name), dtype=torch.float64) for name in self.start]
        each = [self._outline(*row) for row in torch.stack([v.expand(self.channels or 1) for v in values], 1).tolist()]
        return each[0] if self.channels is None else together(each)

    def _outline(self, a: float, b: float, c: float, d: float, *own: float) -> Outline:
        base = outline_of(self.entry.code, dict(zip(self.entry.parameters, own)))
        level = self.function(torch.zeros((), dtype=torch.float64), 1.0, 0.0, c, 0.0, *own)
        return between(base, a, b, c, d, float(level))


def _entry(base: str) -> Entry:
    bends = {entry.name: entry for entry in catalogue().values() if entry.kind == "bend"}
    if base not in bends:
        raise UnknownNameError.of("closed form", base, bends)
    return bends[base]


def inner(name: str) -> str:
    """What a parameter of the base is called here."""
    return f"base_{name}"


def _value(f: Callable[..., Tensor], x: Tensor, alpha: Any, beta: Any, gamma: Any, delta: Any, *own: Any) -> Tensor:
    return alpha * f(beta * x + gamma, *own) + delta


def _slope(f: Callable[..., Tensor], x: Tensor, alpha: Any, beta: Any, gamma: Any, delta: Any, *own: Any) -> Tensor:
    return alpha * beta * f(beta * x + gamma, *own)


def _both(
    f: Callable[..., tuple[Tensor, Tensor]], x: Tensor, alpha: Any, beta: Any, gamma: Any, delta: Any, *own: Any
) -> tuple[Tensor, Tensor]:
    value, slope = f(beta * x + gamma, *own)
    return alpha * value + delta, alpha * beta * slope


def between(outline: Outline, a: float, b: float, c: float, d: float, level: float) -> Outline:
    """The outline of `a * f(b * x + c) + d`, from that of f.

    Args:
        outline: of f, with one number for each point.
        a: factor of the value.
        b: factor of the input.
        c: added to the input.
        d: added to the value.
        level: f(c), which is all that is left of f where a factor is zero.
    """
    if a * b == 0:
        flat = Line(0.0, a * level + d)
        return Outline(left=flat, right=flat, beyond=lambda low, high: (flat(low), flat(high)))
    tails = (outline.left, outline.right) if b > 0 else (outline.right, outline.left)

    def beyond(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        assert outline.beyond is not None
        ends = (b * low + c, b * high + c)[:: 1 if b > 0 else -1]
        least, most = (a * found + d for found in outline.beyond(*ends))
        return (least, most) if a > 0 else (most, least)

    return replace(
        outline,
        breaks=tuple((point - c) / b for point in outline.breaks),
        turns=tuple((point - c) / b for point in outline.turns),
        left=_tail(tails[0], a, b, c, d),
        right=_tail(tails[1], a, b, c, d),
        reach=max(0.0, (outline.reach - abs(c)) / abs(b)),
        slack=outline.slack * (1 + abs(a)),
        beyond=beyond,
    )


def _tail(line: Line | None, a: float, b: float, c: float, d: float) -> Line | None:
    if line is None:
        return None
    slope, offset = float(line.slope), float(line.offset)
    if math.isinf(slope):
        return Line(a * b * slope)
    return Line(a * b * slope, a * (slope * c + offset) + d)


def _document(entry: Entry) -> str:
    """The docstring of the class, with the formula of the base."""
    doc = inspect.getdoc(Taaf) or ""
    names = {"x": "t", **{name: inner(name) for name in entry.parameters}}
    tree = ast.parse(entry.code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    lines = f"z = {ast.unparse(tree)}\n    y = alpha * z + delta"
    return doc.replace("y = alpha * tanh(t) + delta", lines, 1)
