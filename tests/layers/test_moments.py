"""Moments against simulation, quadrature and limits."""

import math

import pytest
import torch
from hypothesis import given, strategies as st

from unbend.layers import MPGELU, MomentLinear, MomentReLU, certain, gauss_moments, mp_gelu, relu_moments

MEANS = st.floats(-4, 4)
VARIANCES = st.floats(0.01, 9)


def f64(*values: float) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor(value, dtype=torch.float64) for value in values)


@pytest.mark.parametrize("gate", ["ratio", "marginal"])
@pytest.mark.parametrize(("mean", "var"), [(0.7, 0.5), (-1.2, 2.0), (0.0, 1.0)])
def test_mp_gelu_is_the_input_let_pass_by_a_coin(gate: str, mean: float, var: float) -> None:
    generator = torch.Generator().manual_seed(0)
    n = 400_000
    x = mean + var**0.5 * torch.randn(n, generator=generator, dtype=torch.float64)
    positive, gate_mean = 0.5 * math.erfc(-mean / math.sqrt(2 * var)), float(torch.special.ndtr(x).mean())
    p = positive if gate == "ratio" else gate_mean
    y = x * (torch.rand(n, generator=generator, dtype=torch.float64) < p)
    ours = mp_gelu(*f64(mean, var), gate)
    assert abs(float(y.mean() - ours[0])) < 4 * float(y.std()) / n**0.5 + 3e-3 * (gate == "marginal")
    square = (y - ours[0]) ** 2
    assert abs(float(square.mean() - ours[1])) < 4 * float(square.std()) / n**0.5 + 6e-3 * (gate == "marginal")


def test_without_variance_the_positive_pass_and_the_negative_do_not() -> None:
    mean = torch.tensor([3.0, -3.0], dtype=torch.float64)
    out, var = mp_gelu(mean, torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(out, mean.relu(), atol=1e-9, rtol=0)
    assert (var < 1e-9).all()


@given(MEANS, VARIANCES)
def test_exact_moments_of_relu(mean: float, var: float) -> None:
    m, v = f64(mean, var)
    grid = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    weight = torch.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    y = (m + v.sqrt() * grid).relu()
    first = torch.trapezoid(y * weight, grid)
    second = torch.trapezoid((y - first) ** 2 * weight, grid)
    got = relu_moments(m, v)
    torch.testing.assert_close(got[0], first, atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(got[1], second, atol=1e-8, rtol=1e-7)


def test_no_digit_is_lost_where_all_passes() -> None:
    mean, var = relu_moments(torch.tensor(1e4), torch.tensor(1e-2))
    assert (float(mean), float(var)) == (1e4, pytest.approx(1e-2, rel=1e-6))


@given(MEANS, VARIANCES)
def test_quadrature_is_exact_for_a_cubic(mean: float, var: float) -> None:
    m, v = f64(mean, var)
    got = gauss_moments(lambda x: x**3 - x, m, v)
    first = mean**3 + 3 * mean * var - mean
    sixth = mean**6 + 15 * mean**4 * var + 45 * mean**2 * var**2 + 15 * var**3
    fourth = mean**4 + 6 * mean**2 * var + 3 * var**2
    second = sixth - 2 * fourth + mean**2 + var
    assert float(got[0]) == pytest.approx(first, rel=1e-9, abs=1e-9)
    assert float(got[1]) == pytest.approx(second - first**2, rel=1e-8, abs=1e-7)


def test_moments_of_a_linear_layer_by_simulation() -> None:
    torch.manual_seed(0)
    layer, n = MomentLinear(3, 2, std=0.8, dtype=torch.float64), 200_000
    mean, var = torch.randn(3, dtype=torch.float64), torch.rand(3, dtype=torch.float64)
    with torch.no_grad():
        x = mean + var.sqrt() * torch.randn(n, 3, dtype=torch.float64)
        weight = layer.mean.weight + layer.log_std.weight.exp() * torch.randn(n, 2, 3, dtype=torch.float64)
        bias = layer.mean.bias + layer.log_std.bias.exp() * torch.randn(n, 2, dtype=torch.float64)
        y = (weight @ x[..., None])[..., 0] + bias
        got = layer(torch.stack([mean, var]))
    assert ((y.mean(0) - got[0]).abs() < 4 * y.std(0) / n**0.5).all()
    square = (y - got[0]) ** 2
    assert ((square.mean(0) - got[1]).abs() < 4 * square.std(0) / n**0.5).all()


def test_divergence_from_the_prior_by_torch() -> None:
    layer = MomentLinear(3, 4, std=0.3, dtype=torch.float64)
    theirs = sum(
        torch.distributions.kl_divergence(
            torch.distributions.Normal(mean, log_std.exp()), torch.distributions.Normal(torch.zeros_like(mean), 2.0)
        ).sum()
        for mean, log_std in zip(layer.mean.parameters(), layer.log_std.parameters())
    )
    torch.testing.assert_close(layer.kl(2.0), theirs)


@given(st.integers(0, 99))
def test_variances_are_never_negative(seed: int) -> None:
    torch.manual_seed(seed)
    x = 10 * torch.randn(8, 2, 5)
    for layer in (MPGELU(), MPGELU("marginal"), MomentReLU(), MomentLinear(5, 3)):
        assert (layer(x)[:, 1] >= 0).all()


def test_certain_inputs_leave_the_weights_variance_only() -> None:
    layer = MomentLinear(3, 2)
    x = torch.randn(5, 3)
    mean, var = layer(certain(x)).unbind(-2)
    torch.testing.assert_close(mean, layer.mean(x))
    torch.testing.assert_close(var, x**2 @ (2 * layer.log_std.weight).exp().T + (2 * layer.log_std.bias).exp())


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="gate"):
        MPGELU("gelu")
    with pytest.raises(ValueError, match=r"x: got.*certain"):
        MPGELU()(torch.ones(3, 5))
    with pytest.raises(ValueError, match="x: got"):
        MomentLinear(3, 4)(torch.ones(7, 2, 5))
