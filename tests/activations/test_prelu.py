"""PReLU: torch's weights fit, the kernel, one curve per channel."""

import math

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.activations import PReLU, ReLU, prelu


@pytest.mark.parametrize("channels", [None, 3])
def test_takes_the_state_of_torch(channels) -> None:
    theirs = torch.nn.PReLU(channels or 1)
    with torch.no_grad():
        theirs.weight.copy_(torch.linspace(-0.5, 2, channels or 1))
    ours = PReLU(channels=channels)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.equal(ours(x), theirs(x))
    for a, b in zip(*(torch.autograd.grad(m(x).square().sum(), [x, m.weight]) for m in (ours, theirs))):
        torch.testing.assert_close(a, b)


def test_channels_may_be_last() -> None:
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    first, last = PReLU(channels=3), PReLU(channels=3, dim=-1)
    for bend in (first, last):
        with torch.no_grad():
            bend.weight.copy_(torch.tensor([0.1, 0.2, 0.3]))
    assert torch.equal(last(x), first(x.mT).mT)
    low, high = last.bounds(x - 1, x + 1)
    assert bool(((low <= last(x)) & (last(x) <= high)).all())


def test_special_slopes() -> None:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    assert torch.equal(prelu(x, 0.0), x.relu())
    assert torch.equal(prelu(x, 1.0), x)
    assert torch.equal(prelu(x, -1.0), x.abs())


@pytest.mark.parametrize(
    ("weight", "monotone", "curvature", "symmetry"),
    [
        (0.25, "increasing", "convex", None),
        (1.0, "increasing", "linear", "odd"),
        (3.0, "increasing", "concave", None),
        (-1.0, None, "convex", "even"),
    ],
)
def test_facts_follow_the_weight(weight, monotone, curvature, symmetry) -> None:
    facts = PReLU(weight).facts
    assert (facts.monotone, facts.curvature, facts.symmetry) == (monotone, curvature, symmetry)
    assert facts.slope == (min(weight, 1), max(weight, 1))
    assert facts.value == (0.0 if weight < 0 else -math.inf, math.inf)


def test_facts_cover_all_channels() -> None:
    bend = PReLU(channels=2)
    with torch.no_grad():
        bend.weight.copy_(torch.tensor([-2.0, 0.5]))
    assert bend.facts.slope == (-2.0, 1.0)
    assert bend.facts.lipschitz == 2.0
    assert bend.facts.left is not None
    assert math.isnan(float(bend.facts.left.slope))


@pytest.mark.parametrize("corr", [-1.0, -0.3, 0.0, 0.8, 1.0])
def test_kernel_of_channels_is_the_mean_of_kernels(corr: float) -> None:
    weights = (-0.5, 0.0, 0.25)
    bend = PReLU(channels=3)
    with torch.no_grad():
        bend.weight.copy_(torch.tensor(weights))
    q = [torch.tensor([1.0], dtype=torch.float64), torch.tensor([corr]).double(), torch.tensor([1.0]).double()]
    each = [PReLU(w).dual_kernel(*q) for w in weights]
    torch.testing.assert_close(bend.dual_kernel(*q), sum(each) / 3)
    torch.testing.assert_close(each[1], ReLU().dual_kernel(*q))
    quadrature = PReLU(-0.5)
    quadrature.dual = None
    torch.testing.assert_close(quadrature.dual_kernel(*q), each[0])


def test_too_few_axes_are_explained() -> None:
    with pytest.raises(ArgumentError, match="expected an axis 1 with 3 channels"):
        PReLU(channels=3)(torch.ones(3))
    with pytest.raises(ArgumentError, match="dim: got 2; expected 1 or -1"):
        PReLU(channels=3, dim=2)
