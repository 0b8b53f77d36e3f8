"""VeLU: formula, the row's factor, the loss it leaves behind."""

import math

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.activations import VeLU, velu

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SETTINGS = {"alpha": 2.0, "beta1": 1.0, "beta2": 0.7}


def by_hand(x, alpha, beta1, beta2, gamma=0.1, momentum=0.9):
    size = sum(v * v for v in x) / len(x)
    factor = 1 + gamma * math.tanh(momentum / math.sqrt(size + 1e-6))
    mix = [math.atan(beta1 * v) + math.asin(min(max(beta2 * v, -1), 1)) for v in x]
    return [v / (1 + math.exp(-alpha * m)) * factor for v, m in zip(x, mix, strict=True)]


def test_the_formula():
    expected = torch.tensor([by_hand(row, **SETTINGS) for row in X.tolist()], dtype=torch.float64)
    torch.testing.assert_close(velu(X, **SETTINGS), expected)


def test_the_axis_of_the_rows():
    torch.testing.assert_close(velu(X.T, **SETTINGS, dim=0), velu(X, **SETTINGS).T)
    image = torch.randn(2, 3, 5, 7)
    moved = velu(image.movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(velu(image, dim=1), moved)


@pytest.mark.parametrize("size", [1e-3, 0.1, 1.0, 30.0])
def test_the_row_grows_by_gamma_at_most(size):
    row = size * X[:1]
    factor = velu(row) / velu(row, gamma=0.0)
    assert bool(((factor >= 1) & (factor <= 1.1)).all())
    assert float(factor.std()) < 1e-12


def test_with_the_defaults_it_is_nearly_linear():
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)
    gap = (velu(x, gamma=0.0) - x / 2).abs().max()
    assert 0.04 < float(gap) < 0.05


def test_the_loss_is_a_distance_from_the_standard_normal_law():
    made = VeLU(**SETTINGS, lambda_ot=0.3).double().train()
    with torch.no_grad():
        made.scale.fill_(5.0)
    made(X)
    u = velu(X, **SETTINGS)
    mean, std = float(u.mean()), float(u.std(correction=0))
    assert float(made.reg_loss.detach()) == pytest.approx(0.3 * (mean**2 + (std - 1) ** 2))
    made.eval()(X)
    assert made.reg_loss is None


def test_the_loss_is_zero_for_a_standard_output():
    made = VeLU(lambda_ot=1.0)
    u = torch.tensor([-1.0, 1.0])
    assert float(made._reg_loss(u)) == 0
    assert float(made._reg_loss(u + 2)) == pytest.approx(4)


def test_its_scale_scales_the_output_alone():
    made = VeLU(**SETTINGS).double()
    with torch.no_grad():
        made.scale.fill_(-2.0)
    torch.testing.assert_close(made(X), -2 * velu(X, **SETTINGS))


@pytest.mark.parametrize("x", [[10.0, -10.0, 3.0], [0.0, 0.0, 0.0], [1e30, 1.0, -1e30]])
def test_gradients_are_finite_at_the_ends_of_the_arcsine_and_of_the_type(x):
    x = torch.tensor(x, requires_grad=True)
    made = VeLU().train()
    y = made(x)
    assert bool(y.isfinite().all())
    if float(x.detach().abs().max()) < 1e6:
        (y.sum() + made.reg_loss).backward()
    else:
        y.sum().backward()
    assert bool(x.grad.isfinite().all())


def test_the_weight_of_the_loss_is_no_debt():
    with pytest.raises(ArgumentError, match="lambda_ot: got -1"):
        VeLU(lambda_ot=-1)
