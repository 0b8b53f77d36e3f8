"""Activations read as signals: how much of them is constant, and what a bend does to a tone."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from unbend._errors import ArgumentError, at_least, positive


def dc_fraction(acts: Tensor, dim: int | tuple[int, ...] = -1) -> Tensor:
    """How much of the energy of a signal is in its mean.

    Formula:
        mean_dim(x)^2 / mean_dim(x^2)

    Args:
        acts: activations.
        dim: the axis, or axes, of time or space; they are gone from the result.

    Returns:
        Between 0 (no mean) and 1 (nothing else); 0 for a signal that is zero. 4 / pi^2 = 0.405 after a rectifier on a
        tone, whatever its amplitude.

    References:
        Kechris, Dan, Miranda, Atienza (2024), DC is all you need, arXiv:2407.16556.

    Examples:
        >>> tone = torch.cos(torch.arange(64) * 2 * torch.pi / 64)
        >>> dc_fraction(torch.relu(tone))
        tensor(0.4046)
    """
    x = acts.to(torch.promote_types(acts.dtype, torch.float32))
    peak = x.abs().amax(dim, keepdim=True)
    x = x / peak.where(peak > 0, 1.0)  # so that no square overflows
    energy = x.square().mean(dim)
    return (x.mean(dim).square() / energy.where(energy > 0, 1.0)).clamp(max=1.0)


class Harmonics(NamedTuple):
    """What a function makes of a tone: `amplitudes[m]` of harmonic m, and the total harmonic distortion."""

    amplitudes: Tensor
    distortion: float


def harmonic_distortion(
    fn: Callable[[Tensor], Tensor], n: int = 10, *, amplitude: float = 1.0, samples: int = 4096
) -> Harmonics:
    """Send the tone `amplitude cos(t)` through a function, and read the harmonics.

    Formula:
        fn(amplitude cos(t)) = sum_m amplitudes_m cos(m t)
        distortion = sqrt(sum_{m = 2 .. n} amplitudes_m^2) / |amplitudes_1|

    Args:
        fn: elementwise, such as a bend.
        n: number of the last harmonic.
        amplitude: of the tone.
        samples: in a period; a harmonic is off by those near `samples`, which fold back onto it.

    Returns:
        Amplitudes from 0, the constant, to n, with their signs, in float64; infinite distortion without a fundamental.

    References:
        Kechris, Dan, Miranda, Atienza (2024), DC is all you need, arXiv:2407.16556.

    Examples:
        >>> found = harmonic_distortion(torch.relu, 4)
        >>> found.amplitudes, round(found.distortion, 3)
        (tensor([ 0.3183,  0.5000,  0.2122,  0.0000, -0.0424], dtype=torch.float64), 0.433)
    """
    at_least(1, n=n)
    if samples <= 2 * n:
        raise ArgumentError.of("samples", samples, f"more than twice the last harmonic, {2 * n}")
    t = 2 * torch.pi * torch.arange(samples, dtype=torch.float64) / samples
    with torch.no_grad():
        y = fn(positive(amplitude=amplitude) * t.cos())
    c = torch.fft.rfft(y.double()).real[: n + 1] / samples
    c[1:] *= 2
    noise = 1e-13 * float(y.double().abs().max())
    c = torch.where(c.abs() > noise, c, 0.0)
    first = abs(float(c[1]))
    return Harmonics(c, float(c[2:].square().sum().sqrt()) / first if first else float("inf"))
