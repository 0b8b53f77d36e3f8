"""The functions that a formula may call, each with its first two derivatives and the points where each turns."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbend._later import Later

special: Any = Later("scipy.special")

Interval = NDArray[np.float64]
Scalar = Callable[[Interval], Interval]
# A function, and the points where it turns: between them it is monotone.
Turning = tuple[Scalar, tuple[float, ...]]


def _sigmoid(x: Interval) -> Interval:
    return special.expit(x)


def _logistic(order: int) -> Scalar:
    s = _sigmoid
    forms: tuple[Scalar, ...] = (s, lambda x: s(x) * s(-x), lambda x: -s(x) * s(-x) * np.tanh(x / 2))
    return forms[order]


def _tamed(f: Scalar) -> Scalar:
    """`f` with 0 where zero times infinity stands: a tail that dies faster than its factor grows."""
    return lambda x: np.nan_to_num(f(x), nan=0.0, posinf=np.inf, neginf=-np.inf)


_R3 = math.log(2 + math.sqrt(3))
_ROOT_PI, _ROOT_HALF = 2 / math.sqrt(math.pi), math.sqrt(0.5)


def _density(x: Interval) -> Interval:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _secant(x: Interval) -> Interval:
    return 1 / np.cosh(np.clip(x, -700, 700))


PRIMITIVES: dict[str, tuple[Turning, Turning, Turning]] = {
    "exp": ((np.exp, ()), (np.exp, ()), (np.exp, ())),
    "expm1": ((np.expm1, ()), (np.exp, ()), (np.exp, ())),
    "log": ((np.log, ()), (lambda x: 1 / x, ()), (lambda x: -1 / (x * x), ())),
    "log1p": ((np.log1p, ()), (lambda x: 1 / (1 + x), ()), (lambda x: -1 / (1 + x) ** 2, ())),
    "sqrt": ((np.sqrt, ()), (lambda x: 0.5 / np.sqrt(x), ()), (lambda x: -0.25 / x**1.5, ())),
    "sigmoid": ((_logistic(0), ()), (_logistic(1), (0.0,)), (_logistic(2), (-_R3, _R3))),
    "softplus": ((lambda x: np.logaddexp(0, x), ()), (_logistic(0), ()), (_logistic(1), (0.0,))),
    "tanh": (
        (np.tanh, ()),
        (lambda x: 4 * _logistic(1)(2 * x), (0.0,)),
        (lambda x: 8 * _logistic(2)(2 * x), (-_R3 / 2, _R3 / 2)),
    ),
    "logcosh": (
        (lambda x: np.logaddexp(x, -x) - math.log(2), (0.0,)),
        (np.tanh, ()),
        (lambda x: 4 * _logistic(1)(2 * x), (0.0,)),
    ),
    "erf": (
        (lambda x: special.erf(x), ()),
        (lambda x: _ROOT_PI * np.exp(-x * x), (0.0,)),
        (_tamed(lambda x: -2 * _ROOT_PI * x * np.exp(-x * x)), (-_ROOT_HALF, _ROOT_HALF)),
    ),
    "Phi": ((lambda x: special.ndtr(x), ()), (_density, (0.0,)), (_tamed(lambda x: -x * _density(x)), (-1.0, 1.0))),
    "atan": (
        (np.arctan, ()),
        (lambda x: 1 / (1 + x * x), (0.0,)),
        (_tamed(lambda x: -2 * x / (1 + x * x) ** 2), (-(3**-0.5), 3**-0.5)),
    ),
    "asin": (
        (np.arcsin, ()),
        (lambda x: 1 / np.sqrt(1 - x * x), (0.0,)),
        (lambda x: x / (1 - x * x) ** 1.5, ()),
    ),
    "asinh": (
        (np.arcsinh, ()),
        (lambda x: 1 / np.hypot(1, x), (0.0,)),
        (_tamed(lambda x: -x / np.hypot(1, x) ** 3), (-_ROOT_HALF, _ROOT_HALF)),
    ),
    "isru": (
        (lambda x: x / np.hypot(1, x), ()),
        (lambda x: np.hypot(1, x) ** -3.0, (0.0,)),
        (_tamed(lambda x: -3 * x * np.hypot(1, x) ** -5.0), (-0.5, 0.5)),
    ),
    "sinh": ((np.sinh, ()), (np.cosh, (0.0,)), (np.sinh, ())),
    "cosh": ((np.cosh, (0.0,)), (np.sinh, ()), (np.cosh, (0.0,))),
    "sech": (
        (_secant, (0.0,)),
        (lambda x: -np.tanh(x) * _secant(x), (-math.asinh(1), math.asinh(1))),
        (lambda x: _secant(x) * (1 - 2 * _secant(x) ** 2), (0.0, -math.acosh(6**0.5), math.acosh(6**0.5))),
    ),
}

DOMAINS: dict[str, tuple[float, float | None]] = {
    "log": (0.0, None),
    "log1p": (-1.0, None),
    "sqrt": (0.0, None),
    "asin": (-1.0, 1.0),
}
