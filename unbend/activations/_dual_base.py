"""Kernels in closed form: means of f(U) f(V) and of f'(U) f'(V) for jointly Gaussian (U, V), by formula of f."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, exp

from unbend.activations._gauss_base import arc_cosine

Kernel = Callable[..., tuple[Tensor, Tensor]]


def two_slopes(q11: Tensor, q12: Tensor, q22: Tensor, below: Any = 0.0, above: Any = 1.0) -> tuple[Tensor, Tensor]:
    """Of `above * x` where x > 0, and `below * x` elsewhere."""
    kernel, both = arc_cosine(q11, q12, q22)
    same, cross = above**2 + below**2, above * below
    return same * kernel - 2 * cross * (kernel - q12 / 2), same * both + cross * (1 - 2 * both)


def above_first(q11: Tensor, q12: Tensor, q22: Tensor, above: Any, below: Any = 0.0) -> tuple[Tensor, Tensor]:
    """The same with the slopes in the other order."""
    return two_slopes(q11, q12, q22, below, above)


def one_steeper(q11: Tensor, q12: Tensor, q22: Tensor, below: Any) -> tuple[Tensor, Tensor]:
    """The same, steeper by 1 above."""
    return two_slopes(q11, q12, q22, below, below + 1)


def error_function(q11: Tensor, q12: Tensor, q22: Tensor, scale: Any = 1.0) -> tuple[Tensor, Tensor]:
    """Of `erf(scale * x)`, an arcsine."""
    double = 2 * scale**2
    both = (1 + double * q11) * (1 + double * q22)
    rest = (both - (double * q12) ** 2).sqrt()
    return 2 / math.pi * torch.asin(double * q12 / both.sqrt()), 2 * double / (math.pi * rest)


def normal_cdf(q11: Tensor, q12: Tensor, q22: Tensor, width: Any = 1.0) -> tuple[Tensor, Tensor]:
    """Of `Phi(x / width)`, which is `(1 + erf(x / (width * sqrt(2)))) / 2`."""
    kernel, slope = error_function(q11, q12, q22, math.sqrt(0.5) / width)
    return (1 + kernel) / 4, slope / 4


def waves(q11: Tensor, q12: Tensor, q22: Tensor, w: Any = 1.0) -> tuple[Tensor, Tensor]:
    """The means of `sin(w U) sin(w V)` and of `cos(w U) cos(w V)`."""
    near, far = (exp(-(w**2) * (q11 + q22 + sign * 2 * q12) / 2) for sign in (-1, 1))
    return (near - far) / 2, (near + far) / 2


def sine(q11: Tensor, q12: Tensor, q22: Tensor, w: Any = 1.0) -> tuple[Tensor, Tensor]:
    """Of `sin(w * x)`."""
    sines, cosines = waves(q11, q12, q22, w)
    return sines, w**2 * cosines


def one_minus_cosine(q11: Tensor, q12: Tensor, q22: Tensor) -> tuple[Tensor, Tensor]:
    """Of `1 - cos(x)`."""
    sines, cosines = waves(q11, q12, q22)
    return 1 - exp(-q11 / 2) - exp(-q22 / 2) + cosines, sines


def bell(q11: Tensor, q12: Tensor, q22: Tensor, double: Any = 1.0) -> tuple[Tensor, Tensor]:
    """Of `exp(-double * x**2 / 2)`."""
    rest = (1 + double * q11) * (1 + double * q22) - (double * q12) ** 2
    return rest**-0.5, double**2 * q12 * rest**-1.5


def exponential(q11: Tensor, q12: Tensor, q22: Tensor) -> tuple[Tensor, Tensor]:
    """Of `exp(x)` and of `exp(-x)`."""
    kernel = exp((q11 + q22 + 2 * q12) / 2)
    return kernel, kernel


def square(q11: Tensor, q12: Tensor, q22: Tensor, linear: float = 0.0) -> tuple[Tensor, Tensor]:
    """Of `x**2 + linear * x`."""
    return q11 * q22 + 2 * q12**2 + linear**2 * q12, 4 * q12 + linear**2


def cube(q11: Tensor, q12: Tensor, q22: Tensor, scale: Any = 1.0) -> tuple[Tensor, Tensor]:
    """Of `scale * x**3`, by Isserlis' theorem."""
    pair = q11 * q22
    return scale**2 * q12 * (9 * pair + 6 * q12**2), 9 * scale**2 * (pair + 2 * q12**2)


DUALS: dict[str, Kernel] = {
    "x": partial(two_slopes, below=1.0),
    "relu(x)": two_slopes,
    "a*relu(x)": above_first,
    "where(x>=0,x,a*x)": two_slopes,
    "where(x>=0,x,x*a)": two_slopes,
    "where(x>=0,x,x/3)": partial(two_slopes, below=1 / 3),
    "where(x>=0,a*x,b*x)": above_first,
    "where(x>=0,(a+1)*x,a*x)": one_steeper,
    "abs(x)": partial(two_slopes, below=-1.0),
    "erf(x)": error_function,
    "Phi(x)": normal_cdf,
    "Phi(x/a)": normal_cdf,
    "sin(x)": sine,
    "sin(pi*x)": partial(sine, w=math.pi),
    "sin(w*x)": sine,
    "1-cos(x)": one_minus_cosine,
    "exp(-x**2)": partial(bell, double=2.0),
    "exp(-x**2/2)": bell,
    "exp(-x)": exponential,
    "x**2": square,
    "x**2+x": partial(square, linear=1.0),
    "a*x**3": cube,
}
"""By the code of an entry of the catalogue; its parameters follow the second moments."""
