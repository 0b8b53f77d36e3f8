"""What the rational bends share: coefficients as parameters, the compiled ratio, the exact outline, and the fit."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unbend._errors import ArgumentError, at_least, one_of
from unbend.activations._base import Bend, Outline
from unbend.activations._certain_base import together
from unbend.activations._ratio_base import Exact, exact, outline_of, pieces_of, plus, refuse_poles, roots, value
from unbend.kernels._ratio import Form, rational, rational_slope

Array = NDArray[np.float64]
Init = str | tuple[Sequence[float], Sequence[float]]
Ratio = tuple[tuple[float, ...], tuple[float, ...]]

# Version C keeps its denominator this far from zero.
FLOOR = 0.1
_FORMS = {
    "A": Form(mirror=True),
    "B": Form(fold=True, base=1.0, lead=0.0),
    "C": Form(fold=True, base=FLOOR, lead=None),
    "N": Form(),
}
VERSIONS = tuple(_FORMS)
INTERVAL = (-3.0, 3.0)
_NODES = 601
_ROUNDS = 60
# What the authors' first release starts from: near to leaky ReLU with slope 0.01 on [-3, 3].
_LEAKY = (
    (3.35583603e-2, 5.05000375e-1, 1.65343934, 2.01001052, 9.31901999e-1, 1.52424124e-1),
    (3.30847488e-6, 3.98021568, 5.12471206e-7, 3.01830109e-1),
)


class RationalBase(Bend):
    """A ratio of polynomials whose coefficients are learned, `a0`, `a1` ... above and `b1`, `b2` ... below."""

    native = True

    def __init__(
        self,
        degrees: tuple[int, int] = (5, 4),
        version: str = "A",
        init: Init = "leaky_relu",
        *,
        channels: int | None = None,
        dim: int = 1,
        trainable: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if len(degrees) != 2:
            raise ArgumentError.of("degrees", degrees, "two whole numbers, of the numerator and of the denominator")
        for degree in degrees:
            at_least(0, degrees=degree)
        over, under = start(init, degrees, one_of(VERSIONS, version=version))
        first = 0 if version == "C" else 1
        values: dict[str, Any] = {f"a{j}": a for j, a in enumerate(over)}
        values |= {f"b{k}": b for k, b in enumerate(under, first)}
        learned = tuple(values) if trainable else ()
        super().__init__(learned=learned, channels=channels, dim=dim, device=device, dtype=dtype, **values)
        self.degrees, self.version, self.init, self.trainable = degrees, version, init, trainable
        if (degrees, version) != ((5, 4), "A"):
            self.__doc__ = f"A rational bend.\n\nFormula:\n{formula(degrees, version)}\n"

    def function(self, x: Tensor, *values: Any) -> Tensor:
        """The ratio at every element of `x`."""
        size = self.degrees[0] + 1
        return rational(x, values[:size], values[size:], _FORMS[self.version])

    def derivative(self, x: Tensor, *values: Any) -> Tensor:
        """The slope of the ratio."""
        size = self.degrees[0] + 1
        return rational_slope(x, values[:size], values[size:], _FORMS[self.version])

    @property
    def outline(self) -> Outline:
        """From the roots of polynomials, on the pieces where the denominator is one."""
        size = self.degrees[0] + 1
        each = torch.stack([torch.as_tensor(self.at(name), dtype=torch.float64).reshape(-1) for name in self.start], 1)
        found = [ratio_outline(tuple(row[:size]), tuple(row[size:]), self.version) for row in each.tolist()]
        return found[0] if self.channels is None else together(found)


@lru_cache(maxsize=1024)
def ratio_outline(over: tuple[float, ...], under: tuple[float, ...], version: str) -> Outline:
    """The outline for these coefficients."""
    top, q = exact(over), exact(under if version == "C" else (float(version != "B"), *under))
    if version == "N":
        refuse_poles(q)
        return outline_of(pieces_of([], top, lambda x: q), _least(q))
    if version == "A":
        return outline_of(pieces_of([0.0], top, partial(_mirrored, q)), 1.0)
    base = 1.0 if version == "B" else FLOOR
    return outline_of(pieces_of(roots(q), top, lambda x: plus(exact([base]), q, 1 if value(q, x) > 0 else -1)), base)


def _mirrored(q: Exact, x: Fraction) -> Exact:
    """`1 + sum |b_k x^k|` as a polynomial on the side of x."""
    return tuple(abs(c) * (-1 if x < 0 and k % 2 else 1) for k, c in enumerate(q))


def _least(q: Exact) -> float:
    """The least value of a polynomial without real roots, halved for rounding."""
    turns = roots(tuple(k * c for k, c in enumerate(q))[1:] or (Fraction(0),))
    return float(min(abs(value(q, Fraction(x))) for x in (*turns, 0.0))) / 2


def formula(degrees: tuple[int, int], version: str) -> str:
    """The lines of a formula, by Horner's rule."""

    def nested(names: Sequence[str], at: str) -> str:
        return names[0] if len(names) == 1 else f"{names[0]} + {at} * ({nested(names[1:], at)})"

    top = nested([f"a{j}" for j in range(degrees[0] + 1)], "x")
    below = [f"b{k}" for k in range(1, degrees[1] + 1)]
    if version == "A":
        q = nested(["1", *(f"abs({name})" for name in below)], "abs(x)")
    elif version == "N":
        q = nested(["1", *below], "x")
    else:
        inner = nested(["b0" if version == "C" else "0", *below], "x")
        q = f"{1 if version == 'B' else FLOOR} + abs({inner})"
    return f"    p = {top}\n    q = {q}\n    y = p / q"


