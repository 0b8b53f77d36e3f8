"""Entropy of what a bend puts out, and the changes to a bend that move it."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from unbend._errors import ArgumentError, at_least
from unbend.activations._lean_base import both_of, slope_of
from unbend.activations._outline_base import Curve


def normal_density(x: Tensor) -> Tensor:
    """The density of N(0, 1)."""
    return torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def entropy_correction(fn: Curve, density: Curve = normal_density) -> Curve:
    """The change of a bend that lowers the entropy of its output fastest, for inputs of some density.

    Formula:
        c(x) = p'(x) - p(x) f''(x) / f'(x)

    Args:
        fn: f, an elementwise function that torch differentiates twice.
        density: p, likewise.

    Returns:
        c, the negative of the first variation of the output's entropy, as a change of f: f + t c has less entropy than
        f for small t > 0. Where f is flat, so that f'' = f' = 0, it is p'.

    Behaviour:
        With p / f' the density of the output, the variation of the entropy by the inverse of f is the derivative of
        p / f' by x; it is zero everywhere for f' in proportion to p, which is `worst_activation`. For ReLU and the
        normal density c is -x exp(-x^2 / 2) over sqrt(2 pi): CRReLU adds a learned multiple of that, from a positive
        start, which is the direction in which the entropy grows.

    Departures:
        The steps were derived anew, since the paper's text was not at hand; they lead to its correction of ReLU.

    References:
        Sun, Wu, Xia, Chang, Dong, Yuan, Chang, Wang (2024), A Method on Searching Better Activation Functions,
        arXiv:2405.12954.

    Examples:
        >>> entropy_correction(torch.relu)(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([ 0.2420, -0.0000, -0.2420])
    """

    def correction(x: Tensor) -> Tensor:
        slope, curvature = both_of(lambda z: slope_of(fn, z), x)
        p, fall = both_of(density, x)
        flat = (slope == 0) & (curvature == 0)
        return fall - p * torch.where(flat, 0.0, curvature / torch.where(flat, 1.0, slope))

    return correction


def activation_entropy(values: Tensor, bins: int = 64, span: tuple[float, float] | None = None) -> float:
    """Differential entropy of a sample, in nats, from a histogram.

    Formula:
        H = -sum_i q_i log(q_i / width)

    Args:
        values: of any shape; those outside `span` are left out.
        bins: how many, all of the same width. The estimate depends on it: compare only at equal `bins` and `span`.
        span: ends of the histogram; least and greatest value when None.

    Returns:
        The entropy; minus infinity where all values are equal.

    References:
        Sun, Wu, Xia, Chang, Dong, Yuan, Chang, Wang (2024), arXiv:2405.12954.

    Examples:
        >>> round(activation_entropy(torch.linspace(0, 4, 4001)), 2)  # log(4)
        1.39
    """
    at_least(1, bins=bins)
    numbers = values.detach().flatten().double().cpu().numpy()
    if not numbers.size or not np.isfinite(numbers).all():
        raise ArgumentError.of("values", f"{numbers.size} numbers", "at least one, and all finite")
    low, high = span or (float(numbers.min()), float(numbers.max()))
    if low == high:
        return -math.inf
    if low > high:
        raise ArgumentError.of("span", span, "ends in rising order")
    counts, _ = np.histogram(numbers, bins, (low, high))
    if not counts.sum():
        raise ArgumentError.of("span", span, "an interval with some of the values")
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share * bins / (high - low))).sum())


def worst_activation(
    density: Curve = normal_density,
    low: float = 0.0,
    high: float = 1.0,
    *,
    reach: float = 12.0,
    points: int = 4097,
) -> Callable[[Tensor], Tensor]:
    """The increasing function from `low` to `high` whose output carries most entropy, for inputs of some density.

    Formula:
        f(x) = low + (high - low) F(x), with F the distribution function of the density

    Args:
        density: p, up to a constant.
        low: value on the far left.
        high: value on the far right.
        reach: where the density is taken to have ended, on either side of 0.
        points: of the table.

    Returns:
        f, accurate to 1e-9 for densities no narrower than the normal one; constant beyond `reach`.

    Behaviour:
        Its output is uniform. That is what the paper calls the worst bend with these ends, entropy in the output being
        taken for uncertainty; of N(0, 1) it is Phi, which the sigmoid resembles.

    References:
        Sun, Wu, Xia, Chang, Dong, Yuan, Chang, Wang (2024), A Method on Searching Better Activation Functions,
        arXiv:2405.12954.

    Examples:
        >>> worst_activation()(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([0.1587, 0.5000, 0.8413])
    """
    at_least(3, points=points)
    x = torch.linspace(-reach, reach, points, dtype=torch.float64)
    step = 2 * reach / (points - 1)
    p, middle = density(x), density(x[:-1] + step / 2)
    # Simpson's rule on every interval.
    table = torch.cat([x.new_zeros(1), ((p[:-1] + 4 * middle + p[1:]) * (step / 6)).cumsum(0)])
    p, table = p / table[-1] * (high - low), low + table / table[-1] * (high - low)

    def function(at: Tensor) -> Tensor:
        place = ((at.double().clamp(-reach, reach) + reach) / step).clamp(max=points - 1 - 1e-9)
        i, t = place.long(), place.frac()
        # The cubic that has value and slope at both ends.
        rise = table[i + 1] - table[i]
        bow = (1 - t) * (step * p[i] - rise) + t * (rise - step * p[i + 1])
        return (table[i] + t * rise + t * (1 - t) * bow).to(at.dtype)

    return function
