"""What holds of every bend's bounds and Gaussian statistics."""

import math
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import integrate
from torch import Tensor

from unbend.activations import Bend
from unbend.activations._outline_base import Curve, Line
from unbend.testing._bend import a_bend, column, one_channel, span, the_bend
from unbend.testing._subject import Subject

FloatArray = NDArray[np.float64]

_SAMPLES = 257
_MARKS = 24
_TIGHT = 0.02


@a_bend.check
def bounds_enclose(subject: Subject) -> str:
    """No point of an interval, searched for by sampling and by closing in, leaves its bounds; they lose under 2 %."""
    made = the_bend(subject)
    low, high = intervals(made)
    least, most = made.bounds(low, high)
    below = _lowest(lambda x: _on(made, x) - least, low, high)
    above = _lowest(lambda x: most - _on(made, x), low, high)
    _nothing_below_zero(below, low, high, "the lower bound")
    _nothing_below_zero(above, low, high, "the upper bound")
    if made.facts.smooth < 0:
        return "not measured at a jump"  # an interval that ends beside it holds both sides
    loss = torch.maximum(below, above) / (most - least + 1e-6 * (1 + most.abs()))
    worst = float(loss[(most - least).isfinite() & _within(made, low, high)].max().detach())
    assert worst <= _TIGHT, f"bounds are wider than the values by {worst:.1%}"
    return f"bounds lose at most {worst:.2g} of the range"


@a_bend.check
def lines_enclose(subject: Subject) -> str:
    """No point of an interval leaves its two lines; on short ones they lie within 2 % of its hull."""
    made = the_bend(subject)
    low, high = intervals(made)
    lines = made.relax(low, high)
    below = _lowest(lambda x: _on(made, x) - lines.lower(x), low, high)
    above = _lowest(lambda x: lines.upper(x) - _on(made, x), low, high)
    _nothing_below_zero(below, low, high, "the lower line")
    _nothing_below_zero(above, low, high, "the upper line")
    if made.facts.smooth < 0:
        return "not measured at a jump"
    narrow = ((high - low) <= 4 * span(made.facts)) & _within(made, low, high)
    rows = narrow.reshape(len(narrow), -1).any(1)
    middle = (low + high) / 2
    worst = 0.0
    x, y = _samples(made, low[rows], high[rows])
    size = y.amax(0) - y.amin(0) + 1e-6 * (1 + y.abs().amax(0))
    for sign, line in ((1, lines.lower), (-1, lines.upper)):
        hull = sign * _hull(x - middle[rows], sign * y)
        lost = sign * (hull - line(middle)[rows]) / size
        worst = max(worst, float(lost[narrow[rows]].max()))
    assert worst <= _TIGHT, f"in the middle a line is off the hull by {worst:.1%} of the range"
    return f"lines are off the hull by at most {worst:.2g} of the range"


@a_bend.check
def bounds_round_outward(subject: Subject) -> None:
    """Bounds and lines in float32 contain those in float64; an infinite interval is bounded by the facts."""
    made = the_bend(subject)
    low, high = (t.float() for t in intervals(made))
    high = torch.maximum(low, high)
    narrow, wide = made.bounds(low.double(), high.double()), made.bounds(low, high)
    assert wide[0].dtype == torch.float32
    assert bool((wide[0].double() <= narrow[0]).all() & (wide[1].double() >= narrow[1]).all())
    lines = [Line(*(torch.as_tensor(n).double() for n in (line.slope, line.offset))) for line in made.relax(low, high)]
    for x in (low.double(), high.double(), (low.double() + high.double()) / 2):
        y = made(x)
        slack = 1e-15 * (1 + y.abs() + x.abs())  # the rounding of the line itself
        assert bool((lines[0](x) <= y + slack).all() & (lines[1](x) >= y - slack).all())
    everything = made.bounds(torch.full_like(low[:1], -math.inf), torch.full_like(low[:1], math.inf))
    facts = made.facts
    found = float(everything[0].min()), float(everything[1].max())
    assert found[0] <= facts.value[0] <= facts.value[1] <= found[1], f"{found} does not contain {facts.value}"
    if made.outline.beyond is None:
        for got, expected in zip(found, facts.value):
            assert got == expected or abs(got - expected) < 1e-5 * (1 + abs(expected)), f"{found}, not {facts.value}"


