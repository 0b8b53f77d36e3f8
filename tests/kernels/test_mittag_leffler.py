"""The loops of the Mittag-Leffler function against plain torch, in value and derivatives."""

import math

import pytest
import torch
from torch import Tensor

from unbend.kernels._mittag_leffler import ROWS, _plain_slopes, _slopes, mittag_leffler, plain

SCALED = pytest.mark.parametrize("scaled", [False, True])


def problem(rows: int, channels: int, low: float = -0.95, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    a, b = low + (4 - low) * uniform(channels), 7 * uniform(channels) - 1
    sign = torch.where(uniform(rows, channels) < 0.5, -1, 1)
    return sign * 10 ** (4 * uniform(rows, channels) - 2), a, b


def off(got: Tensor, expected: Tensor, z: Tensor) -> float:
    """The greatest error over the local scale, where the value is within float64; infinite values are to be equal."""
    finite = expected.isfinite()
    assert torch.equal(got[~finite], expected[~finite])
    return float(((got - expected).abs() / (expected.abs() + 1 / (1 + z.abs())))[finite].max())


@SCALED
@pytest.mark.parametrize(("rows", "channels"), [(1, 1), (3, 7), (ROWS + 1, 2), (211, 61)])
def test_value_is_that_of_the_plain_form(rows: int, channels: int, scaled: bool) -> None:
    z, a, b = problem(rows, channels)
    assert off(mittag_leffler(z, a, b, scaled), plain(z, a, b, scaled), z) < 1e-11


@SCALED
def test_slopes_are_those_of_the_plain_form(scaled: bool) -> None:
    z, a, b = problem(101, 61)
    value = plain(z, a, b, scaled)
    expected = torch.stack(_plain_slopes(z, a.expand_as(z), b.expand_as(z), scaled))
    got = _slopes(z, a, b, scaled, 3)
    assert torch.equal(_slopes(z, a, b, scaled, 1)[0], got[0])
    whole = (expected.isfinite().all(0) & value.isfinite()).expand_as(expected)
    assert whole.double().mean() > 0.8
    assert bool(got[whole].isfinite().all())
    assert off(got[whole], expected[whole], z.expand_as(expected)[whole]) < 1e-10


@SCALED
def test_gradients_by_finite_differences(scaled: bool) -> None:
    z, a, b = (t.requires_grad_() for t in problem(5, 9, low=0.4))
    with torch.no_grad():
        z.clamp_(-9, 3)
    assert torch.autograd.gradcheck(lambda *t: mittag_leffler(*t, scaled), (z, a, b), atol=1e-6, rtol=1e-5)
    assert torch.autograd.gradgradcheck(lambda *t: mittag_leffler(*t, scaled), (z, a, b), atol=1e-5, rtol=1e-4)


def test_maps_over_parameters() -> None:
    z, a, b = problem(7, 5)
    z, a, b = z[None] * torch.tensor([0.1, 0.2, 0.3])[:, None, None], torch.stack([a, a / 2, a / 3]), b
    mapped = torch.vmap(mittag_leffler, in_dims=(0, 0, None))(z, a, b)
    alone = torch.stack([mittag_leffler(z[i], a[i], b) for i in range(3)])
    assert torch.equal(mapped, alone)

    def total(z: Tensor, a: Tensor) -> Tensor:
        return mittag_leffler(z, a, b).sin().sum()

    mapped = torch.vmap(torch.func.grad(total, (0, 1)))(z, a)
    alone = [torch.func.grad(total, (0, 1))(z[i], a[i]) for i in range(3)]
    for got, expected in zip(mapped, zip(*alone)):
        torch.testing.assert_close(got, torch.stack(expected), rtol=1e-12, atol=1e-300)


def test_what_is_no_number_and_what_is_out_of_range() -> None:
    z = torch.tensor([[math.nan, 1.0, 1.0, -math.inf, math.inf, 0.0]], dtype=torch.float64).t().expand(6, 2)
    a = torch.tensor([0.7, 4.5], dtype=torch.float64)
    for form in (mittag_leffler, plain):
        y = form(z, a, torch.ones(2, dtype=torch.float64), False)
        assert bool(y[:, 1].isnan().all())
        assert y[:, 0].isnan().tolist() == [True, False, False, False, False, False]
        assert y[3, 0] == pytest.approx(0, abs=1e-290)
        assert y[4, 0] == math.inf
        assert y[5, 0] == pytest.approx(1, rel=1e-14)


def test_an_empty_input() -> None:
    z = torch.empty(0, 3, dtype=torch.float64)
    assert mittag_leffler(z, torch.ones(3).double(), torch.ones(3).double()).shape == (0, 3)
