"""Entropy of outputs, the change that lowers it, and the bend that has most."""

import math

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.activations import activation_entropy, entropy_correction, worst_activation
from unbend.activations._eafo import normal_density

X = torch.linspace(-9, 9, 18_001, dtype=torch.float64)


def entropy(f, x=X):
    """Of the output of an increasing function at normal inputs: that of the inputs, and the mean log slope."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(f(x).sum(), x)
    return float(torch.trapezoid(normal_density(x.detach()) * slope.log(), x.detach()))


BENDS = {"softplus": torch.nn.functional.softplus, "x": lambda x: 1.0 * x, "asinh": torch.asinh}


@pytest.mark.parametrize("name", BENDS)
def test_a_step_along_the_correction_lowers_the_entropy(name):
    f = BENDS[name]
    c = entropy_correction(f)
    t = 1e-4
    fall = entropy(lambda x: f(x) + t * c(x)) - entropy(f)
    assert fall < 0
    assert entropy(lambda x: f(x) - t * c(x)) > entropy(f)


@pytest.mark.parametrize("name", BENDS)
def test_the_correction_is_the_first_variation(name):
    # d/dt H(f + t h) = -integral of c h / f', for every h that dies out.
    f, h = BENDS[name], lambda x: torch.exp(-((x - 0.4) ** 2))
    t = 1e-5
    change = (entropy(lambda x: f(x) + t * h(x)) - entropy(lambda x: f(x) - t * h(x))) / (2 * t)
    x = X.clone().requires_grad_()
    (slope,) = torch.autograd.grad(f(x).sum(), x)
    # c = f' d/dx (p / f'), and the variation by f is -d/dx (p / f').
    expected = -torch.trapezoid(entropy_correction(f)(X) / slope * h(X), X)
    assert change == pytest.approx(float(expected), rel=1e-6)


def test_the_worst_bend_has_no_correction():
    c = entropy_correction(torch.special.ndtr)(torch.linspace(-3, 3, 61, dtype=torch.float64))
    assert float(c.abs().max()) < 1e-15


def test_the_worst_bend_of_the_normal_law_is_its_distribution_function():
    x = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    f = worst_activation()
    torch.testing.assert_close(f(x), torch.special.ndtr(x), rtol=0, atol=1e-11)
    tanh_like = worst_activation(low=-1.0, high=1.0)
    torch.testing.assert_close(tanh_like(x), torch.erf(x / math.sqrt(2)), rtol=0, atol=1e-11)
    assert f(torch.tensor([-1e9, 1e9])).tolist() == [0.0, 1.0]


def test_its_output_is_uniform_and_other_bends_carry_less():
    torch.manual_seed(0)
    x = torch.randn(200_000, dtype=torch.float64)
    found = {
        name: activation_entropy(f(x), 64, (0.0, 1.0))
        for name, f in {
            "worst": worst_activation(),
            "sigmoid": torch.sigmoid,
            "steep": lambda x: (4 * x).sigmoid(),
        }.items()
    }
    assert found["worst"] == pytest.approx(0, abs=1e-3)
    assert found["worst"] > found["sigmoid"]
    assert found["worst"] > found["steep"]


def test_another_density():
    laplace = worst_activation(lambda x: torch.exp(-x.abs()), reach=40.0, points=8193)
    x = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)
    expected = [math.exp(-2) / 2, 0.5, 1 - math.exp(-3) / 2]
    assert laplace(x).tolist() == pytest.approx(expected, abs=1e-6)


def test_entropy_of_known_samples():
    grid = torch.linspace(0, 1, 64_001)
    assert activation_entropy(3 * grid, 64) == pytest.approx(math.log(3), abs=1e-3)
    assert activation_entropy(torch.zeros(9)) == -math.inf
    torch.manual_seed(0)
    normal = activation_entropy(2 * torch.randn(400_000, dtype=torch.float64), 200)
    assert normal == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 4), abs=5e-3)


def test_bad_samples_are_refused():
    with pytest.raises(ArgumentError, match="values"):
        activation_entropy(torch.tensor([1.0, math.nan]))
    with pytest.raises(ArgumentError, match="span"):
        activation_entropy(torch.ones(3), span=(2.0, 1.0))
    with pytest.raises(ArgumentError, match="span"):
        activation_entropy(torch.ones(3), span=(2.0, 3.0))
