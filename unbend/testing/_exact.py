"""A formula in arithmetic of forty digits: the value against which code is held."""

from collections.abc import Mapping
from typing import Any

from mpmath import mp

from unbend.activations._formula_base import Formula

_DIGITS = 40
_HUGE = 10**6  # beyond it an exponential is zero or infinite in every type; written out it would fill the memory


def exact(formula: Formula, x: float, values: Mapping[str, Any]) -> float:
    """The formula at `x`, rounded to float64 once."""
    with mp.workdps(_DIGITS):
        numbers = {name: mp.mpf(value) for name, value in values.items()}
        return float(mp.mpf(formula.evaluate(_NAMES, x=mp.mpf(x), **numbers)))


def _exp(t: Any) -> Any:
    return mp.exp(t) if -_HUGE < t < _HUGE else mp.mpf(0) if t < 0 else mp.inf


def _sigmoid(t: Any) -> Any:
    return 1 / (1 + _exp(-t))


def _tanh(t: Any) -> Any:
    return mp.tanh(t) if abs(t) < _HUGE else mp.sign(t)


def _softplus(t: Any) -> Any:
    return mp.log1p(_exp(t)) if t < 0 else t + mp.log1p(_exp(-t))


def _expm1(t: Any) -> Any:
    return mp.expm1(t) if abs(t) < 1 else _exp(t) - 1


def _logcosh(t: Any) -> Any:
    return _softplus(2 * t) - t - mp.log(2)


def _isru(t: Any) -> Any:
    return t / mp.hypot(t, 1)


def _normal(t: Any) -> Any:
    return mp.erfc(-t / mp.sqrt(2)) / 2 if abs(t) < _HUGE else mp.mpf(t > 0)


def _where(test: Any, yes: Any, no: Any) -> Any:
    return yes if test else no


def _clip(t: Any, least: Any, most: Any) -> Any:
    return min(max(t, least), most)


def _relu(t: Any) -> Any:
    return max(t, mp.mpf(0))


_NAMES: dict[str, Any] = {
    **{name: getattr(mp, name) for name in ("log", "log1p", "sqrt", "sin", "cos", "tan", "atan", "asin", "asinh")},
    **{
        name: getattr(mp, name) for name in ("sinh", "cosh", "sech", "hypot", "gamma", "sinc", "erf", "sign", "pi", "e")
    },
    **{f.__name__[1:]: f for f in (_exp, _sigmoid, _tanh, _softplus, _expm1, _logcosh, _isru, _where, _clip, _relu)},
    "Phi": _normal,
    "abs": abs,
    "minimum": min,
    "maximum": max,
}
