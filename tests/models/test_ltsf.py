"""Linear forecasters: what they amount to, and that closed form and gradient meet."""

from contextlib import suppress
from unittest import SkipTest

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import estimator_checks_generator

from unbend.models import DLinear, LTSFLinear, LTSFRegressor, MovingAverageDecomposition, NLinear

DOUBLE = torch.float64
MAKERS = {"linear": LTSFLinear, "dlinear": DLinear, "nlinear": NLinear}


def made(kind: str, lookback=30, horizon=5, **options) -> torch.nn.Module:
    model = MAKERS[kind](lookback, horizon, dtype=DOUBLE, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return model


def test_the_trend_written_out() -> None:
    x = torch.randn(2, 40, 3, dtype=DOUBLE)
    remainder, trend = MovingAverageDecomposition(25)(x)
    for s in range(40):
        places = torch.arange(s - 12, s + 13).clamp(0, 39)
        torch.testing.assert_close(trend[:, s], x[:, places].mean(1))
    torch.testing.assert_close(remainder + trend, x)
    torch.testing.assert_close(MovingAverageDecomposition(25).matrix(40) @ x, trend)


@pytest.mark.parametrize("individual", [0, 3])
@pytest.mark.parametrize("kind", MAKERS)
def test_each_is_the_affine_map_that_it_says(kind, individual) -> None:
    model, x = made(kind, individual=individual), torch.randn(2, 30, 3, dtype=DOUBLE)
    weight, bias = model.affine()
    assert weight.shape == (individual or 1, 5, 30)
    y = torch.einsum("cts,bsc->btc", weight.expand(3, -1, -1), x) + bias.expand(3, -1).T
    torch.testing.assert_close(model(x), y)


def test_decomposition_in_one_matrix() -> None:
    model = made("dlinear")
    average, unit = model.split.matrix(30), torch.eye(30, dtype=DOUBLE)
    parts = model.remainder.weight[0] @ (unit - average) + model.trend.weight[0] @ average
    torch.testing.assert_close(model.affine()[0][0], parts)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1e3, 1e3), st.integers(0, 999))
def test_a_shift_goes_through_the_normalised_map(shift, seed) -> None:
    torch.manual_seed(seed)
    model, x = made("nlinear"), torch.randn(2, 30, 3, dtype=DOUBLE)
    torch.testing.assert_close(model(x + shift), model(x) + shift)
    with torch.no_grad():
        model.map.weight.zero_(), model.map.bias.zero_()
    assert torch.equal(model(x), x[:, -1:].expand(-1, 5, -1))


def windows(n=200, lookback=30, horizon=4) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(n + lookback + horizon)
    x = np.sin(t / 5) + 0.01 * t + np.random.default_rng(0).normal(0, 0.3, len(t))
    rows = np.lib.stride_tricks.sliding_window_view(x, lookback + horizon)
    return rows[:, :lookback].copy(), rows[:, lookback:].copy()


@pytest.mark.parametrize("kind", MAKERS)
def test_closed_form_is_where_the_gradient_vanishes(kind) -> None:
    past, future = windows()
    found = LTSFRegressor(kind, alpha=0.7, kernel=7).fit(past, future)
    model = found.module()
    x, y = (torch.from_numpy(part)[..., None] for part in (past, future))
    np.testing.assert_allclose(model(x)[..., 0].detach(), found.predict(past), atol=1e-9)
    ridge = sum(p.square().sum() for name, p in model.named_parameters() if name.endswith("weight"))
    loss = (model(x) - y).square().sum() + 0.7 * ridge
    slopes = torch.autograd.grad(loss, list(model.parameters()))
    assert max(float(slope.abs().max()) for slope in slopes) < 1e-6


def test_training_comes_to_the_same_point() -> None:
    past, future = windows(lookback=5)
    found = LTSFRegressor("linear", alpha=0.0).fit(past, future)
    model = LTSFLinear(5, 4, dtype=DOUBLE)
    x, y = (torch.from_numpy(part)[..., None] for part in (past, future))
    steps = torch.optim.LBFGS(
        model.parameters(), max_iter=300, line_search_fn="strong_wolfe", tolerance_grad=1e-10, tolerance_change=1e-15
    )

    def closure() -> torch.Tensor:
        steps.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        return loss

    steps.step(closure)
    np.testing.assert_allclose(model.map.weight[0].detach(), found.coef_, atol=1e-5)


def test_plain_is_ridge_regression() -> None:
    past, future = windows()
    theirs = Ridge(alpha=2.0).fit(past, future)
    ours = LTSFRegressor(alpha=2.0).fit(past, future)
    np.testing.assert_allclose(ours.predict(past), theirs.predict(past), atol=1e-8)


def test_scikit_learn_takes_it_for_its_own() -> None:
    for estimator, check in estimator_checks_generator(LTSFRegressor(kernel=3)):
        with suppress(SkipTest):
            check(estimator)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="kernel: got 4; expected an odd number"):
        MovingAverageDecomposition(4)
    with pytest.raises(ValueError, match="x: got shape"):
        LTSFLinear(5, 3)(torch.zeros(2, 6, 1))
    with pytest.raises(ValueError, match="kind: got dlinaer"):
        LTSFRegressor("dlinaer").fit([[1.0, 2.0]], [3.0])
    with pytest.raises(ValueError, match="alpha: got -1"):
        LTSFRegressor(alpha=-1).fit([[1.0, 2.0]], [3.0])
