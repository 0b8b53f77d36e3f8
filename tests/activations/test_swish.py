"""Swish: its limits, its least value, its learned steepness."""

import math

import pytest
import torch
from hypothesis import given, strategies as st
from scipy.special import lambertw

from unbend.activations import GELU, SiLU, Swish, bend, swish

X = torch.linspace(-9, 9, 1801, dtype=torch.float64)
LEAST = float(lambertw(1 / math.e).real)  # 0.278464...


def test_least_value_is_minus_lambert_of_one_over_e():
    made = Swish()
    (turn,) = made.facts.turns
    assert turn == pytest.approx(-1 - LEAST, abs=1e-12)
    assert made.facts.value[0] == pytest.approx(-LEAST, abs=1e-12)
    assert turn == pytest.approx(-1.2784645428, abs=1e-10)


@given(st.floats(-50, 50))
def test_its_odd_part_is_half_the_identity(beta):
    torch.testing.assert_close(swish(X, beta) - swish(-X, beta), X)


@given(st.floats(0.01, 100))
def test_steepness_scales_input_and_output(beta):
    torch.testing.assert_close(swish(X, beta), swish(beta * X) / beta)
    torch.testing.assert_close(swish(X, -beta), -swish(-X, beta))


@pytest.mark.parametrize("beta", [0.01, 0.7, 30.0])
def test_the_extreme_value_follows(beta):
    assert Swish(beta).facts.value[0] == pytest.approx(-LEAST / beta)
    assert Swish(-beta).facts.value[1] == pytest.approx(LEAST / beta)


def test_from_half_the_identity_over_silu_to_the_rectifier():
    torch.testing.assert_close(Swish(0.0)(X), X / 2)
    assert Swish(0.0).facts.curvature == "linear"
    torch.testing.assert_close(Swish()(X), SiLU()(X))
    assert float((Swish(1e3)(X) - X.relu()).abs().max()) < 1e-3


def test_the_fast_approximation_of_gelu():
    assert float((Swish(1.702)(X) - GELU()(X)).abs().max()) == pytest.approx(2.034e-2, abs=1e-5)
    torch.testing.assert_close(Swish(1.702)(X), bend("quick_gelu")(X))


def test_steepness_may_pass_through_zero_while_it_is_learned():
    made = Swish(0.0, trainable=True).double()
    made(X).sum().backward()
    assert float(made.beta.grad) == pytest.approx(float((X**2 / 4).sum()))
    assert not list(Swish().parameters())


def test_far_out_the_gradient_of_the_steepness_is_zero():
    made = Swish(trainable=True)
    made(torch.tensor([-1e30, 1e30])).sum().backward()
    assert float(made.beta.grad) == 0
