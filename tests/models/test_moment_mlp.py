"""The bound against sampled networks, and uncertainty where there are no data."""

import math

import pytest
import torch
from torch.nn import functional as F

from unbend.layers import MomentLinear
from unbend.models import MomentMLP


def sampled(f: MomentMLP, x: torch.Tensor, draws: int) -> torch.Tensor:
    """Outputs of networks drawn from the weights' distribution, bent by ReLU."""
    h = x.expand(draws, *x.shape)
    linears = [layer for layer in f.layers if isinstance(layer, MomentLinear)]
    for i, layer in enumerate(linears):
        weight, bias = (
            mean + log_std.exp() * torch.randn(draws, *mean.shape, dtype=x.dtype)
            for mean, log_std in zip(layer.mean.parameters(), layer.log_std.parameters())
        )
        h = torch.baddbmm(bias[:, None], h, weight.mT)
        h = h if i == len(linears) - 1 else h.relu()
    return h


@torch.no_grad()
def test_moments_of_a_shallow_network_are_those_of_sampled_ones() -> None:
    torch.manual_seed(0)
    f = MomentMLP(3, 2, (40,), bend="relu", std=0.5, dtype=torch.float64)
    x = torch.randn(5, 3, dtype=torch.float64)
    y = sampled(f, x, 20_000)
    mean, var = f(x).unbind(-2)
    assert ((y.mean(0) - mean).abs() < 5 * y.std(0) / 20_000**0.5).all()
    torch.testing.assert_close(
        var - f.log_noise.exp(), y.var(0), rtol=0.05, atol=0, msg="hidden units share no weights: exact"
    )


@torch.no_grad()
def test_the_bound_is_that_of_sampled_networks() -> None:
    torch.manual_seed(0)
    f = MomentMLP(3, 1, (20,), bend="relu", std=0.3, dtype=torch.float64)
    x, target = torch.randn(50, 3, dtype=torch.float64), torch.randn(50, 1, dtype=torch.float64)
    noise = f.log_noise.exp()
    draws = sampled(f, x, 20_000)
    log_likelihood = -F.gaussian_nll_loss(draws, target.expand_as(draws), noise.expand_as(draws), full=True)
    expected = -log_likelihood + f.kl() / 50
    assert f.loss(f(x), target, rows=50).item() == pytest.approx(float(expected), rel=0.01)


@pytest.mark.parametrize("bend", ["mp-gelu", "mp-gelu-marginal", "relu"])
def test_it_learns_and_is_less_sure_far_from_the_data(bend: str) -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.linspace(-2, -0.5, 60), torch.linspace(0.5, 2, 60)])[:, None]
    y = torch.sin(2 * x) + 0.1 * torch.randn(120, 1)
    f = MomentMLP(1, 1, (50,), bend)
    optimizer = torch.optim.Adam(f.parameters(), lr=1e-2)
    before = f.loss(f(x), y, 120).item()
    for _ in range(600):
        optimizer.zero_grad()
        loss = f.loss(f(x), y, 120)
        loss.backward()
        optimizer.step()
    assert loss.item() < before - 0.5
    with torch.no_grad():
        near, far = (f(at)[:, 1].mean() for at in (x, torch.tensor([[6.0], [-6.0]])))
    assert far > 2 * near > 2 * f.log_noise.exp().item()


def test_noise_is_kept_from_vanishing() -> None:
    f = MomentMLP(2, 1)
    torch.nn.init.constant_(f.log_noise, -math.inf)
    assert f.loss(f(torch.ones(3, 2)), torch.ones(3, 1), 3).isfinite()


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="bend"):
        MomentMLP(2, 1, bend="gelu")
    with pytest.raises(ValueError, match="hidden"):
        MomentMLP(2, 1, ())