@a_bend.check
def gaussian_means_agree(subject: Subject) -> None:
    """Mean, second moment and gain agree with SciPy's adaptive quadrature."""
    made = one_channel(subject)
    for mean, var in ((0.0, 1.0), (0.7, 4.0), (-2.0, 0.01)):
        for got, power in zip(made.moments(mean, var), (1, 2)):
            true = _quad(made, mean, math.sqrt(var), power)
            assert abs(got - true) <= 1e-7 * (1 + abs(true)), f"N({mean}, {var}): {got!r}, by quadrature {true!r}"
    assert abs(made.gain() ** -2 - made.moments()[1]) < 1e-12
    assert abs(made.weight_std(100) - made.gain() / 10) < 1e-12


@a_bend.check
def dual_kernels_agree(subject: Subject) -> None:
    """The kernel agrees with nested adaptive quadrature, near full correlation too; its slope is the other kernel."""
    made = one_channel(subject)
    for q11, corr, q22 in ((1.0, 0.5, 1.0), (0.5, -0.9, 2.0), (1.0, 0.9999, 1.3)):
        q12 = corr * math.sqrt(q11 * q22)
        got = float(made.dual_kernel(*(torch.tensor(q, dtype=torch.float64) for q in (q11, q12, q22))))
        expected = _nested(made, q11, q12, q22)
        assert abs(got - expected) <= 1e-6 * (1 + abs(expected)), (
            f"({q11}, {q12:.4g}, {q22}): {got!r}, not {expected!r}"
        )
    one, c = torch.ones(3, dtype=torch.float64), torch.tensor([-0.6, 0.1, 0.8], dtype=torch.float64)
    step = 1e-4
    if made.facts.smooth < 0:
        return  # the slope of the kernel of a jump holds the jump itself, which f' does not
    slope = (made.dual_kernel(one, c + step, one) - made.dual_kernel(one, c - step, one)) / (2 * step)
    error = float((slope - made.derivative_kernel(one, c, one)).abs().max())
    assert error <= 1e-5, f"the derivative kernel is off by {error:.3g}"
    full = made.dual_kernel(one, one, one)
    assert bool(((full - made.moments()[1]).abs() < 1e-7).all()), "at full correlation it is not the second moment"


