"""A backward pass that keeps only its input."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from unbend.activations._outline_base import Curve

Function = Callable[..., Tensor]


def lean(function: Function, slope: Function, x: Tensor, values: Sequence[Any]) -> Tensor:
    """`function(x, *values)`, saving x alone: the slope is computed again where it is asked for.

    Differentiable twice by x and by the tensors among `values`, which are of one shape. Maps under `vmap`, and traces
    to plain operators under `torch.compile` and `torch.export`.
    """
    learned = [value for value in values if isinstance(value, Tensor)]
    fixed = tuple(None if isinstance(value, Tensor) else value for value in values)
    # The compiler wants a fixed number of arguments, so the learned ones travel in one tensor.
    packed = torch.stack(learned) if learned else None
    return cast(Tensor, _Lean.apply(function, slope, fixed, x, packed))


class _Lean(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(
        function: Function, slope: Function, fixed: tuple[Any, ...], x: Tensor, packed: Tensor | None
    ) -> Tensor:
        return function(x, *_all(fixed, packed))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.function, ctx.slope, ctx.fixed, x, packed = inputs
        ctx.save_for_backward(x, packed)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, packed = ctx.saved_tensors
        to_x = grads[0] * ctx.slope(x, *_all(ctx.fixed, packed))
        to_packed = None
        if packed is not None and ctx.needs_input_grad[4]:

            def of(values: Tensor) -> Tensor:
                return ctx.function(x, *_all(ctx.fixed, values))

            (to_packed,) = torch.func.vjp(of, packed)[1](grads[0])
        return None, None, None, to_x, to_packed


def _all(fixed: tuple[Any, ...], packed: Tensor | None) -> list[Any]:
    """The values in their order, the learned ones unpacked."""
    learned = iter([] if packed is None else [packed.select(0, i) for i in range(len(packed))])
    return [next(learned) if value is None else value for value in fixed]


def slope_of(function: Curve, x: Tensor) -> Tensor:
    """The slope of an elementwise function, by forward differentiation."""
    x = x.contiguous()  # an expanded tensor cannot carry a tangent
    return torch.func.jvp(function, (x,), (torch.ones_like(x),))[1]
