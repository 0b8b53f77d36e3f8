"""Bends that are gated by themselves, with a gate whose range is learned."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from unbend.activations._base import Bend, Line, Number, Outline
from unbend.activations._root_base import root
from unbend.activations._xgate_base import ExpandedBend, arctan_gate, expand


def atlu(x: Tensor) -> Tensor:
    """Gate `x` by the arctangent; the functional form of `ATLU`.

    Formula:
        y = x * (atan(x) / pi + 0.5)

    References:
        Huang (2024), arXiv:2405.20768.
    """
    return x * arctan_gate(x)


def atlu_both(x: Tensor) -> tuple[Tensor, Tensor]:
    """Value and slope of `atlu`."""
    gate = arctan_gate(x)
    return x * gate, gate + x / (1 + x * x) / math.pi


def atlu_slope(x: Tensor) -> Tensor:
    """The slope of `atlu`."""
    return atlu_both(x)[1]


class ATLU(Bend):
    """Arctangent linear unit: the input, gated by the distribution function of the Cauchy law.

    Formula:
        y = x * (atan(x) / pi + 0.5)

    Shape:
        x: (*), floating; y: (*), same type.

    Args:
        lean: keep only the input for the backward pass.

    Behaviour:
        Increasing and convex, f'' = 2 / (pi * (1 + x^2)^2): the slope rises from 0 to 1 and is 1/2 at 0. The value
        falls to -1 / pi on the left and comes as near to x - 1 / pi on the right. f(x) - f(-x) = x.

    References:
        Huang (2024), Expanded Gating Ranges Improve Activation Functions, arXiv:2405.20768.
        The cumulative arctangent linear unit of others is the same.

    Examples:
        >>> ATLU()(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.2500,  0.0000,  0.7500])
    """

    function = staticmethod(atlu)
    derivative = staticmethod(atlu_slope)
    both = staticmethod(atlu_both)
    aliases = ("calu",)

    def __init__(self, *, lean: bool = False) -> None:
        super().__init__(lean=lean)

    @property
    def outline(self) -> Outline:
        """Neither turns nor breaks."""
        return Outline(left=Line(0.0, -1 / math.pi), right=Line(1.0, -1 / math.pi))


def xatlu(x: Tensor, a: Tensor | float = 0.0) -> Tensor:
    """Gate `x` by an expanded arctangent; the functional form of `XATLU`.

    Formula:
        g = atan(x) / pi + 0.5
        y = x * (g * (1 + 2 * a) - a)

    References:
        Huang (2024), arXiv:2405.20768.
    """
    return x * expand(arctan_gate(x), a)


def xatlu_both(x: Tensor, a: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Value and slope of `xatlu`."""
    gate = arctan_gate(x)
    wide = expand(gate, a)
    return x * wide, wide + (1 + 2 * a) / math.pi * (x / (1 + x * x))


def xatlu_slope(x: Tensor, a: Tensor | float = 0.0) -> Tensor:
    """The slope of `xatlu`."""
    return xatlu_both(x, a)[1]


def xatlu_partial(x: Tensor, a: Tensor | float = 0.0) -> tuple[Tensor]:
    """The derivative of `xatlu` by its expansion."""
    return (x * (2 * arctan_gate(x) - 1),)


class XATLU(ExpandedBend):
    """Arctangent linear unit with a gate from -a to 1 + a, which is learned.

    Formula:
        g = atan(x) / pi + 0.5
        y = x * (g * (1 + 2 * a) - a)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        a: by how much the gate reaches beyond 0 and 1 at the start.
        channels: learn one `a` for each channel; None for one in all, as in the paper.
        dim: the axis of the channels, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        ATLU at a = 0. Convex for a > -1/2, x / 2 at -1/2; the slope goes from -a to 1 + a and is 1/2 at 0 for every a.
        It is increasing where -1 <= a <= 0, else it has one minimum or maximum. `a` is a vector: no weight decay.

    References:
        Huang (2024), Expanded Gating Ranges Improve Activation Functions, arXiv:2405.20768.

    Examples:
        >>> XATLU(a=0.5)(torch.tensor([-2.0, 0.0, 2.0])).detach()
        tensor([0.4097, 0.0000, 2.4097])
    """

    function = staticmethod(xatlu)
    derivative = staticmethod(xatlu_slope)
    both = staticmethod(xatlu_both)
    partials = staticmethod(xatlu_partial)

    @property
    def outline(self) -> Outline:
        """No breaks, and a turn where the slope, which is monotone, has both signs."""
        a = self.at("a")
        offset = -(1 + 2 * a) / math.pi
        return Outline(turns=(_atan_turn(a),), left=Line(-a, offset), right=Line(1 + a, offset))


def _atan_turn(a: Number) -> Number:
    """Where the slope of `xatlu` is zero; 0, where it is not, if it is nowhere.

    With v = 1 / |x| the slope is zero where atan(v) - v / (1 + v^2) = pi / 2 * e / (1 + e), e = |1 + 2 a| - 1.
    """
    wide = torch.as_tensor(a, dtype=torch.float64)
    excess = torch.maximum(2 * wide, -2 - 2 * wide).clamp(min=0)
    target = math.pi / 2 * excess / (1 + excess)

    def gap(log_v: Tensor) -> Tensor:
        v = log_v.exp()
        series = v**3 * (2 / 3 - v**2 * (4 / 5 - v**2 * (6 / 7 - v**2 * 8 / 9)))  # the difference would cancel
        return torch.where(v < 1e-2, series, torch.atan(v) - v / (1 + v * v)) - target

    v = torch.as_tensor(root(gap, -40.0, 40.0), dtype=torch.float64).exp()
    turn = torch.where(excess > 0, -(1 + 2 * wide).sign() / v, 0.0)
    return turn if turn.ndim else float(turn)


