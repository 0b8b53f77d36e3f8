"""Weights along an axis: where they lie, what they are nearest to, and the members of the family that meet."""

import pytest
import torch
from hypothesis import given, strategies as st
from scipy.optimize import minimize

from unbend._errors import ArgumentError
from unbend.activations import (
    BetaSoftmax,
    Entmax15,
    GumbelSoftmax,
    LogSoftmax,
    Softmax,
    Softmin,
    Sparsemax,
    Sqmax,
    TunedSoftmax,
    bend,
    entmax15,
    sparsemax,
)


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SUM_TO_ONE = [Softmax, Softmin, BetaSoftmax, Sqmax, Sparsemax, Entmax15, TunedSoftmax, GumbelSoftmax]


@pytest.mark.parametrize("kind", SUM_TO_ONE)
@pytest.mark.parametrize("dim", [-1, 1])
def test_weights_sum_to_one(kind, dim: int) -> None:
    y = kind(dim=dim)(3 * rows(4, 5, 6))
    assert (y >= 0).all()
    torch.testing.assert_close(y.sum(dim), torch.ones_like(y.sum(dim)))


@given(shift=st.floats(-1e3, 1e3), seed=st.integers(0, 50))
def test_a_common_shift_does_not_matter(shift: float, seed: int) -> None:
    x = rows(3, 7, seed=seed)
    for kind in (Softmax, Softmin, Sparsemax, Entmax15, LogSoftmax):
        torch.testing.assert_close(kind()(x + shift), kind()(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_sparsemax_is_the_nearest_point_of_the_simplex(seed: int) -> None:
    x = rows(6, seed=seed)
    found = minimize(
        lambda p: ((p - x.numpy()) ** 2).sum(),
        [1 / 6] * 6,
        bounds=[(0, 1)] * 6,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-14},
    ).x
    torch.testing.assert_close(sparsemax(x), torch.from_numpy(found), atol=1e-6, rtol=0)


def test_sparsemax_of_two_is_a_hard_sigmoid() -> None:
    t = torch.linspace(-3, 3, 101, dtype=torch.float64)
    y = sparsemax(torch.stack([t, torch.zeros_like(t)], -1))[:, 0]
    torch.testing.assert_close(y, ((t + 1) / 2).clamp(0, 1))


@given(size=st.integers(1, 40), scale=st.floats(0.01, 100), seed=st.integers(0, 200))
def test_entmax_meets_its_definition(size: int, scale: float, seed: int) -> None:
    x = scale * rows(size, seed=seed)
    y = entmax15(x)
    assert float(y.sum()) == pytest.approx(1, abs=1e-9)
    threshold = x / 2 - y.sqrt()  # the same for all that have weight, and no less than the others
    inside = y > 1e-12
    assert float(threshold[inside].max() - threshold[inside].min()) < 1e-6
    assert (x[~inside] / 2 <= threshold[inside].min() + 1e-6).all()


def test_equal_numbers_weigh_equally() -> None:
    for kind in (Sparsemax, Entmax15, Softmax):
        torch.testing.assert_close(kind()(torch.full((7,), 3.0)), torch.full((7,), 1 / 7))


def test_jacobian_of_sparsemax_averages_over_the_support() -> None:
    x = torch.tensor([1.0, 0.8, -2.0, 0.9]).double()
    inside = (sparsemax(x) > 0).double()
    expected = torch.diag(inside) - torch.outer(inside, inside) / inside.sum()
    torch.testing.assert_close(torch.func.jacrev(sparsemax)(x), expected)


def test_a_huge_number_takes_all_and_leaves_no_nan() -> None:
    x = torch.tensor([1e30, 0.0, -1e30], requires_grad=True)
    for kind in (Softmax, Sparsemax, Entmax15, Sqmax, TunedSoftmax):
        y = kind()(x)
        (slope,) = torch.autograd.grad(y[0], x)
        assert slope.isfinite().all()
        assert float(y[0]) == pytest.approx(0.5 if kind is Sqmax else 1)


def test_the_family_meets() -> None:
    x = rows(3, 7)
    torch.testing.assert_close(TunedSoftmax(0.0)(x), torch.softmax(x, -1))
    beside = torch.cat([x, torch.zeros(3, 1).double()], -1)
    torch.testing.assert_close(TunedSoftmax(1.0)(x), torch.softmax(beside, -1)[:, :-1])
    torch.testing.assert_close(TunedSoftmax(0.3)(x), x.exp() / (x.exp().sum(-1, keepdim=True) + 0.3))
    torch.testing.assert_close(BetaSoftmax(3.0)(x), GumbelSoftmax(1 / 3).eval()(x))
    torch.testing.assert_close(LogSoftmax()(x).exp(), Softmin()(-x))
    torch.testing.assert_close(Sqmax(2.0)(x), (x + 2) ** 2 / ((x + 2) ** 2).sum(-1, keepdim=True))
    assert not Sqmax(0.0)(torch.zeros(3)).any()


def test_gumbel_draws_from_the_softmax() -> None:
    torch.manual_seed(0)
    x = torch.tensor([0.0, 1.0, 2.0])
    layer = GumbelSoftmax(0.7, hard=True)
    drawn = layer(x.expand(20_000, 3))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(drawn.mean(0), torch.softmax(x, 0), atol=0.012, rtol=0)


def test_names_of_the_catalogue() -> None:
    named = {"softmax": Softmax, "log_softmax": LogSoftmax, "softmin": Softmin, "beta_softmax": BetaSoftmax}
    named |= {"sqmax": Sqmax, "sparsemax": Sparsemax, "entmax15": Entmax15, "tuned_softmax": TunedSoftmax}
    for name, kind in (named | {"gumbel_softmax": GumbelSoftmax}).items():
        assert type(bend(name)) is kind


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"c: got -1.0; expected a finite number >= 0"):
        TunedSoftmax(-1.0)
    with pytest.raises(ArgumentError, match="beta"):
        BetaSoftmax(0.0)
