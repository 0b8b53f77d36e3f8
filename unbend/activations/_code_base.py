"""From a formula in one line to torch code that stays finite, with its gradient, wherever the function does."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unbend.activations._write_base import written

Function = Callable[..., Tensor]


@lru_cache(maxsize=16384)
def torch_function(
    formula: str, parameters: tuple[str, ...] = (), by: str | tuple[str, ...] = "y"
) -> Callable[..., Any]:
    """`function(x, *parameters)` of an expression such as `where(x>=0, x, a*expm1(x))`.

    Args:
        formula: the expression; `Formula` has checked it.
        parameters: names of the further arguments, in their order.
        by: a name by which it is differentiated instead; "y" is the value. For several, a tuple is returned.
    """
    scope: dict[str, Any] = dict(NAMES)  # with the builtins: torch imports from within, under a dispatch mode
    exec(compile(written(formula, parameters, by), f"<{formula}>", "exec"), scope)
    return scope["function"]


def _of_number(on_tensor: Callable[[Tensor], Tensor], on_number: Callable[[float], float]) -> Callable[[Any], Any]:
    return lambda value: on_tensor(value) if isinstance(value, Tensor) else on_number(value)


def _where(test: Any, yes: Any, no: Any, x: Tensor) -> Any:
    if isinstance(test, bool):
        return yes if test else no
    return torch.where(test, _like(yes, x), _like(no, x))


def _like(value: Any, x: Tensor) -> Tensor:
    # A constant branch must hand on the NaN of x, and stay in the graph.
    return value if isinstance(value, Tensor) and value.shape == x.shape else torch.where(x.isnan(), x, value)


def _calm(x: Tensor) -> Tensor:
    return torch.exp(x.clamp(max=_calm_until(x)))


def _calm_until(x: Tensor) -> float:
    return 0.9 * math.log(torch.finfo(x.dtype).max)


def _unless_calm(x: Tensor, slope: Any) -> Tensor:
    return torch.where(x < _calm_until(x), torch.as_tensor(slope, dtype=x.dtype), 0.0)


def _unless_zero(inner: Any, slope: Any) -> Any:
    """The slope of a function whose argument may stand still where its own slope is infinite."""
    return torch.where(inner == 0, 0.0, slope) if isinstance(inner, Tensor) else slope


def _floor(x: Tensor, least: Any) -> Tensor:
    return x.clamp(min=least)


def _ceil(x: Tensor, most: Any) -> Tensor:
    return x.clamp(max=most)


def _maximum(a: Any, b: Any) -> Tensor:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.maximum(a, b)
    return a.clamp(min=b) if isinstance(a, Tensor) else b.clamp(min=a)


def _minimum(a: Any, b: Any) -> Tensor:
    return -_maximum(-a, -b)


def _softplus(x: Tensor) -> Tensor:
    # At 20, where torch turns to a line by default, float64 would lose its last eight digits.
    return F.softplus(x, threshold=40)


def _hypot(x: Tensor, c: Any) -> Tensor:
    if torch.compiler.is_exporting():  # ONNX has no hypot
        size = _maximum(x.abs(), abs(c))
        return size * torch.sqrt((x / size) ** 2 + (c / size) ** 2)
    return torch.hypot(x, torch.as_tensor(c, dtype=x.dtype, device=x.device).expand_as(x))


def _sech(x: Tensor) -> Tensor:
    # exp of a negative number: 1 / cosh(x) has the slope 0 * inf far out.
    small = torch.exp(-x.abs())
    return 2 * small / (1 + small * small)


def _sign(x: Tensor) -> Tensor:
    return torch.where(x.isnan(), x, torch.sign(x))  # torch takes the sign of NaN for 0


def _inverse(x: Any) -> Any:
    return x.reciprocal() if isinstance(x, Tensor) else 1 / x


def _step(x: Any) -> Any:
    return (x > 0).to(x.dtype) if isinstance(x, Tensor) else float(x > 0)


def _share(a: Any, b: Any) -> Tensor:
    """The part of `a` in the slope of the greater one; of two equal tensors each has half, as in torch."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.heaviside(a - b, torch.tensor(0.5, dtype=a.dtype, device=a.device))
    return (a >= b).to(a.dtype) if isinstance(a, Tensor) else (b < a).to(b.dtype)


def _within(x: Tensor, least: Any, most: Any) -> Tensor:
    return ((x >= least) & (x <= most)).to(x.dtype)


def _sinc_slope(x: Tensor) -> Tensor:
    # Near 0 the quotient cancels.
    near = x.abs() < 0.01
    far = torch.where(near, 1.0, x)
    return torch.where(near, x * (x * x / 30 - 1 / 3), (torch.cos(far) - torch.sin(far) / far) / far)


def _power_slope(base: Any, value: Any) -> Any:
    """The derivative of a power by its exponent; 0 at 0."""
    base = torch.as_tensor(base)
    return torch.where(base == 0, 0.0, value * torch.log(base))


def _clip(x: Any, least: Any, most: Any) -> Any:
    return x.clamp(min=least).clamp(max=most) if isinstance(x, Tensor) else min(max(x, least), most)


_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "calm": _calm,
    "sinc_slope": _sinc_slope,
    "Phi": torch.special.ndtr,
    "softplus": _softplus,
    "logcosh": lambda x: x.abs() + _softplus(-2 * x.abs()) - math.log(2),
    "atan": torch.atan,
    "asin": torch.asin,
    "sech": _sech,
    "sinc": lambda x: torch.sinc(x / math.pi),
    "isru": lambda x: x / _hypot(x, 1.0),
    "relu": torch.relu,
    "sign": _sign,
    "side": torch.sign,
}

_OF_NUMBERS = ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sinh", "cosh", "asinh", "erf")

NAMES: dict[str, Any] = {
    **{name: _of_number(getattr(torch, name), getattr(math, name)) for name in _OF_NUMBERS},
    **_UNARY,
    "sigmoid": _of_number(torch.sigmoid, lambda x: 1 / (1 + math.exp(-x))),
    "hypot": _hypot,
    "alike": _like,
    "unless_calm": _unless_calm,
    "unless_zero": _unless_zero,
    "inverse": _inverse,
    "step": _step,
    "share": _share,
    "within": _within,
    "power_slope": _power_slope,
    "abs": abs,
    "clip": _clip,
    "maximum": _maximum,
    "minimum": _minimum,
    "where": _where,
    "floor": _floor,
    "ceil": _ceil,
    "gamma": math.gamma,
    "pi": math.pi,
    "e": math.e,
}
