"""Expanded gates: what they equal at zero, their shape, and where they turn."""

import math

import pytest
import torch
from hypothesis import given, strategies as st

from unbend.activations import ATLU, GELU, XATLU, XGELU, SiLU, XSiLU, atlu, bend

X = torch.linspace(-9, 9, 1801, dtype=torch.float64)
FAMILY = [XATLU, XGELU, XSiLU]


@pytest.mark.parametrize(("expanded", "plain"), [(XATLU, ATLU), (XGELU, GELU), (XSiLU, SiLU)])
def test_without_expansion_they_are_the_plain_bends(expanded, plain):
    made = expanded().double()
    torch.testing.assert_close(made(X).detach(), plain()(X), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("kind", FAMILY)
@given(a=st.floats(-3, 3))
def test_the_gate_is_one_half_at_zero_and_reaches_a_beyond_its_range(kind, a):
    made = kind(a).double()
    a = made.at("a")
    made.requires_grad_(False)
    assert float(made.slope(torch.tensor(0.0, dtype=torch.float64))) == pytest.approx(0.5, abs=1e-15)
    far = torch.tensor([-1e9, 1e9], dtype=torch.float64)
    assert (made(far) / far).tolist() == pytest.approx([-a, 1 + a], abs=1e-8)
    torch.testing.assert_close(made(X) - made(-X), X)


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize("a", [-2.0, -0.6, -0.5, -0.1, -1e-6, 1e-6, 1e-3, 0.4, 5.0])
def test_turns_are_where_the_slope_is_zero(kind, a):
    made = kind(a).double().requires_grad_(False)
    x = torch.linspace(-60, 60, 240_001, dtype=torch.float64)
    slope = made.slope(x)
    crossings = x[1:][(slope[1:] * slope[:-1] < 0) & (slope.diff().abs() > 1e-13)]
    listed = torch.tensor(made.outline.turns)
    assert all(float((listed - x).abs().min()) < 1e-3 for x in crossings.tolist())
    for turn in made.facts.turns:
        assert abs(turn) > 60 or float((crossings - turn).abs().min()) < 1e-3
        assert float(made.slope(torch.tensor(turn, dtype=torch.float64))) == pytest.approx(0, abs=1e-13)


def test_the_arctangent_turns_far_out_where_the_expansion_is_tiny():
    # The slope is about -a + 2 / (3 pi |x|^3) there.
    (turn,) = XATLU(1e-7).double().facts.turns
    assert turn == pytest.approx(-((2 / (3 * math.pi * 1e-7)) ** (1 / 3)), rel=1e-3)


def test_the_arctangent_bend_is_convex():
    x = X.clone().requires_grad_()
    (slope,) = torch.autograd.grad(atlu(x).sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    torch.testing.assert_close(curvature, 2 / math.pi / (1 + X**2) ** 2)
    facts = ATLU().facts
    assert (facts.curvature, facts.monotone, facts.slope) == ("convex", "increasing", (0.0, 1.0))
    assert facts.value == (pytest.approx(-1 / math.pi), math.inf)


def test_the_arctangent_keeps_its_digits_far_to_the_left():
    x = torch.tensor([-1e6], requires_grad=True)
    assert float(atlu(x).detach()) == pytest.approx(-1 / math.pi, rel=1e-6)
    assert float(x.detach() * (torch.atan(x.detach()) / math.pi + 0.5)) != pytest.approx(-1 / math.pi, rel=1e-3)
    (slope,) = torch.autograd.grad(atlu(x).sum(), x)
    assert abs(float(slope)) < 1e-12


def test_each_channel_has_its_expansion():
    made = XGELU(channels=2, dim=-1).double()
    with torch.no_grad():
        made.a.copy_(torch.tensor([0.0, 0.25]))
    y = made(X[:, None].expand(-1, 2)).detach()
    torch.testing.assert_close(y[:, 1], 1.5 * GELU()(X) - 0.25 * X)
    torch.testing.assert_close(y[:, 0], GELU()(X))


def test_another_name():
    assert isinstance(bend("calu"), ATLU)
