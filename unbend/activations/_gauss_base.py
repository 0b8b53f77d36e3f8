"""What a curve does to Gaussian numbers: means, and the kernel of an infinitely wide layer.

Gauss-Legendre on panels, and not one Gauss-Hermite rule: the panels are cut where the curve has kinks and where it
bends, so that a kink costs no accuracy, nor does a variance so large that a smooth curve looks kinked.
"""

import math
from functools import cache

import torch
from numpy.polynomial.legendre import leggauss as _leggauss
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.activations._outline_base import Curve, Outline, answer_type, row

leggauss = cache(_leggauss)
_REACH = 9.5  # standard deviations; what lies beyond weighs 2e-21
_PANELS = (-_REACH, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, _REACH)
_ORDER = 10
_WIDE = 1.5  # from this standard deviation on, the panels are cut to the curve and not only to the Gaussian
_AT_ONCE = 1 << 22  # values of the curve held in memory together


def rule(mean: Tensor, std: Tensor, cuts: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes (..., n) and weights (..., n) such that `sum(w * g(x))` is the mean of `g` under N(mean, std^2).

    `cuts` (..., k) are the places, in units of x, where a panel must end.
    """
    nodes, weights = (torch.as_tensor(a, dtype=mean.dtype, device=mean.device) for a in leggauss(_ORDER))
    panels = torch.tensor(_PANELS, dtype=mean.dtype, device=mean.device).expand(*mean.shape, -1)
    at = (cuts - mean[..., None]) / std[..., None].clamp(min=torch.finfo(mean.dtype).tiny)
    edges = torch.cat([panels, at.nan_to_num(nan=0.0).clamp(-_REACH, _REACH)], -1).sort(-1).values
    half, middle = edges.diff(dim=-1)[..., None] / 2, (edges[..., 1:] + edges[..., :-1])[..., None] / 2
    z = (middle + half * nodes).flatten(-2)
    density = (half * weights).flatten(-2) * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return mean[..., None] + std[..., None] * z, density


def expectation(g: Curve, mean: Tensor, std: Tensor, cuts: Tensor) -> Tensor:
    """The mean of `g(X)`, X ~ N(mean, std^2)."""
    x, w = rule(mean, std, cuts)
    return (w * g(x)).sum(-1)


def cuts(outline: Outline, std: float) -> Tensor:
    """Places (c, k) where panels must end for a Gaussian of standard deviation up to `std`, one row per channel."""
    zero = torch.zeros_like(torch.as_tensor(outline.drift))[:, None]
    points = list(map(torch.as_tensor, outline.breaks))
    kinks = points if outline.smooth < 3 else []
    if outline.period is not None:
        period = torch.as_tensor(outline.period)
        copies = int(min(_REACH * std / float(period.min()), 200)) + 1
        kinks = [point + k * period / 2 for point in (kinks or [period * 0]) for k in range(-2 * copies, 2 * copies)]
    elif points and std > _WIDE:
        marks = row((*outline.breaks, *outline.turns), zero)
        middle, half = (marks.amax(1) + marks.amin(1)) / 2, (marks.amax(1) - marks.amin(1)) / 2
        half = torch.where(half > 0, half, 1.0)
        kinks = [*points, *(middle + k * half for k in (-9, -3, 3, 9))]
    return row(kinks, zero)


def second_moment(f: Curve, cuts: Tensor, q: Tensor) -> Tensor:
    """The mean of `f(X)^2`, X ~ N(0, q), for each of the variances `q` (n,), averaged over channels."""
    std = q.sqrt().expand(len(cuts), -1)
    return expectation(lambda x: f(x) ** 2, torch.zeros_like(std), std, cuts[:, None]).mean(0)


def pair(f: Curve, outline: Outline, q11: Tensor, q12: Tensor, q22: Tensor) -> Tensor:
    """The mean of `f(U) f(V)` for jointly Gaussian (U, V) with those second moments, one row per channel.

    The inner integral is over V given U, the outer over U. As the correlation tends to one the inner standard deviation
    tends to zero and the inner mean bends sharply where V meets a cut: the outer panels are refined there.
    """
    most = float(torch.maximum(q11, q22).max().sqrt()) if q11.numel() else 0.0
    at = cuts(outline, most)
    at = at[:, (at.abs() < _REACH * most).any(0)]
    size = max(1, _AT_ONCE // (len(at) * (_ORDER * (len(_PANELS) + 8 * at.shape[-1])) ** 2))
    parts = zip(*(q.flatten().split(size) for q in (q11, q12, q22)))
    return torch.cat([_pair(f, at, *part) for part in parts], 1).view(len(at), *q11.shape)


def _pair(f: Curve, cuts: Tensor, q11: Tensor, q12: Tensor, q22: Tensor) -> Tensor:
    tiny = torch.finfo(q11.dtype).tiny
    su, sv = q11.sqrt(), q22.sqrt()
    corr = (q12 / (su * sv).clamp(min=tiny)).clamp(-1, 1)
    rest, tilt = sv * ((1 - corr) * (1 + corr)).sqrt(), corr * sv / su.clamp(min=tiny)
    spread = torch.tensor([-6.0, -3.0, -1.5, 0.0, 1.5, 3.0, 6.0], dtype=su.dtype, device=su.device)
    meets = (cuts[:, None, :, None] + rest[:, None, None] * spread) / tilt[:, None, None]
    outer = torch.cat([cuts[:, None].expand(-1, len(su), -1), meets.flatten(2)], -1)
    std = su.expand(len(cuts), -1)
    u, w = rule(torch.zeros_like(std), std, outer)
    inner = expectation(f, tilt[:, None] * u, rest[:, None].expand_as(u), cuts[:, None, None])
    return (w * f(u) * inner).sum(-1)


def second_moments(*q: Tensor | float) -> tuple[list[Tensor], torch.dtype]:
    """The three moments as float64 of one shape, and the floating type in which to answer; refuses impossible ones."""
    dtype = answer_type(*q)
    q11, q12, q22 = torch.broadcast_tensors(*(torch.as_tensor(x, dtype=torch.float64) for x in q))
    if bool((q11 < 0).any() | (q22 < 0).any() | (q12**2 > q11 * q22 * (1 + 1e-6)).any()):
        raise ArgumentError.of("q11, q12, q22", f"{q11}, {q12}, {q22}", "q11 >= 0, q22 >= 0, q12^2 <= q11 * q22")
    return [q11, q12, q22], dtype


def arc_cosine(q11: Tensor, q12: Tensor, q22: Tensor) -> tuple[Tensor, Tensor]:
    """Means of `relu(U) relu(V)` and of `relu'(U) relu'(V)`, in closed form."""
    scale = (q11 * q22).sqrt()
    corr = (q12 / scale.clamp(min=torch.finfo(scale.dtype).tiny)).clamp(-1, 1)
    angle = torch.acos(corr)
    kernel = scale * (((1 - corr) * (1 + corr)).sqrt() + corr * (math.pi - angle)) / (2 * math.pi)
    return kernel, (math.pi - angle) / (2 * math.pi)
