"""StochasticGELU: a mask whose mean is GELU."""

import torch

from unbend.activations import GELU, StochasticGELU, stochastic_gelu


def test_its_mean_is_gelu():
    torch.manual_seed(0)
    x = torch.linspace(-3, 3, 25, dtype=torch.float64)
    draws = 40_000
    mean = stochastic_gelu(x.expand(draws, -1)).mean(0)
    share = torch.special.ndtr(x)
    error = x.abs() * (share * (1 - share) / draws).sqrt()
    assert bool(((mean - GELU()(x)).abs() <= 4 * error + 1e-12).all())


def test_each_number_is_kept_whole_or_dropped():
    torch.manual_seed(0)
    x = torch.randn(1000, requires_grad=True)
    y = StochasticGELU().train()(x)
    kept = y != 0
    assert 0.3 < float(kept.double().mean()) < 0.7
    assert torch.equal(y[kept], x[kept])
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(slope, kept.to(x.dtype))


def test_in_use_it_is_its_mean():
    x = torch.randn(100)
    assert torch.equal(StochasticGELU().eval()(x), GELU()(x))


def test_few_bits_do_not_move_the_probability():
    torch.manual_seed(0)
    x = torch.full((40_000,), 0.5, dtype=torch.bfloat16)
    y = stochastic_gelu(x)
    assert y.dtype == torch.bfloat16
    assert abs(float((y != 0).double().mean()) - 0.69146) < 4 * (0.69 * 0.31 / 40_000) ** 0.5
