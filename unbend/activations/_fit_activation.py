"""A learned elementwise function, fitted to a given one."""

import copy
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from unbend._errors import ArgumentError, at_least

M = TypeVar("M", bound=nn.Module)
Function = Callable[[Tensor], Tensor]

_POINTS = 129
_SHORT, _LONG = 30, 300


def fit_activation(
    basis: M,
    fn: Function,
    derivative: bool = True,
    *,
    interval: tuple[float, float] | None = None,
    starts: int = 8,
) -> M:
    """A copy of `basis` with parameters for which it is near to `fn`, in value and slope (Hermite interpolation).

    Formula:
        minimise  mean (f(x) - fn(x))^2 + mean (f'(x) - fn'(x))^2  over the parameters, x even on the interval

    Args:
        basis: an elementwise module with parameters, such as `HermiteActivation(3)`.
        fn: elementwise, with a slope.
        derivative: fit the slope as well; not for pieces of straight lines.
        interval: where; by default that of the basis: |x| <= sqrt(d) for Hermite, 2 d for Fourier, d for tropical.
        starts: begin from the parameters of `basis`, and from so many less one that lie at random around them.

    Behaviour:
        Levenberg-Marquardt in float64 with exact Jacobians; of all starts the best is taken. For a basis that is linear
        in its parameters, as Hermite's, the first start finds the one minimum. The same call gives the same.

    Departures:
        The authors descend by Adam on points drawn anew at each step; the minimum is the same.

    References:
        Khalfaoui-Hassani, Kesselheim (2025), Polynomial, trigonometric, and tropical activations, arXiv:2502.01247.

    Examples:
        >>> from unbend.activations import HermiteActivation
        >>> fitted = fit_activation(HermiteActivation(3), torch.nn.GELU())
        >>> round(float(fitted(torch.tensor(1.0)).detach()), 2)
        0.81
    """
    at_least(1, starts=starts)
    low, high = interval or getattr(basis, "interval", (-3.0, 3.0))
    if not -np.inf < low < high < np.inf:
        raise ArgumentError.of("interval", (low, high), "two finite numbers, the lower first")
    model = copy.deepcopy(basis).double().cpu()
    named = {name: p.detach() for name, p in model.named_parameters()}
    if not named:
        raise ArgumentError.of("basis", basis, "a module with parameters")
    x = torch.linspace(low, high, _POINTS, dtype=torch.float64)
    target = torch.cat(_curve(fn, x, derivative))
    if not target.isfinite().all():
        raise ArgumentError.of("fn", "values or slopes not finite", f"a function finite on [{low:g}, {high:g}]")

    def error(flat: Tensor) -> Tensor:
        given = _shaped(flat, named)
        return torch.cat(_curve(lambda z: torch.func.functional_call(model, given, (z,)), x, derivative)) - target

    jacobian = torch.func.jacfwd(error)
    best = _least(error, jacobian, torch.cat([p.flatten() for p in named.values()]), starts)
    fitted = copy.deepcopy(basis)
    with torch.no_grad():
        for name, values in _shaped(best, named).items():
            fitted.get_parameter(name).copy_(values)
    return fitted


def _curve(f: Function, x: Tensor, derivative: bool) -> tuple[Tensor, ...]:
    """Values, and slopes if wanted."""
    return torch.func.jvp(f, (x,), (torch.ones_like(x),)) if derivative else (f(x),)


def _least(
    error: Callable[[Tensor], Tensor], jacobian: Callable[[Tensor], Tensor], first: Tensor, starts: int
) -> Tensor:
    """The parameters with the least sum of squares that any start leads to."""
    # It takes long to import, and its types are not right.
    optimize: Any = import_module("scipy.optimize")
    noise, best, least = torch.Generator().manual_seed(0), first, float(error(first).square().sum())

    def of(function: Function) -> Callable[[Any], Any]:
        return lambda flat: function(torch.as_tensor(flat)).detach().numpy()

    draws = torch.randn(starts, len(first), generator=noise, dtype=first.dtype)
    begins = [first, *(first + draws[1:])]
    # A short run from each, then a long one from where the best of them ended.
    for begin, steps in [*((begin, _SHORT) for begin in begins), (None, _LONG)]:
        at = (best if begin is None else begin).numpy()
        found = optimize.least_squares(of(error), at, of(jacobian), method="lm", max_nfev=steps)
        if 2 * found.cost < least:
            best, least = torch.as_tensor(found.x), 2 * float(found.cost)
    return best


def _shaped(flat: Tensor, named: dict[str, Tensor]) -> dict[str, Tensor]:
    """A vector cut into the parameters."""
    parts = flat.split([p.numel() for p in named.values()])
    return {name: part.view(p.shape) for (name, p), part in zip(named.items(), parts, strict=True)}