def start(init: Init, degrees: tuple[int, int], version: str) -> Ratio:
    """The coefficients to begin with, of the numerator and of the denominator."""
    below = degrees[1] + (version == "C")
    if isinstance(init, str):
        if init == "leaky_relu" and degrees == (5, 4):
            return _LEAKY[0], ((1 - FLOOR, *_LEAKY[1]) if version == "C" else _LEAKY[1])
        return fitted(import_module("unbend.activations").bend(init), degrees, INTERVAL, version)
    if len(init) != 2 or [len(part) for part in init] != [degrees[0] + 1, below]:
        expected = f"the name of a bend, or {degrees[0] + 1} coefficients above and {below} below"
        raise ArgumentError.of("init", init, expected)
    over, under = (tuple(float(number) for number in part) for part in init)
    return over, under


@torch.no_grad()
def sampled(fn: Callable[[Tensor], Tensor], interval: tuple[float, float]) -> tuple[Array, Array]:
    """A function at points that are dense toward the ends of an interval."""
    low, high = interval
    if not -np.inf < low < high < np.inf:
        raise ArgumentError.of("interval", interval, "two finite numbers, the lower first")
    x = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    y = fn(torch.from_numpy(x)).double().numpy()
    if y.shape != x.shape or not np.isfinite(y).all():
        raise ArgumentError.of("fn", "values not finite, or of another shape", "an elementwise function, finite there")
    return x, y


def fitted(
    fn: Callable[[Tensor], Tensor], degrees: tuple[int, int], interval: tuple[float, float], version: str
) -> Ratio:
    """Coefficients of a ratio near to `fn` on an interval; see `fit_rational`."""
    x, y = sampled(fn, interval)
    top, below = np.vander(x, degrees[0] + 1, increasing=True), np.vander(x, degrees[1] + 1, increasing=True)[:, 1:]
    over, under = fit(y, top, np.abs(below) if version == "A" else below, version == "A")
    return tuple(over.tolist()), (*((1 - FLOOR,) if version == "C" else ()), *under.tolist())


def fit(y: Array, top: Array, below: Array, positive: bool) -> tuple[Array, Array]:
    """Coefficients (a, b) for which `(top @ a) / (1 + below @ b)` is near to y, the denominator positive.

    Linear problems first, weighted by the denominator before (Sanathanan and Koerner); then Levenberg-Marquardt; then
    weights that level the greatest errors (Lawson). The best of all by greatest error is kept.

    Args:
        y: (n,), the target.
        top: (n, m + 1), the functions of the numerator.
        below: (n, k), those of the denominator.
        positive: no coefficient of the denominator is negative.
    """
    # It takes long to import, and its types are not right.
    optimize: Any = import_module("scipy.optimize")

    scale = np.concatenate([np.linalg.norm(top, axis=0), np.linalg.norm(below, axis=0)])
    least = np.concatenate([np.full(top.shape[1], -np.inf), np.full(below.shape[1], 0.0 if positive else -np.inf)])
    size, best, error = top.shape[1], np.zeros(len(scale)), np.inf

    def ratio(c: Array) -> tuple[Array, Array]:
        d = 1 + below @ (c[size:] / scale[size:])
        return top @ (c[:size] / scale[:size]) / d, d

    def keep(c: Array) -> None:
        nonlocal best, error
        value, d = ratio(c)
        worst = float(np.abs(value - y).max())
        if (d > 1e-3).all() and worst < error:
            best, error = c, worst

    def jacobian(c: Array, w: Array) -> Array:
        value, d = ratio(c)
        return np.concatenate([top / d[:, None], -below * (value / d)[:, None]], 1) / scale * w[:, None]

    d = np.ones_like(y)
    for _ in range(20):
        rows = np.concatenate([top, -below * y[:, None]], 1) / scale / d[:, None]
        found = optimize.lsq_linear(rows, y / d, (least, np.inf), method="bvls" if positive else "trf", tol=1e-14)
        keep(cast(Array, found.x))
        d = np.maximum(ratio(found.x)[1], 1e-3)
    w, options = np.ones_like(y), {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "max_nfev": 200}
    for _ in range(_ROUNDS):
        begin = np.maximum(best, least + 1e-9)

        def residual(c: Array, w: Array = w) -> Array:
            return (ratio(c)[0] - y) * w

        found = optimize.least_squares(
            residual, begin, partial(jacobian, w=w), (least, np.inf), x_scale="jac", **options
        )
        keep(cast(Array, found.x))
        off = np.abs(ratio(found.x)[0] - y)
        w = w * np.sqrt(off / max(off.max(), 1e-300) + 1e-3)
        w /= w.max()
    c = best / scale
    return c[:size], c[size:]
