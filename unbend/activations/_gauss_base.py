"""What a curve does to Gaussian numbers: means, and the kernel of an infinitely wide layer.

Gauss-Legendre on panels, and not one Gauss-Hermite rule: the panels are cut where the curve has kinks and where it
bends, so that a kink costs no accuracy, nor does a variance so large that a smooth curve looks kinked.
"""

import math
from functools import cache

import numpy as np
import torch
from numpy.polynomial.legendre import leggauss as _leggauss, legvander
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.activations._outline_base import Curve, Outline, answer_type, row

leggauss = cache(_leggauss)
REACH = 9.5  # standard deviations; what lies beyond weighs 2e-21
_PANELS = (-REACH, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, REACH)
_ORDER = 10
_COPIES = 200  # periods to each side that are told apart
_HALVINGS, _ROUGH = 24, 1e-10  # how often a panel is halved, and until which error
_AT_ONCE = 1 << 22  # values of the curve held in memory together


def rule(mean: Tensor, std: Tensor, cuts: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes (..., n) and weights (..., n) such that `sum(w * g(x))` is the mean of `g` under N(mean, std^2).

    `cuts` (..., k) are the places, in units of x, where a panel must end.
    """
    nodes, weights = (torch.as_tensor(a, dtype=mean.dtype, device=mean.device) for a in leggauss(_ORDER))
    panels = torch.tensor(_PANELS, dtype=mean.dtype, device=mean.device).expand(*mean.shape, -1)
    at = (cuts - mean[..., None]) / std[..., None].clamp(min=torch.finfo(mean.dtype).tiny)
    edges = torch.cat([panels, at.nan_to_num(nan=0.0).clamp(-REACH, REACH)], -1).sort(-1).values
    half, middle = edges.diff(dim=-1)[..., None] / 2, (edges[..., 1:] + edges[..., :-1])[..., None] / 2
    z = (middle + half * nodes).flatten(-2)
    density = (half * weights).flatten(-2) * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return mean[..., None] + std[..., None] * z, density


def expectation(g: Curve, mean: Tensor, std: Tensor, cuts: Tensor) -> Tensor:
    """The mean of `g(X)`, X ~ N(mean, std^2)."""
    x, w = rule(mean, std, cuts)
    return (w * g(x)).sum(-1)


def cuts(f: Curve, outline: Outline, reach: float) -> tuple[Tensor, Tensor]:
    """Where panels must end for a Gaussian within `reach` of zero, one row per channel: at kinks, and in all.

    Between those of the second kind the curve is a polynomial, as far as the nodes of a panel can tell.
    """
    zero = torch.zeros_like(torch.as_tensor(outline.drift))[:, None]
    kinks = list(map(torch.as_tensor, outline.breaks)) if outline.smooth < 3 else []
    if outline.period is not None:
        period = torch.as_tensor(outline.period)
        copies = int(min(reach / float(period.min()), _COPIES)) + 1
        kinks = [point + k * period for point in kinks for k in range(-copies, copies + 1)]
    sharp = row(kinks, zero)
    sharp = sharp[:, (sharp.abs() < reach).any(0)]
    smooth = torch.cat([_refined(f, sharp, part) for part in (-reach, reach)])
    return sharp, torch.cat([sharp, smooth.expand(len(sharp), -1)], 1)


def _refined(f: Curve, sharp: Tensor, reach: float) -> Tensor:
    """Ends of panels from 0 to `reach`, halved until interpolation at the nodes gives the values between them."""
    nodes, between, matrix = _interpolation()
    start = torch.cat([sharp.flatten() * (sharp.flatten() * reach > 0), reach * torch.tensor([0, 0.25, 0.5, 1])])
    edges = start.sort().values.double().unique()
    low, high = edges[:-1], edges[1:]
    settled = [edges]
    for _ in range(_HALVINGS if len(low) else 0):
        middle, half = (low + high) / 2, (high - low) / 2
        at, other = (middle[:, None] + half[:, None] * t for t in (nodes, between))
        shape = (len(sharp), *at.shape)
        y, z = (f(x.flatten().expand(len(sharp), -1)).view(*shape[:2], -1) for x in (at, other))
        rough = ((y @ matrix - z).abs() > _ROUGH * (1 + y.abs().amax(-1, keepdim=True))).any(-1).any(0)
        rough &= half > 1e-9 * abs(reach)
        if not bool(rough.any()) or len(low) > _COPIES * 8:
            break
        settled.append(middle[rough])
        low, high = torch.cat([low[rough], middle[rough]]), torch.cat([middle[rough], high[rough]])
    return torch.cat(settled).unique()


@cache
def _interpolation() -> tuple[Tensor, Tensor, Tensor]:
    """The nodes of a panel, points between them, and the matrix from values at the nodes to values there."""
    nodes = leggauss(_ORDER)[0]
    between = (nodes[1:] + nodes[:-1]) / 2
    matrix = np.linalg.solve(legvander(nodes, _ORDER - 1).T, legvander(between, _ORDER - 1).T)
    return torch.from_numpy(nodes), torch.from_numpy(between), torch.from_numpy(matrix)


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
    sharp, at = cuts(f, outline, REACH * most)
    inner, outer = (_ORDER * (len(_PANELS) + n) for n in (at.shape[-1], at.shape[-1] + 7 * sharp.shape[-1]))
    size = max(1, _AT_ONCE // (len(at) * inner * outer))
    parts = zip(*(q.flatten().split(size) for q in (q11, q12, q22)))
    return torch.cat([_pair(f, sharp, at, *part) for part in parts], 1).view(len(at), *q11.shape)


def _pair(f: Curve, sharp: Tensor, cuts: Tensor, q11: Tensor, q12: Tensor, q22: Tensor) -> Tensor:
    tiny = torch.finfo(q11.dtype).tiny
    su, sv = q11.sqrt(), q22.sqrt()
    corr = (q12 / (su * sv).clamp(min=tiny)).clamp(-1, 1)
    rest, tilt = sv * ((1 - corr) * (1 + corr)).sqrt(), corr * sv / su.clamp(min=tiny)
    spread = torch.tensor([-6.0, -3.0, -1.5, 0.0, 1.5, 3.0, 6.0], dtype=su.dtype, device=su.device)
    meets = (sharp[:, None, :, None] + rest[:, None, None] * spread) / tilt[:, None, None]
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