def xgelu(x: Tensor, a: Tensor | float = 0.0) -> Tensor:
    """Gate `x` by an expanded normal distribution function; the functional form of `XGELU`.

    Formula:
        y = x * (Phi(x) * (1 + 2 * a) - a)

    References:
        Huang (2024), arXiv:2405.20768.
    """
    return x * expand(torch.special.ndtr(x), a)


def xgelu_both(x: Tensor, a: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Value and slope of `xgelu`."""
    wide = expand(torch.special.ndtr(x), a)
    return x * wide, wide + (1 + 2 * a) / math.sqrt(2 * math.pi) * (x * torch.exp(-x * x / 2))


def xgelu_slope(x: Tensor, a: Tensor | float = 0.0) -> Tensor:
    """The slope of `xgelu`."""
    return xgelu_both(x, a)[1]


def xgelu_partial(x: Tensor, a: Tensor | float = 0.0) -> tuple[Tensor]:
    """The derivative of `xgelu` by its expansion."""
    return (x * torch.erf(x / math.sqrt(2)),)


class XGELU(ExpandedBend):
    """GELU with a gate from -a to 1 + a, which is learned.

    Formula:
        y = x * (Phi(x) * (1 + 2 * a) - a)

    Shape:
        x: (*), floating; y: (*), same type. With `channels`, that many entries lie along `dim`.

    Args:
        a: by how much the gate leaves [0, 1] at the start.
        channels: one `a` for each channel; None for one in all.
        dim: where the channels lie, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        GELU at a = 0; (1 + 2 a) GELU(x) - a x in general. The slope is 1/2 at 0 for every a, -a on the far left, 1 + a
        on the far right, and turns at +-sqrt(2) whatever a is.

    References:
        Huang (2024), Expanded Gating Ranges Improve Activation Functions, arXiv:2405.20768.

    Examples:
        >>> XGELU(a=0.5)(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([0.1827, 0.0000, 1.1827])
    """

    function = staticmethod(xgelu)
    derivative = staticmethod(xgelu_slope)
    both = staticmethod(xgelu_both)
    partials = staticmethod(xgelu_partial)

    @property
    def outline(self) -> Outline:
        """The slope turns where that of GELU does; between, it may pass through zero."""
        return _expanded(self, math.sqrt(2), far=40.0)


def xsilu(x: Tensor, a: Tensor | float = 0.0) -> Tensor:
    """Gate `x` by an expanded sigmoid; the functional form of `XSiLU`.

    Formula:
        y = x * (sigmoid(x) * (1 + 2 * a) - a)

    References:
        Huang (2024), arXiv:2405.20768.
    """
    return x * expand(torch.sigmoid(x), a)


def xsilu_both(x: Tensor, a: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Value and slope of `xsilu`."""
    gate = torch.sigmoid(x)
    wide = expand(gate, a)
    return x * wide, wide + (1 + 2 * a) * (x * gate * torch.sigmoid(-x))


def xsilu_slope(x: Tensor, a: Tensor | float = 0.0) -> Tensor:
    """The slope of `xsilu`."""
    return xsilu_both(x, a)[1]


def xsilu_partial(x: Tensor, a: Tensor | float = 0.0) -> tuple[Tensor]:
    """The derivative of `xsilu` by its expansion."""
    return (x * torch.tanh(x / 2),)


class XSiLU(ExpandedBend):
    """SiLU with a gate from -a to 1 + a, which is learned.

    Formula:
        y = x * (sigmoid(x) * (1 + 2 * a) - a)

    Shape:
        x: (*), floating, its channels, if `a` has any, along `dim`; y: (*), same type.

    Args:
        a: expansion of the gate at the start.
        channels: how many values `a` has; None for a single one.
        dim: axis of these channels, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        SiLU at a = 0, and (1 + 2 a) SiLU(x) - a x in general. Slope 1/2 at 0 whatever a is, from -a on the far left to
        1 + a on the far right; it turns at +-2.39936.

    References:
        Huang (2024), Expanded Gating Ranges Improve Activation Functions, arXiv:2405.20768.

    Examples:
        >>> XSiLU(a=0.5)(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([-0.0379,  0.0000,  0.9621])
    """

    function = staticmethod(xsilu)
    derivative = staticmethod(xsilu_slope)
    both = staticmethod(xsilu_both)
    partials = staticmethod(xsilu_partial)

    @property
    def outline(self) -> Outline:
        """The slope turns where that of SiLU does; between, it may pass through zero."""
        return _expanded(self, 2.399357280515468, far=800.0)


def _expanded(bend: ExpandedBend, at: float, far: float) -> Outline:
    """The outline of a gate times x, the slope of which turns at plus and minus `at` and is flat beyond `far`."""
    a = bend.at("a")

    def slope(x: Tensor) -> Tensor:
        return bend.slope_at(x, a)

    edges = (-far, -at, at, far)
    turns = tuple(root(slope, low, high) for low, high in pairwise(edges))
    return Outline((-at, at), turns, left=Line(-a), right=Line(1 + a))
