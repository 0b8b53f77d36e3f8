"""A million intervals over the catalogue, each searched for a point that leaves its bounds."""

import math
import zlib

import pytest
import torch

from unbend.activations._catalogue_base import catalogue
from unbend.activations._closed_form import ClosedForm

BENDS = [entry for entry in catalogue().values() if entry.kind == "bend"]
TOTAL = 1_000_000
EACH = -(-TOTAL // len(BENDS))
GOLDEN = (math.sqrt(5) - 1) / 2


def intervals(bend, count, generator):
    """Random, tiny and huge ones, and ones at, beside and around the turns, breaks and thresholds."""
    facts = bend.facts
    marks = torch.tensor([0.0, *facts.turns[:40], *facts.breaks[:40]], dtype=torch.float64)
    size = 10 ** (torch.rand(count, generator=generator, dtype=torch.float64) * 12 - 10)
    near = marks[torch.randint(len(marks), (count,), generator=generator)]
    centre = torch.where(
        torch.rand(count, generator=generator) < 0.5,
        near,
        5 * torch.randn(count, generator=generator, dtype=torch.float64),
    )
    ends = centre + size * torch.randn(2, count, generator=generator, dtype=torch.float64)
    exact = torch.rand(2, count, generator=generator) < 0.1  # an end upon a mark, or one float beside it
    aside = torch.randint(-1, 2, (2, count), generator=generator).double()
    ends = torch.where(exact, torch.nextafter(near, near + aside), ends)
    return ends.amin(0), ends.amax(0)


def lowest(f, low, high):
    """The least value on each interval that samples, and golden section around the lowest of them, can find."""
    t = torch.linspace(0, 1, 33, dtype=torch.float64)[:, None]
    x = (low + (high - low) * t).clamp(low, high)
    y = f(x)
    at = y.nan_to_num(nan=math.inf).argmin(0, keepdim=True)
    best, centre, step = y.gather(0, at)[0], x.gather(0, at)[0], (high - low) / 32
    a, b = torch.maximum(centre - step, low), torch.minimum(centre + step, high)
    for _ in range(40):
        c, d = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
        left, right = f(c), f(d)
        best = torch.fmin(best, torch.fmin(left, right))
        a, b = torch.where(left <= right, a, c), torch.where(left <= right, d, b)
    return best


def violations(entry, count):
    """How many intervals have a value outside their bounds, by more than the stated rounding of the code."""
    bend = ClosedForm(entry.name)
    generator = torch.Generator().manual_seed(zlib.crc32(entry.name.encode()))
    low, high = intervals(bend, count, generator)
    with torch.no_grad():
        least, most = bend.bounds(low, high)
        below = lowest(bend, low, high)
        above = -lowest(lambda x: -bend(x), low, high)
    broken = (below < least) | (above > most)
    return [(float(low[i]), float(high[i])) for i in broken.nonzero()[:3, 0]], int(broken.sum())


@pytest.mark.parametrize("entry", BENDS[::25], ids=lambda entry: entry.name)
def test_no_value_leaves_its_bounds(entry):
    assert violations(entry, 200) == ([], 0)


@pytest.mark.slow
@pytest.mark.parametrize("entry", BENDS, ids=lambda entry: entry.name)
def test_no_value_of_a_million_intervals_leaves_its_bounds(entry):
    assert violations(entry, EACH) == ([], 0)
