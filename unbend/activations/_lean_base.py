"""Values and gradients of a curve, in pieces that stay in the cache, with little kept for the backward pass."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor
from torch.autograd import forward_ad

from unbend._errors import UnbendError
from unbend.activations._outline_base import Curve

Function = Callable[..., Tensor]
Keep = Literal["input", "slope", "both"]

PIECE = 1 << 16
"""Elements at once: what a formula computes on the way to its value then never leaves the cache."""

LARGE = 1 << 18
"""From this size on a call pays for being cut into pieces."""


class Curves(Protocol):
    """A curve with parameters, and what it knows of its derivatives."""

    @property
    def function(self) -> Function:
        """The value."""
        ...

    def slope_at(self, x: Tensor, *values: Any) -> Tensor:
        """The derivative by x."""
        ...

    def both_at(self, x: Tensor, *values: Any) -> tuple[Tensor, Tensor]:
        """Value and derivative by x together."""
        ...

    @property
    def partials(self) -> Callable[..., tuple[Tensor, ...]] | None:
        """The derivatives by the learned parameters; by automatic differentiation where there are none."""
        ...


def evaluate(curves: Curves, x: Tensor, values: Sequence[Any], keep: Keep) -> Tensor:
    """The curve at `x`, keeping for the backward pass its input, its slope, or both.

    Differentiable twice by x and by the tensors among `values`, which are of one shape; with the slope alone, once.
    Under `torch.compile`, `torch.export`, `torch.func` and forward differentiation it is the plain function: a
    compiler fuses it and computes again what it needs, and transformations see operators that they know.
    """
    if torch.compiler.is_compiling() or _transformed():
        return curves.function(x, *values)
    learned = [value for value in values if isinstance(value, Tensor)]
    differentiated = torch.is_grad_enabled() and any(t.requires_grad for t in (x, *learned))
    large = x.numel() >= LARGE and x.is_cpu and x.is_floating_point()
    if not differentiated and large:
        y = torch.empty_like(x)
        for part, to in _pieces(values, x, y):
            to.copy_(curves.function(part, *values))
        return y
    if not differentiated or (keep == "both" and not large):
        return curves.function(x, *values)
    fixed = tuple(None if isinstance(value, Tensor) else value for value in values)
    packed = torch.stack(learned) if learned else None
    return cast(Tensor, _Kept.apply(curves, keep, fixed, x, packed))


def _transformed() -> bool:
    # Neither question has a public form.
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0  # pyright: ignore[reportPrivateUsage]


class _Kept(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, curves: Curves, keep: Keep, fixed: tuple[Any, ...], x: Tensor, packed: Tensor | None
    ) -> Tensor:
        values = _all(fixed, packed)
        y, slope = torch.empty_like(x), None if keep == "input" else torch.empty_like(x)
        for parts in _pieces(values, x, y, *([] if slope is None else [slope])):
            results = [curves.function(parts[0], *values)] if slope is None else curves.both_at(parts[0], *values)
            for to, result in zip(parts[1:], results, strict=True):
                to.copy_(result)
        ctx.curves, ctx.fixed = curves, fixed
        # The gradient of a parameter needs the input.
        ctx.save_for_backward(None if keep == "slope" and not ctx.needs_input_grad[4] else x, slope, packed)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, slope, packed = ctx.saved_tensors
        curves, fixed, g = ctx.curves, ctx.fixed, grads[0]
        wanted = ctx.needs_input_grad[3], packed is not None and ctx.needs_input_grad[4]
        if torch.is_grad_enabled():
            if x is None:
                raise UnbendError(
                    "lean='slope' keeps the slope alone: it is differentiated once; twice with lean=True or False"
                )
            to_x = g * curves.slope_at(x, *_all(fixed, packed)) if wanted[0] else None
            return None, None, None, to_x, _to_packed(curves, fixed, x, packed, g) if wanted[1] else None
        to_x = to_packed = None
        values = _all(fixed, packed)
        if wanted[0] and slope is not None:
            to_x = g * slope
        elif wanted[0]:
            to_x = torch.empty_like(x)
            for part, h, to in _pieces(values, x, g, to_x):
                torch.mul(h, curves.slope_at(part, *values), out=to)
        if wanted[1]:
            to_packed = torch.stack(
                [_to_packed(curves, fixed, part, packed, h) for part, h in _pieces(values, x, g)]
            ).sum(0)
        return None, None, None, to_x, to_packed


def _to_packed(curves: Curves, fixed: tuple[Any, ...], x: Tensor, packed: Any, g: Tensor) -> Tensor:
    """The gradient by the learned values."""
    if curves.partials is not None:
        partials = curves.partials(x, *_all(fixed, packed))
        return torch.stack([(g * partial).sum_to_size(packed.shape[1:]) for partial in partials])

    def of(learned: Tensor) -> Tensor:
        return curves.function(x, *_all(fixed, learned))

    return torch.func.vjp(of, packed)[1](g)[0]


def _pieces(values: Sequence[Any], x: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The tensors, all shaped like `x`, cut alike; parameters per channel lie along another axis than the first."""
    tensors, shapes = (x, *others), [value.shape for value in values if isinstance(value, Tensor)]
    if all(shape.numel() == 1 for shape in shapes) and all(t.is_contiguous() for t in tensors):
        tensors = tuple(t.view(-1) for t in tensors)
    elif not x.ndim or not all(len(shape) == x.ndim and shape[0] == 1 for shape in shapes):
        return iter([tensors])
    rows = max(1, PIECE * len(tensors[0]) // max(1, x.numel()))
    return zip(*(t.split(rows) for t in tensors), strict=True)


def _all(fixed: tuple[Any, ...], packed: Tensor | None) -> list[Any]:
    """The values in their order, the learned ones unpacked."""
    learned = iter([] if packed is None else packed.unbind(0))
    return [next(learned) if value is None else value for value in fixed]


def slope_of(function: Curve, x: Tensor) -> Tensor:
    """The slope of an elementwise function, by forward differentiation."""
    return both_of(function, x)[1]


def both_of(function: Curve, x: Tensor) -> tuple[Tensor, Tensor]:
    """Value and slope of an elementwise function, by forward differentiation."""
    x = x.contiguous()  # an expanded tensor cannot carry a tangent
    return cast(tuple[Tensor, Tensor], torch.func.jvp(function, (x,), (torch.ones_like(x),)))
