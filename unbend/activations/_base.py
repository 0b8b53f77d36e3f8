"""A bend: an elementwise function with all its faces."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.activations import _bounds_base as _bounds, _gauss_base as _gauss
from unbend.activations._facts_base import Facts, facts
from unbend.activations._formula_base import Cost as Cost, Formula
from unbend.activations._lean_base import Function, both_of, evaluate, slope_of
from unbend.activations._outline_base import (
    IDENTITY as IDENTITY,
    ZERO as ZERO,
    Curve,
    Line as Line,
    Number as Number,
    Outline as Outline,
)

Kernel = Callable[..., tuple[Tensor, Tensor]]
Lean = bool | Literal["slope"]


class Bend(nn.Module, ABC):
    """An elementwise function, its parameters, and what can be known of it.

    A final class names its functional form, tells its outline, and passes its parameters on; every face is computed
    from these. Faces are computed in float64, for the parameters as they now stand; the bend itself computes in the
    type of its input, as torch's own do, and casts its parameters to it.

    Args:
        learned: names among `values` that are trained; each becomes an `nn.Parameter`.
        channels: how many values a learned parameter has, one for each channel; None for a single one.
        dim: the axis of the input that holds the channels, 1 or -1.
        lean: what a differentiated call keeps. False: the input, and its slope where the input is large, or whatever
            the plain function keeps; fast. True: the input alone, and the slope is computed again. "slope": the slope
            alone, the fastest with little memory; such a bend is differentiated once, not twice.
        values: the parameters of `function`, by name and in its order.
    """

    function: Function
    """The functional form: `function(x, *parameters)`."""

    derivative: Function | None = None
    """Its slope in closed form, with the same arguments; by automatic differentiation where there is none."""

    both: Callable[..., tuple[Tensor, Tensor]] | None = None
    """Value and slope together, where they have work in common."""

    partials: Callable[..., tuple[Tensor, ...]] | None = None
    """The derivatives by the learned parameters; by automatic differentiation where there are none."""

    native: ClassVar[bool] = False
    """Whether `function` is a kernel of torch that keeps its input only: it is lean as it is."""

    dual: Kernel | None = None
    """`dual(q11, q12, q22, *parameters)`: kernel and derivative kernel in closed form; by quadrature otherwise."""

    aliases: ClassVar[Sequence[str]] = ()
    """Other names under which `unbend.bend` finds the class."""

    examples: ClassVar[tuple[Example, ...]] = (Example(),)

    def __init__(
        self,
        *,
        learned: tuple[str, ...] = (),
        channels: int | None = None,
        dim: int = 1,
        lean: Lean = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **values: Any,
    ) -> None:
        super().__init__()
        if channels is not None:
            at_least(1, channels=channels)
        if lean not in (False, True, "slope"):
            raise ArgumentError.of("lean", lean, "False, True or 'slope'")
        if dim not in (1, -1):
            raise ArgumentError.of("dim", dim, "1 or -1, the axis that holds the channels")
        self.channels, self.dim, self.lean, self.start = channels, dim, lean, values
        for name, value in values.items():
            if name in learned:
                value = nn.Parameter(torch.empty(channels or 1, device=device, dtype=dtype))
            setattr(self, name, value)
        self.reset_parameters()

    @property
    @abstractmethod
    def outline(self) -> Outline:
        """Where the curve turns, bends and ends."""

    def reset_parameters(self) -> None:
        """Set the learned parameters back to their start."""
        for name, parameter in self.named_parameters():
            nn.init.constant_(parameter, self.start[name])

    def forward(self, x: Tensor) -> Tensor:
        """The bend at every element of `x`."""
        values = self.values(x.ndim, self.dim, x.dtype)
        if self.native:
            return self.function(x, *values)
        return evaluate(self, x, values, "slope" if self.lean == "slope" else "input" if self.lean else "both")

    def slope(self, x: Tensor) -> Tensor:
        """The derivative at every element of `x`."""
        return self.slope_at(x, *self.values(x.ndim, self.dim, x.dtype))

    @property
    def formula(self) -> Formula:
        """The formula of the docstring, as data."""
        return Formula.of(self)

    def cost(self) -> Cost:
        """Elementary operations per element."""
        return self.formula.cost()

    @property
    def facts(self) -> Facts:
        """Zero, ranges, monotony, tails, fixed points and the like, over all channels."""
        with torch.no_grad():
            f, slope, outline = self._curve(0)
            return facts(f, slope, outline.map(self._row))

    def bounds(self, lower: Tensor | float, upper: Tensor | float) -> tuple[Tensor, Tensor]:
        """Least and greatest value on `[lower, upper]`, rounded outward.

        Gradients reach the ends and the parameters.

        Args:
            lower: lower ends, shaped like an input; may be infinite.
            upper: upper ends, `>= lower`.
        """
        low, high, dtype = _bounds.ordered(lower, upper)
        f, _, outline = self._laid_out(low.ndim)
        return _bounds.widen(*_bounds.interval(f, outline, low, high), dtype)

    @torch.no_grad()
    def relax(self, lower: Tensor | float, upper: Tensor | float) -> _bounds.Lines:
        """A line below and a line above the curve on `[lower, upper]`, rounded outward; they lose least area.

        Args:
            lower: lower ends, shaped like an input.
            upper: upper ends, `>= lower`.

        Returns:
            `lower` and `upper`, each a `Line(slope, offset)` of tensors.
        """
        low, high, dtype = _bounds.ordered(lower, upper)
        return _bounds.lines(*self._laid_out(low.ndim), low, high, dtype)

    @torch.no_grad()
    def moments(self, mean: float = 0.0, var: float = 1.0) -> tuple[float, float]:
        """Mean of `f(X)` and of `f(X)^2` for X ~ N(mean, var), averaged over channels."""
        f, _, outline = self._curve(0)
        _, cuts = _gauss.cuts(f, outline.map(self._row), abs(mean) + _gauss.REACH * var**0.5)
        centre, std = (torch.full(cuts.shape[:1], v, dtype=torch.float64) for v in (mean, var**0.5))
        x, w = _gauss.rule(centre, std, cuts)
        y = f(x)
        return float((w * y).sum(-1).mean()), float((w * y**2).sum(-1).mean())

    def gain(self) -> float:
        """`1 / sqrt(E f(Z)^2)`, Z ~ N(0, 1): the factor that keeps a second moment of one."""
        return self.moments()[1] ** -0.5

    def weight_std(self, fan_in: int) -> float:
        """Suggested standard deviation for the weights that read `fan_in` outputs of this bend."""
        return self.gain() / at_least(1, fan_in=fan_in) ** 0.5

    def dual_kernel(self, q11: Tensor | float, q12: Tensor | float, q22: Tensor | float) -> Tensor:
        """Mean of `f(U) f(V)` for Gaussian (U, V) with those second moments, averaged over channels.

        Args:
            q11: mean of `U^2`, of any shape.
            q12: mean of `U V`; `q12^2 <= q11 q22`.
            q22: mean of `V^2`.
        """
        return self._kernel(0, q11, q12, q22)

    def derivative_kernel(self, q11: Tensor | float, q12: Tensor | float, q22: Tensor | float) -> Tensor:
        """Mean of `f'(U) f'(V)`: the derivative of `dual_kernel` by `q12` (Price's theorem)."""
        return self._kernel(1, q11, q12, q22)

    @torch.no_grad()
    def _kernel(self, which: int, *q: Tensor | float) -> Tensor:
        moments, dtype = _gauss.second_moments(*q)
        if self.dual is not None:
            parameters = self.values(moments[0].ndim + 1, 0, torch.float64)
            value = self.dual(*(q[None] for q in moments), *parameters)[which]
        else:
            *curves, outline = self._curve(0)
            value = _gauss.pair(curves[which], outline.map(self._row), *moments)
        return value.mean(0).to(dtype)

    def at(self, name: str) -> Number:
        """The present value of a parameter, as a number, or as float64 with one number per channel."""
        value = getattr(self, name)
        if isinstance(value, Tensor):
            return float(value.detach()) if self.channels is None else value.detach().double()
        return value

    def extra_repr(self) -> str:
        """The arguments that differ from their defaults."""
        given: dict[str, Any] = {**vars(self), **self.start}
        return ", ".join(
            f"{name}={given[name]!r}"
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if name in given and given[name] != parameter.default
        )

    def values(self, ndim: int, axis: int, dtype: torch.dtype) -> list[Any]:
        """The parameters of `function`, those per channel shaped to lie along `axis` of an input of `ndim` axes."""
        shape = self._shape(ndim, axis)
        values = [getattr(self, name) for name in self.start]
        return [v.to(dtype).reshape(shape) if isinstance(v, Tensor) else v for v in values]

    def _shape(self, ndim: int, axis: int) -> list[int]:
        """The shape of a parameter that meets an input of `ndim` axes with its channels along `axis`."""
        if self.channels is None:
            return []
        if not -ndim <= axis < ndim:
            raise ArgumentError.of("input", f"{ndim} axes", f"an axis {self.dim} with {self.channels} channels")
        shape = [1] * ndim
        shape[axis] = self.channels
        return shape

    def slope_at(self, x: Tensor, *values: Any) -> Tensor:
        """The derivative of `function`, with its arguments."""
        if self.derivative is not None:
            return self.derivative(x, *values)
        return slope_of(lambda z: self.function(z, *values), x)

    def both_at(self, x: Tensor, *values: Any) -> tuple[Tensor, Tensor]:
        """`function` and its derivative."""
        if self.both is not None:
            return self.both(x, *values)
        if self.derivative is not None:
            return self.function(x, *values), self.derivative(x, *values)
        return both_of(lambda z: self.function(z, *values), x)

    def _curve(self, axis: int) -> tuple[Curve, Curve, Outline]:
        """Value and slope as functions of x alone, with the channels along `axis` of x, and the outline."""
        return (
            lambda x: self.function(x, *self.values(x.ndim, axis, x.dtype)),
            lambda x: self.slope_at(x, *self.values(x.ndim, axis, x.dtype)),
            self.outline,
        )

    def _laid_out(self, ndim: int) -> tuple[Curve, Curve, Outline]:
        """The same with the channels where an input of `ndim` axes has them, counted from the last axis."""
        axis = self.dim if self.dim < 0 else self.dim - ndim
        f, slope, outline = self._curve(axis)
        shape = self._shape(ndim, axis)
        return f, slope, outline.map(lambda n: _tensor(n).view(shape if isinstance(n, Tensor) else ()))

    def _row(self, number: Number) -> Tensor:
        """A number of the outline as a tensor with one entry per channel."""
        return _tensor(number).expand(self.channels or 1)


def _tensor(number: Number) -> Tensor:
    return torch.as_tensor(number, dtype=torch.float64)
