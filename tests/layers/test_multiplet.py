"""Multiplets: what is known of means."""

import pytest
import torch
from hypothesis import given, strategies as st

from unbend._errors import ArgumentError
from unbend.layers import Multiplet, gini_mean, lehmer_mean, power_mean


def numbers(n: int = 6, rows: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.rand(rows, n, dtype=torch.float64) * 5 + 0.01, torch.rand(n, dtype=torch.float64)


def test_the_named_means() -> None:
    x, w = numbers()
    total = w.sum()
    torch.testing.assert_close(lehmer_mean(x, w, 1.0), (w * x).sum(-1) / total)
    torch.testing.assert_close(lehmer_mean(x, w, 0.0), total / (w / x).sum(-1))
    torch.testing.assert_close(power_mean(x, w, 2.0), ((w * x * x).sum(-1) / total).sqrt())
    torch.testing.assert_close(power_mean(x, w, 0.0), ((w * x.log()).sum(-1) / total).exp())
    torch.testing.assert_close(lehmer_mean(x, w, 3000.0), x.amax(-1), rtol=2e-2, atol=0)
    torch.testing.assert_close(lehmer_mean(x, w, -3000.0), x.amin(-1), rtol=2e-2, atol=0)


def test_of_two_equal_weights_the_product_is_arithmetic_by_harmonic() -> None:
    x, w = numbers(2)[0], torch.ones(2, dtype=torch.float64)
    torch.testing.assert_close(lehmer_mean(x, w, 1.0) * lehmer_mean(x, w, 0.0), x.prod(-1))
    torch.testing.assert_close(lehmer_mean(x, w, 0.5), x.prod(-1).sqrt())


@given(p=st.floats(-20, 20), scale=st.floats(1e-3, 1e3))
def test_homogeneous_and_blind_to_the_scale_of_weights(p: float, scale: float) -> None:
    x, w = numbers()
    torch.testing.assert_close(lehmer_mean(scale * x, w, p), scale * lehmer_mean(x, w, p))
    torch.testing.assert_close(lehmer_mean(x, scale * w, p), lehmer_mean(x, w, p))


def test_grows_with_its_order_between_least_and_greatest() -> None:
    x, w = numbers()
    orders = torch.linspace(-30, 30, 61, dtype=torch.float64)
    y = lehmer_mean(x[:, None, :], w, orders)
    assert bool((y.diff(dim=-1) > -1e-12).all())
    assert bool((y >= x.amin(-1, keepdim=True) - 1e-12).all() & (y <= x.amax(-1, keepdim=True) + 1e-12).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_jumps_where_the_orders_meet(dtype: torch.dtype) -> None:
    x, w = (t.to(dtype) for t in numbers())
    gaps = torch.logspace(-9, -0.5, 40, dtype=dtype)
    y = gini_mean(x[:, None, :], w, 0.7 + gaps / 2, 0.7 - gaps / 2)
    # The difference is of second order in the gap.
    off = (y / gini_mean(x, w, 0.7, 0.7)[:, None] - 1).abs().amax(0)
    assert bool((off <= 3 * gaps**2 + 200 * torch.finfo(dtype).eps ** (2 / 3)).all())


def test_gradients_are_those_of_the_formulas() -> None:
    x, w = numbers()
    x, w = x[0], w.requires_grad_()
    p = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    y = lehmer_mean(x, w, p)
    by_w, by_p = torch.autograd.grad(y, (w, p))
    under, over = (w * x**0.7).detach(), (w * x**1.7).detach()
    torch.testing.assert_close(by_w, x**0.7 * (x - y.detach()) / under.sum())
    means = [(part * x.log()).sum() / part.sum() for part in (over, under)]
    torch.testing.assert_close(by_p, y.detach() * (means[0] - means[1]))


def test_far_from_one_and_without_a_weight() -> None:
    x = torch.tensor([1e-30, 1.0, 1e30])
    for p in (-3.0, 0.0, 1.0, 3.0):
        y = lehmer_mean(x, torch.ones(3), p)
        assert bool(y.isfinite())
        assert 1e-30 * 0.99 <= float(y) <= 1e30 * 1.01
    without = lehmer_mean(torch.tensor([7.0, 2.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0, 2.0]))
    torch.testing.assert_close(without, torch.full((3,), 2.0))
    torch.testing.assert_close(power_mean(torch.tensor([7.0, 2.0]), torch.tensor([0.0, 1.0]), 0.0), torch.tensor(2.0))
    assert bool(lehmer_mean(torch.tensor([-1.0, 2.0]), torch.ones(2), 1.0).isnan())


def test_greatest_less_least_is_the_exclusive_or() -> None:
    """One multiplet and the difference of its outputs: no bend beside it."""
    corners = torch.tensor([[0.01, 0.01], [0.01, 1.0], [1.0, 0.01], [1.0, 1.0]], dtype=torch.float64)
    layer = Multiplet(2, 1, orders=(-40.0, 40.0), dtype=torch.float64)
    with torch.no_grad():
        layer.logits.zero_()
    low, high = layer(corners).unbind(-1)
    torch.testing.assert_close(
        high - low, torch.tensor([0.0, 0.99, 0.99, 0.0], dtype=torch.float64), rtol=1e-3, atol=1e-3
    )


def test_a_lehmer_order_stays_one_while_it_learns() -> None:
    layer = Multiplet(3, 2, orders=(0.5, (2.0, -1.0)), trainable=True)
    layer(torch.rand(4, 3) + 0.1).sum().backward()
    assert layer.gap.grad is not None
    assert (layer.gap.grad != 0).tolist() == [False, True]
    assert not Multiplet(3, 2, trainable=True).gap.requires_grad


@pytest.mark.parametrize("wrong", [{"orders": ()}, {"embed": "relu"}, {"out_features": 0}])
def test_bad_arguments_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        Multiplet(**{"in_features": 2, "out_features": 2, **wrong})  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ArgumentError, match="x"):
        Multiplet(2, 2)(torch.ones(3))