def intervals(made: Bend) -> tuple[Tensor, Tensor]:
    """Random intervals of every size, and those that are meant to fail: at landmarks, a step beside them, far out."""
    random, facts = torch.Generator().manual_seed(0), made.facts
    scale = span(facts)
    count = 400 // (made.channels or 1)
    size = 10 ** (torch.rand(count, generator=random, dtype=torch.float64) * 5 - 3)
    centre = torch.randn(count, generator=random, dtype=torch.float64) * size
    width = 10 ** (torch.rand(count, generator=random, dtype=torch.float64) * 7 - 5)
    # A wave has thousands, and their pairs are too many.
    landmarks = sorted({0.0, *facts.turns, *facts.breaks}, key=abs)
    marks = torch.tensor(landmarks[: -(-_MARKS // (made.channels or 1))], dtype=torch.float64)
    beside = torch.cat([marks, *(torch.nextafter(marks, marks + s) for s in (-1, 1)), marks - scale, marks + scale / 3])
    low, high = beside[:, None].expand(-1, len(beside)).flatten(), beside.repeat(len(beside))
    far = torch.tensor([-1e30, -1e9, -88.8, 0.0, 88.8, 1e9, 1e30], dtype=torch.float64)
    lows = torch.cat([scale * (centre - width), low, far[:-1], far])
    highs = torch.cat([scale * (centre + width), high, far[1:], far])
    keep = lows <= highs
    return column(made, lows[keep]), column(made, highs[keep])


def _within(made: Bend, low: Tensor, high: Tensor) -> Tensor:
    """Which intervals lie in the reach of the outline; farther out, bounds are sound but need not be tight."""
    return torch.maximum(-low, high) <= made.outline.reach


def _samples(made: Bend, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    t = torch.linspace(0, 1, _SAMPLES, dtype=low.dtype).view(-1, *[1] * low.ndim)
    x = (low + (high - low) * t).clamp(low, high)
    return x, _on(made, x)


@torch.no_grad()
def _on(made: Bend, x: Tensor) -> Tensor:
    """The bend at points of any shape whose last axis is the channel, where there are several."""
    return made(x) if made.channels is None else made(x.flatten(0, -2)).view_as(x)


def _lowest(gap: Curve, low: Tensor, high: Tensor) -> Tensor:
    """The lowest value of `gap` that sampling finds, the samples closing in on the worst point four times over."""
    least = torch.full_like(low, math.inf)
    a, b = low, high
    for _ in range(5):
        t = torch.linspace(0, 1, _SAMPLES, dtype=low.dtype).view(-1, *[1] * low.ndim)
        x = (a + (b - a) * t).clamp(low, high)
        value = gap(x)
        at = value.argmin(0, keepdim=True)
        least = torch.minimum(least, value.amin(0))
        centre, step = x.gather(0, at)[0], (b - a) / (_SAMPLES - 1)
        a, b = torch.maximum(centre - step, low), torch.minimum(centre + step, high)
    return least


def _nothing_below_zero(gap: Tensor, low: Tensor, high: Tensor, what: str) -> None:
    at = int(gap.argmin())
    where = f"[{float(low.flatten()[at])!r}, {float(high.flatten()[at])!r}]"
    least = float(gap.detach().min())
    assert least >= 0, f"{what} on {where} is crossed by {-least:.3g}"


def _hull(x: Tensor, y: Tensor) -> Tensor:
    """Height at x = 0 of the lower hull of the points: the lowest chord from one on its left to one on its right."""
    half = _SAMPLES // 2
    best = y[half].clone()
    for i in range(half):
        a, b = x[i], x[half + 1 :]
        width = (b - a).clamp(min=torch.finfo(x.dtype).tiny)
        best = torch.minimum(best, ((y[i] * b - y[half + 1 :] * a) / width).amin(0))
    return best


def _quad(made: Bend, mean: float, std: float, power: int) -> float:
    """The mean of `f(X)^power`, X ~ N(mean, std^2), by SciPy, told where the curve has its breaks."""

    def density(z: float) -> float:
        return float(_at(made, np.array([mean + std * z]))[0]) ** power * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    points = [z for z in ((p - mean) / std for p in made.facts.breaks) if abs(z) < 9]
    return float(integrate.quad(density, -9, 9, points=points or None, limit=200, epsabs=1e-10, epsrel=1e-9)[0])


def _nested(made: Bend, q11: float, q12: float, q22: float) -> float:
    """The kernel by SciPy, in coordinates turned by 45 degrees: sums of the two numbers outside, differences inside."""
    a, b, corr = math.sqrt(q11), math.sqrt(q22), q12 / math.sqrt(q11 * q22)
    c, s = math.sqrt((1 + corr) / 2), math.sqrt((1 - corr) / 2)
    # A break found from both sides is given twice, a rounding apart; an adaptive rule loses its way between the two.
    kinks = sorted({round(k, 9) for k in made.facts.breaks}) if made.facts.smooth < 3 else []

    def density(z: FloatArray, w: float) -> FloatArray:
        return (
            _at(made, a * (c * w + s * z)) * _at(made, b * (c * w - s * z)) * np.exp(-(z**2 + w**2) / 2) / (2 * math.pi)
        )

    def inner(w: float) -> float:
        cuts = [z for k in kinks for z in ((k / a - c * w) / s, (c * w - k / b) / s) if abs(z) < 9]
        edges = sorted([*np.linspace(-9, 9, 7).tolist(), *cuts])
        parts = [integrate.fixed_quad(density, *ends, args=(w,), n=20)[0] for ends in pairwise(edges)]
        return float(sum(parts))

    meets = [(k / a + m / b) / (2 * c) for k in kinks for m in kinks]
    points = [w for w in meets if abs(w) < 9]
    return float(integrate.quad(inner, -9, 9, points=points or None, limit=200, epsabs=1e-9, epsrel=1e-9)[0])


def _at(made: Bend, x: FloatArray) -> FloatArray:
    return made(torch.from_numpy(x)).detach().numpy()
