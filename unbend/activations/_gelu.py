"""The Gaussian error linear unit, and its fast approximation."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from unbend.activations._base import IDENTITY, ZERO, Bend, Outline

_ROOT, _CUBE = math.sqrt(2 / math.pi), 0.044715


def gelu(x: Tensor) -> Tensor:
    """Gate `x` by the normal distribution function; the functional form of `GELU`.

    Formula:
        y = x * Phi(x)

    References:
        Hendrycks, Gimpel (2016), arXiv:1606.08415.
    """
    return F.gelu(x)


def gelu_slope(x: Tensor) -> Tensor:
    """The slope of `gelu`."""
    return torch.special.ndtr(x) + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_dual(q11: Tensor, q12: Tensor, q22: Tensor) -> tuple[Tensor, Tensor]:
    """Kernel and derivative kernel of `gelu`, by Stein's lemma from the mean of Phi(U) * Phi(V)."""
    both = (1 + q11) * (1 + q22)
    gates = 0.25 + torch.asin(q12 / both.sqrt()) / (2 * math.pi)
    det = both - q12**2
    bump, share = 1 / (2 * math.pi * det.sqrt()), 1 / (1 + q11) + 1 / (1 + q22) - 1
    rest = q11 * q22 + q12**2 * share
    return q12 * gates + bump * rest, gates + bump * q12 * (1 + rest / det + 2 * share)


class GELU(Bend):
    """Gaussian error linear unit: the input, gated by the probability that a normal number lies below it.

    Formula:
        y = x * Phi(x)

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        lean: keep only the input for the backward pass.

    Behaviour:
        0 at 0 with slope 1/2; f(x) - f(-x) = x. The least value is -0.16997 at x = -0.75179; the slope turns at
        +-sqrt(2), between -0.12890 and 1.12890. E f(Z) = 1 / (2 * sqrt(pi)). As in torch, the value loses its relative
        (not its absolute) accuracy below x = -5.

    References:
        Hendrycks, Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415.

    Examples:
        >>> GELU()(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1587,  0.0000,  0.8413])
    """

    function = staticmethod(gelu)
    derivative = staticmethod(gelu_slope)
    native = True
    dual = staticmethod(gelu_dual)
    aliases = ("gelu_python",)

    def __init__(self, *, lean: bool = False) -> None:
        super().__init__(lean=lean)

    @property
    def outline(self) -> Outline:
        """One minimum; the slope turns where f'' = (2 - x^2) * phi(x) does."""
        breaks = (-math.sqrt(2), math.sqrt(2))
        return Outline(breaks, turns=(-0.751791524693564,), left=ZERO, right=IDENTITY)


def gelu_tanh(x: Tensor) -> Tensor:
    """Gate `x` by a fast approximation of the normal distribution function; the functional form of `GELUTanh`.

    Formula:
        y = 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))

    References:
        Hendrycks, Gimpel (2016), section 2, arXiv:1606.08415.
    """
    return 0.5 * x * (1 + torch.tanh(_inner(x.clamp(-10, 10))))


def gelu_tanh_both(x: Tensor) -> tuple[Tensor, Tensor]:
    """Value and slope of `gelu_tanh`."""
    z = x.clamp(-10, 10)
    t = torch.tanh(_inner(z))
    gate = 0.5 * (1 + t)
    return x * gate, gate + 0.5 * x * (1 - t * t) * _ROOT * (1 + 3 * _CUBE * z * z)


def gelu_tanh_slope(x: Tensor) -> Tensor:
    """The slope of `gelu_tanh`."""
    return gelu_tanh_both(x)[1]


def _inner(z: Tensor) -> Tensor:
    # Past 10 the tanh is one in every type; unbounded, the cube overflows and the slope becomes 0 * inf = nan.
    return _ROOT * (z + _CUBE * z * z * z)


class GELUTanh(Bend):
    """GELU with the hyperbolic tangent in place of the error function, as GPT-2 and BERT's successors use it.

    Formula:
        y = 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        lean: keep only the input for the backward pass.

    Behaviour:
        Within 4.732e-4 of GELU everywhere, and f(x) - f(-x) = x. The least value is -0.17004 at x = -0.75246; the slope
        turns at +-1.41850.

    Departures:
        Written out, since torch's own kernel gives a nan for its slope beyond 1e13.

    References:
        Hendrycks, Gimpel (2016), Gaussian Error Linear Units, section 2, arXiv:1606.08415.

    Examples:
        >>> GELUTanh()(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1588,  0.0000,  0.8412])
    """

    function = staticmethod(gelu_tanh)
    derivative = staticmethod(gelu_tanh_slope)
    both = staticmethod(gelu_tanh_both)
    aliases = ("gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate", "sielu")

    def __init__(self, *, lean: bool = False) -> None:
        super().__init__(lean=lean)

    @property
    def outline(self) -> Outline:
        """One minimum, and an inflection on either side."""
        breaks = (-1.418504008790828, 1.418504008790828)
        return Outline(breaks, turns=(-0.752461422071616,), left=ZERO, right=IDENTITY)
