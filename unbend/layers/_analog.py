"""What analog hardware does to numbers: few levels, noise, and a range that ends."""

from math import sqrt
from typing import Any, ClassVar

import torch
from scipy.special import erfinv
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least


def reduce_precision(x: Tensor, precision: int, divide: float = 0.5) -> Tensor:
    """Round to the nearest of so many levels for each unit; the gradient passes as if nothing had happened.

    Formula:
        y = sign(x) max(floor(|x p|), ceil(|x p| - d)) / p

    Args:
        x: any shape.
        precision: p, levels for each unit.
        divide: d, the fraction at which rounding turns upward; 0.5 rounds to the nearest level, ties toward zero.

    References:
        Shah, Youngblood (2024), Leveraging Continuously Differentiable Activation Functions for Learning in Quantized
        Noisy Environments, arXiv:2402.02593.

    Examples:
        >>> reduce_precision(torch.tensor([0.24, 0.26, -0.9]), precision=2)
        tensor([ 0.0000,  0.5000, -1.0000])
    """
    return _StraightThrough.apply(x, _rounded(x.detach(), precision, divide))


def noise_std(leakage: float, precision: int) -> float:
    """Deviation of the noise under which a value leaves its level with probability `leakage`.

    Formula:
        std = 1 / (2 p sqrt(2) erfinv(1 - leakage))

    Args:
        leakage: in (0, 1).
        precision: p, levels for each unit.

    References:
        Shah, Youngblood (2024), Leveraging Continuously Differentiable Activation Functions for Learning in Quantized
        Noisy Environments, arXiv:2402.02593.

    Examples:
        >>> round(noise_std(0.3173, 1), 3)
        0.5
    """
    if not 0 < leakage < 1:
        raise ArgumentError.of("leakage", leakage, "a probability in (0, 1)")
    return 1 / (2 * at_least(1, precision=precision) * sqrt(2) * float(erfinv(1 - leakage)))


class ReducePrecision(nn.Module):
    """Round to so many levels for each unit, the gradient passing straight through.

    Formula:
        y = sign(x) max(floor(|x p|), ceil(|x p| - d)) / p, or with `stochastic` sign(x) (floor(|x p|) + coin) / p

    Shape:
        x: (*);  y: as x.

    Args:
        precision: p, levels for each unit; inputs in [-1, 1] then take 2 p + 1 values.
        divide: d, the fraction at which rounding turns upward; 0.5 is to the nearest, ties toward zero.
        stochastic: round up with a probability that is the fraction, so that the mean is x; in use as well.

    Behaviour:
        Idempotent; |y - x| <= 1 / (2 p) at d = 0.5. The gradient is that of the identity (a surrogate).

    References:
        Shah, Youngblood (2024), Leveraging Continuously Differentiable Activation Functions for Learning in Quantized
        Noisy Environments, arXiv:2402.02593.

    Examples:
        >>> ReducePrecision(4)(torch.tensor([0.3, -0.7]))
        tensor([ 0.2500, -0.7500])
    """

    surrogate: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"precision": 4}),
        Example({"precision": 3, "divide": 0.25}),
    )

    def __init__(self, precision: int, divide: float = 0.5, stochastic: bool = False) -> None:
        super().__init__()
        if not 0 <= divide <= 1:
            raise ArgumentError.of("divide", divide, "a number in [0, 1]")
        self.precision, self.divide, self.stochastic = at_least(1, precision=precision), divide, stochastic

    def forward(self, x: Tensor) -> Tensor:
        if not self.stochastic:
            return reduce_precision(x, self.precision, self.divide)
        size = x.detach().abs() * self.precision
        level = size.floor() + (torch.rand_like(size) < size.frac())
        return _StraightThrough.apply(x, x.detach().sign() * level / self.precision)

    def __repr__(self) -> str:
        return f"ReducePrecision({self.precision}, divide={self.divide}, stochastic={self.stochastic})"


class LeakyNoise(nn.Module):
    """Gaussian noise so strong that a value leaves its level with a given probability.

    Formula:
        y = x + std z, z ~ N(0, 1), std = 1 / (2 p sqrt(2) erfinv(1 - leakage))

    Shape:
        x: (*);  y: as x.

    Args:
        leakage: probability in (0, 1) that a value is carried past the middle between two levels.
        precision: p, levels for each unit.
        in_eval: whether there is noise in evaluation mode, as in hardware there is.

    Behaviour:
        Draws from torch's global generator.

    References:
        Shah, Youngblood (2024), Leveraging Continuously Differentiable Activation Functions for Learning in Quantized
        Noisy Environments, arXiv:2402.02593.

    Examples:
        >>> LeakyNoise(0.5, precision=4)(torch.zeros(3)).shape
        torch.Size([3])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"leakage": 0.2, "precision": 4, "in_eval": False}),)

    def __init__(self, leakage: float, precision: int, in_eval: bool = True) -> None:
        super().__init__()
        self.std = noise_std(leakage, precision)
        self.leakage, self.precision, self.in_eval = leakage, precision, in_eval

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * torch.randn_like(x) if self.training or self.in_eval else x

    def __repr__(self) -> str:
        return f"LeakyNoise({self.leakage}, {self.precision}, in_eval={self.in_eval})"


class Analog(nn.Module):
    """A layer as analog hardware would compute it: what goes in and what comes out is limited, rounded and noisy.

    Formula:
        u = noise(round(clamp(x)))
        y = round(clamp(noise(layer(u))))

    Shape:
        as `layer`.

    Args:
        layer: a linear map, or any other module of one input.
        precision: levels for each unit, for both roundings.
        leakage: probability that the noise carries a value past its level; None for no noise.
        in_eval: whether there is noise in evaluation mode.

    Behaviour:
        Values lie in [-1, 1]. Rounding passes gradients (a surrogate); clamping does not, outside of the range.

    Departures:
        Weights are exact. The order of noise and rounding behind the layer is from memory of the authors' library.

    References:
        Shah, Youngblood (2024), Leveraging Continuously Differentiable Activation Functions for Learning in Quantized
        Noisy Environments, arXiv:2402.02593.

    Examples:
        >>> Analog(nn.Linear(3, 5), precision=4, leakage=0.2)(torch.randn(7, 3)).shape
        torch.Size([7, 5])
    """

    surrogate: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"layer": nn.Identity(), "precision": 4, "in_eval": False}),)

    def __init__(self, layer: nn.Module, precision: int, leakage: float | None = 0.2, *, in_eval: bool = True) -> None:
        super().__init__()
        self.layer, self.precision, self.leakage, self.in_eval = layer, precision, leakage, in_eval
        self.rounding = ReducePrecision(precision)
        self.noise = nn.Identity() if leakage is None else LeakyNoise(leakage, precision, in_eval)

    def forward(self, x: Tensor) -> Tensor:
        noisy = self.noise(self.rounding(x.clamp(-1, 1)))
        return self.rounding(self.noise(self.layer(noisy)).clamp(-1, 1))

    def __repr__(self) -> str:
        return f"Analog({self.layer!r}, {self.precision}, leakage={self.leakage}, in_eval={self.in_eval})"


class _StraightThrough(torch.autograd.Function):
    """The second argument as the value, the first one's gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


def _rounded(x: Tensor, precision: int, divide: float) -> Tensor:
    size = x.abs() * precision
    return x.sign() * torch.maximum(size.floor(), (size - divide).ceil()) / precision
