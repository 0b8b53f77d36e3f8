"""What a rectifier does to a sum of tones: its series, and the spectrum that follows."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unbend._errors import ArgumentError, at_least, positive

T = TypeVar("T", Tensor, NDArray[np.float64])


def relu_taylor(x: T, scale: float | None = None, order: int = 20) -> T:
    """The rectifier as the Taylor series of a square root: a polynomial of degree 2 * order.

    Formula:
        g = x^2 / scale^2 - 1
        y = x / 2 + scale / 2 sum_{k = 0 .. order} binom(1/2, k) g^k

    Args:
        x: tensor or array, floating.
        scale: at least max|x| / sqrt(2), where the series converges; that number when None.
        order: of the last term.

    Returns:
        The polynomial at x. It is off by at most `scale / 2 |binom(1/2, order + 1)| |g|^(order + 1) / (1 - |g|)` where
        |g| < 1, and by about `0.28 scale / sqrt(order)` at x = 0, where g = -1.

    Departures:
        The choice of the scale is ours; that of the authors was not seen.

    References:
        Kechris, Dan, Miranda, Atienza (2024), DC is all you need, arXiv:2407.16556.

    Examples:
        >>> relu_taylor(np.array([-1.0, 0.0, 1.0]), order=200).round(3) + 0.0
        array([0.   , 0.014, 1.   ])
    """
    if scale is None:
        scale = float(abs(x.detach() if isinstance(x, Tensor) else x).max()) / 2**0.5
    g = x * x / positive(scale=scale) ** 2 - 1
    total = 0 * g + _binomials(order)[-1]
    for c in _binomials(order)[-2::-1]:
        total = total * g + c
    return x / 2 + scale / 2 * total


def relu_spectrum(
    amplitudes: Sequence[float],
    freqs: Sequence[int],
    order: int = 20,
    *,
    phases: Sequence[float] | None = None,
    scale: float | None = None,
) -> NDArray[np.complex128]:
    """The Fourier series of `relu(x)`, x a sum of tones, to a given order of `relu_taylor`.

    Formula:
        x(t) = sum_n amplitudes_n cos(freqs_n t + phases_n)
        relu_taylor(x(t)) = Re sum_m c_m exp(i m t)

    Args:
        amplitudes: of the tones.
        freqs: whole numbers >= 0, in units of one base.
        order: of the series.
        phases: all zero when None.
        scale: at least sum|amplitudes| / sqrt(2); that number when None.

    Returns:
        c, complex, of length `2 order max(freqs) + 1`: c_0 is the mean, |c_m| the amplitude of harmonic m. Exact for
        the polynomial. Half of each tone is there; all else is an even combination of the tones' frequencies.

    References:
        Kechris, Dan, Miranda, Atienza (2024), DC is all you need, arXiv:2407.16556.

    Examples:
        >>> c = relu_spectrum([1.0], [1], order=200)  # 1/pi, 1/2, 2/(3 pi), 0, -2/(15 pi)
        >>> c[:5].real.round(3) + 0.0
        array([ 0.319,  0.5  ,  0.212,  0.   , -0.042])
    """
    a, w = np.asarray(amplitudes, float), np.asarray(freqs)
    p = np.zeros(len(a)) if phases is None else np.asarray(phases, float)
    if a.ndim != 1 or not len(a) or a.shape != w.shape or a.shape != p.shape:
        raise ArgumentError.of("amplitudes, freqs", f"shapes {a.shape}, {w.shape}", "equally many, at least one")
    if w.dtype.kind not in "iu" or w.min() < 0:
        raise ArgumentError.of("freqs", freqs, "whole numbers >= 0", "Give them in units of a common base frequency")
    top = 2 * at_least(1, order=order) * max(int(w.max()), 1)
    # A trigonometric polynomial of this degree is known from so many samples: nothing is folded back.
    count = 2 * top + 2
    t = 2 * np.pi * np.arange(count) / count
    x = (a[:, None] * np.cos(w[:, None] * t + p[:, None])).sum(0)
    c = np.fft.rfft(relu_taylor(x, float(np.abs(a).sum()) / 2**0.5 or 1.0 if scale is None else scale, order)) / count
    c[1:] *= 2
    return c[: top + 1]


def _binomials(order: int) -> list[float]:
    """binom(1/2, k) for k = 0 .. order."""
    found = [1.0]
    for k in range(at_least(0, order=order)):
        found.append(found[-1] * (0.5 - k) / (k + 1))
    return found
