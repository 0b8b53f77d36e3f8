"""Linear self-attention and its step: the constants by simulation, the optimum by its gradient, and by training."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from unbend.incontext import LinearSelfAttention1, as_gd_step, gd_step, optimal_step, regression_prompts

DOUBLE = torch.float64


def constructed(matrix: torch.Tensor) -> LinearSelfAttention1:
    """A layer that takes the step of this matrix."""
    dim = len(matrix)
    layer = LinearSelfAttention1(dim, dim, dtype=DOUBLE)
    with torch.no_grad():
        layer.value.copy_(torch.eye(dim + 1)[-1])
        layer.keys.copy_(torch.eye(dim, dim + 1))
        layer.queries.copy_(matrix)
    return layer


def prompts(count=40_000, n=6, dim=4, seed=0, **options):
    return regression_prompts(count, n, dim, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE, **options)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 999))
def test_the_layer_written_out(dim, n, seed) -> None:
    torch.manual_seed(seed)
    layer, p = LinearSelfAttention1(dim, dtype=DOUBLE), torch.randn(3, n + 1, dim + 1, dtype=DOUBLE)
    m = layer.keys.T @ layer.queries
    for row in range(3):
        x = p[row, -1, :-1]
        f = sum((layer.value @ z) * (z @ m @ x) for z in p[row, :-1])
        torch.testing.assert_close(layer(p)[row, 0], f)
    other = p.clone()
    other[:, -1, -1] = torch.nan
    torch.testing.assert_close(layer(other), layer(p))


def test_a_layer_that_takes_a_step_is_read_as_one() -> None:
    matrix = torch.randn(4, 4, dtype=DOUBLE)
    step = as_gd_step(constructed(matrix))
    torch.testing.assert_close(step.matrix, matrix)
    assert step.rest == 0
    p, _ = prompts(50)
    torch.testing.assert_close(constructed(matrix)(p), gd_step(p, matrix))
    torch.testing.assert_close(gd_step(p, 0.3), gd_step(p, 0.3 * torch.eye(4, dtype=DOUBLE)))


def test_it_is_a_step_of_gradient_descent() -> None:
    p, _ = prompts(5)
    w = torch.zeros(5, 4, 1, dtype=DOUBLE, requires_grad=True)
    loss = 0.5 * (p[:, :-1, :-1] @ w - p[:, :-1, -1:]).square().sum()
    (slope,) = torch.autograd.grad(loss, w)
    torch.testing.assert_close(gd_step(p, 0.2), (p[:, -1:, :-1] @ (-0.2 * slope))[:, 0])


@pytest.mark.parametrize("targets", ["linear", "relu"])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_best_length_by_simulation(targets, noise) -> None:
    p, y = prompts(100_000, noise=noise, targets=targets)
    f = gd_step(p, 1.0)
    best = float((f * y).mean() / f.square().mean())
    assert best == pytest.approx(optimal_step(6, 4, noise, targets), rel=0.03)


def test_the_least_loss_by_simulation() -> None:
    p, y = prompts(100_000, noise=0.5)
    eta = optimal_step(6, 4, 0.5)
    loss = float((gd_step(p, eta) - y).square().mean())
    assert loss == pytest.approx(4 * (1 - 6 * eta) + 0.25, rel=0.02)


def test_with_many_examples_the_step_is_one_over_their_number() -> None:
    assert 10**6 * optimal_step(10**6, 5, 1.0) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("case", ["isotropic", "anisotropic", "relu"])
def test_at_the_step_the_gradient_of_the_loss_vanishes(case) -> None:
    """By all weights, those of the layer that are zero in the step included: compared with its size a tenth away."""
    spread = torch.diag(torch.tensor([4.0, 1.0, 1.0, 0.25], dtype=DOUBLE)) if case == "anisotropic" else None
    targets = "relu" if case == "relu" else "linear"
    p, y = prompts(100_000, covariance=spread, targets=targets)
    matrix = optimal_step(6, 4, 0.0, targets) * (torch.eye(4, dtype=DOUBLE) if spread is None else spread.inverse())

    def slope(scale: float) -> float:
        layer = constructed(scale * matrix)
        loss = (layer(p) - y).square().mean()
        return float(sum(part.square().sum() for part in torch.autograd.grad(loss, list(layer.parameters()))).sqrt())

    assert slope(1.0) < 0.5 * slope(1.1)


def test_training_finds_the_step() -> None:
    torch.manual_seed(0)
    p, y = prompts(8_000, n=6, dim=3)
    layer = LinearSelfAttention1(3, dtype=DOUBLE)
    steps = torch.optim.LBFGS(layer.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        steps.zero_grad()
        loss = (layer(p) - y).square().mean()
        loss.backward()
        return loss

    steps.step(closure)
    found = as_gd_step(layer)
    cosine = found.matrix.trace() / found.matrix.norm() / 3**0.5
    assert float(cosine) > 0.998
    assert found.rest < 0.15
    assert float(found.matrix.trace() / 3) == pytest.approx(optimal_step(6, 3), rel=0.06)


def test_prompts_have_the_laws_that_they_say() -> None:
    spread = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=DOUBLE)
    p, y = prompts(50_000, n=3, dim=2, covariance=spread)
    torch.testing.assert_close(torch.cov(p[:, 0, :2].T), spread, rtol=0.05, atol=0.03)
    assert float(y.var()) == pytest.approx(2, rel=0.05)
    assert bool((p[:, -1, -1] == 0).all())
    three = p[:, :3]
    w = torch.linalg.lstsq(three[..., :2], three[..., 2:]).solution
    torch.testing.assert_close((p[:, -1:, :2] @ w)[:, 0], y, rtol=1e-4, atol=1e-4)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="prompts: got shape"):
        LinearSelfAttention1(3)(torch.zeros(2, 5, 3))
    with pytest.raises(ValueError, match="targets: got rleu"):
        optimal_step(3, 3, targets="rleu")
