"""Known functions for learned curves: the best `c * f(a * x + b) + d` of each, and how well it fits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.activations import bend

# From simple to less so: of two that fit alike the first is preferred.
ELEMENTARY: dict[str, Callable[[Tensor], Tensor]] = {
    "x": lambda x: x,
    "x**2": lambda x: x**2,
    "x**3": lambda x: x**3,
    "x**4": lambda x: x**4,
    "1/x": torch.reciprocal,
    "sqrt(x)": torch.sqrt,
    "abs(x)": torch.abs,
    "exp(x)": torch.exp,
    "log(x)": torch.log,
    "sin(x)": torch.sin,
    "tanh(x)": torch.tanh,
    "atan(x)": torch.atan,
    "exp(-x**2)": lambda x: torch.exp(-(x**2)),
}

_ROUNDS, _SIDE, _POINTS = 8, 25, 200


@dataclass(frozen=True)
class SymbolicFit:
    """`c * f(a * x + b) + d`, and the share of the curve's variance that it explains.

    Attributes:
        name: a key of the elementary functions, such as "sin(x)", or a name that `unbend.bend` knows.
        a: factor of the input.
        b: shift of the input.
        c: factor of the output.
        d: shift of the output.
        r2: 1 where the fit is exact; 0 where it is no better than a constant.
    """

    name: str
    a: float
    b: float
    c: float
    d: float
    r2: float

    def __call__(self, x: Tensor) -> Tensor:
        return self.c * _function(self.name)(self.a * x + self.b) + self.d

    def __str__(self) -> str:
        inner = f"({self.a:.4g}*x{self.b:+.4g})"
        body = self.name.replace("exp", "E").replace("x", inner).replace("E", "exp")
        called = body if self.name in ELEMENTARY else f"{self.name}{inner}"
        return f"{self.c:.4g}*{called}{self.d:+.4g}"

    def expression(self, x: Any, digits: int = 4) -> Any:
        """The fit as a sympy expression of `x`, its numbers rounded to so many digits; elementary functions only."""
        import sympy

        if self.name not in ELEMENTARY:
            remedy = "Bends are written out by `unbend.activations.symbolic`."
            raise ArgumentError.of("name", self.name, f"one of {', '.join(ELEMENTARY)}", remedy)
        a, b, c, d = (sympy.Float(f"{number:.{digits}g}") for number in (self.a, self.b, self.c, self.d))
        known: Any = sympy.parse_expr(self.name)
        return c * known.subs(sympy.Symbol("x"), a * x + b) + d


def symbolic_fits(x: Tensor, y: Tensor, names: Sequence[str] | None = None) -> list[SymbolicFit]:
    """Fit every named function to the curve through `(x, y)`, both `(n,)`; the best first.

    Each function is tried on a grid over the factor and the shift of its input, which then closes in eight times on
    the best of them; factor and shift of the output follow by least squares.

    Args:
        x: where the curve is known.
        y: its values there.
        names: elementary functions (such as "sin(x)") or names of bends; the elementary ones when None.
    """
    step = max(1, len(x) // _POINTS)
    order = x.argsort()[::step]
    x, y = x.detach().double()[order], y.detach().double()[order]
    if len(x) < 3 or float(x[-1]) == float(x[0]):
        raise ArgumentError.of("x", f"{len(x)} points", "three different ones or more")
    chosen = [*ELEMENTARY] if names is None else [*names]
    fits = [_fit(x, y, name) for name in chosen]
    return sorted(fits, key=lambda fit: (-round(fit.r2, 4), chosen.index(fit.name)))


def _function(name: str) -> Callable[[Tensor], Tensor]:
    return ELEMENTARY[name] if name in ELEMENTARY else bend(name)


@torch.no_grad()
def _fit(x: Tensor, y: Tensor, name: str) -> SymbolicFit:
    function = _function(name)
    middle, half = (x[-1] + x[0]) / 2, (x[-1] - x[0]) / 2
    z, centred = (x - middle) / half, y - y.mean()
    if float(centred.square().mean()) < 1e-24:
        return SymbolicFit(name, 1.0, 0.0, 0.0, float(y.mean()), 1.0)
    best, reach = torch.zeros(2, dtype=z.dtype), torch.tensor([10.0, 10.0], dtype=z.dtype)
    top = -1.0
    for _ in range(_ROUNDS):
        # An even number of steps would put a factor of 0 on the grid, where every function is a constant.
        factors, shifts = (at + r * torch.linspace(-1, 1, _SIDE - 1, dtype=z.dtype) for at, r in zip(best, reach))
        values = function(factors[:, None, None] * z + shifts[:, None])
        r2 = _explained(values, centred)
        at = int(r2.argmax())
        if float(r2.max()) > top:
            top, best = float(r2.max()), torch.stack([factors[at // len(shifts)], shifts[at % len(shifts)]])
        reach = reach / 4
    values = function(best[0] * z + best[1])
    spread = values - values.mean()
    c = float((spread * centred).sum() / spread.square().sum()) if top > 0 else 0.0
    d = float(y.mean() - c * values.mean()) if top > 0 else float(y.mean())
    a = float(best[0] / half)
    return SymbolicFit(name, a, float(best[1]) - a * float(middle), c, d, max(top, 0.0))


def _explained(values: Tensor, centred: Tensor) -> Tensor:
    """Squared correlation of each row with the curve, in one long row; 0 where a row is constant or not finite."""
    spread = values - values.mean(-1, keepdim=True)
    size = spread.square().sum(-1)
    scale = values.abs().amax(-1)
    share = (spread * centred).sum(-1).square() / (size * centred.square().sum())
    return torch.where(share.isfinite() & (size > 1e-12 * scale**2), share, 0.0).flatten()
