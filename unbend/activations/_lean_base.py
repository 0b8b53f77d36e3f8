"""A backward pass that keeps only its input."""

from typing import Any

import torch
from torch import Tensor

from unbend.activations._outline_base import Curve


class Lean(torch.autograd.Function):
    """`function(x, *parameters)`, saving x alone: the slope is computed again where it is asked for.

    Differentiable twice, maps under `vmap`, and traces to plain operators under `torch.compile` and `torch.export`.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(function: Any, derivative: Any, x: Tensor, *parameters: Any) -> Tensor:
        return function(x, *parameters)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.function, ctx.derivative, x, *ctx.parameters = inputs
        learned = [p for p in ctx.parameters if isinstance(p, Tensor)]
        ctx.parameters = [None if isinstance(p, Tensor) else p for p in ctx.parameters]
        ctx.learned = [i for i, p in enumerate(inputs[3:]) if isinstance(p, Tensor)]
        ctx.save_for_backward(x, *learned)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, *learned = ctx.saved_tensors
        parameters = _filled(ctx.parameters, ctx.learned, learned)
        to_x = grad * ctx.derivative(x, *parameters)
        to_parameters: list[Tensor | None] = [None] * len(parameters)
        if any(ctx.needs_input_grad[3 + i] for i in ctx.learned):

            def of(*values: Tensor) -> Tensor:
                return ctx.function(x, *_filled(parameters, ctx.learned, values))

            pull = torch.func.vjp(of, *learned)[1]
            to_parameters = _filled(to_parameters, ctx.learned, pull(grad))
        return (None, None, to_x, *to_parameters)


def _filled(values: list[Any], places: list[int], tensors: Any) -> list[Any]:
    """`values` with `tensors` put in at `places`."""
    filled = list(values)
    for place, tensor in zip(places, tensors, strict=True):
        filled[place] = tensor
    return filled


def slope_of(function: Curve, x: Tensor) -> Tensor:
    """The slope of an elementwise function, by forward differentiation."""
    return torch.func.jvp(function, (x,), (torch.ones_like(x),))[1]
