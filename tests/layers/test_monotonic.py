"""Monotone in what was promised, for any weights; and each of the three bends is what its name says."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from unbend.layers import MonotonicLinear, three_way


def network(directions: tuple[int, ...], **settings) -> nn.Module:
    width, parts = 16, settings.pop("parts", (7, 7, 2))
    first = MonotonicLinear(len(directions), width, directions, parts=parts, **settings)
    inner = MonotonicLinear(width, width, parts=parts, **settings)
    return nn.Sequential(first, inner, MonotonicLinear(width, 1, activation=None)).double()


@given(
    st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=5),
    st.sampled_from(["relu", "elu", "softplus"]),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_slopes_have_the_promised_sign(directions: list[int], activation: str, seed: int) -> None:
    torch.manual_seed(seed)
    x = (3 * torch.randn(64, len(directions), dtype=torch.float64)).requires_grad_()
    (slope,) = torch.autograd.grad(network(tuple(directions), activation=activation)(x).sum(), x)
    assert (slope * torch.tensor(directions) >= 0).all()


def test_a_free_input_may_go_either_way() -> None:
    torch.manual_seed(0)
    x = (3 * torch.randn(512, 2, dtype=torch.float64)).requires_grad_()
    (slope,) = torch.autograd.grad(network((0, 1))(x).sum(), x)
    assert slope[:, 0].min() < 0 < slope[:, 0].max()


def test_bends_of_relu_have_closed_forms() -> None:
    x = torch.linspace(-3, 3, 61, dtype=torch.float64)
    convex, concave, saturated = three_way(x[:, None].expand(-1, 3), parts=(1, 1, 1)).unbind(1)
    torch.testing.assert_close(convex, x.clamp(min=0))
    torch.testing.assert_close(concave, x.clamp(max=0))
    torch.testing.assert_close(saturated, x.clamp(-1, 1))


@pytest.mark.parametrize("base", ["relu", "elu", "softplus"])
def test_every_bend_grows_through_zero(base: str) -> None:
    x = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    y = three_way(x[:, None].expand(-1, 3), base, (1, 1, 1))
    assert (y.diff(dim=0) >= 0).all()
    torch.testing.assert_close(y[600], torch.zeros(3, dtype=torch.float64))
    second = y.diff(n=2, dim=0)
    assert (second[:, 0] > -1e-12).all(), "convex"
    assert (second[:, 1] < 1e-12).all(), "concave"
    torch.testing.assert_close(y[:, 2], -y[:, 2].flip(0), msg="the saturated bend is odd")
    assert y[:, 2].abs().max() <= 2.0 + 1e-12


@pytest.mark.parametrize(("parts", "sign"), [((1, 0, 0), 1), ((0, 1, 0), -1)])
def test_convex_and_concave_networks(parts: tuple[int, int, int], sign: int) -> None:
    torch.manual_seed(1)
    f = network((0, 1, -1), activation="elu", parts=parts)
    a, b = 3 * torch.randn(2, 256, 3, dtype=torch.float64)
    assert (sign * (f(a) + f(b) - 2 * f((a + b) / 2)) >= -1e-12).all()


def test_units_are_split_in_order_by_rounding() -> None:
    x = torch.full((16,), -5.0)
    assert three_way(x).tolist() == [0.0] * 7 + [-5.0] * 7 + [-1.0] * 2
    assert three_way(x[:1], parts=(1, 1, 1)).tolist() == [-1.0], "a third of one unit is none"
    assert three_way(x[:3], parts=(1, 1, 0)).tolist() == [0.0, 0.0, -5.0], "no unit is counted twice"


def test_a_free_linear_layer_is_torch_own() -> None:
    ours = MonotonicLinear(5, 3, 0, None)
    x = torch.randn(4, 5)
    assert torch.equal(ours(x), ours.linear(x))


def test_weights_of_a_sign_are_used_by_magnitude() -> None:
    layer = MonotonicLinear(3, 1, (1, -1, 0), None, bias=False)
    nn.init.constant_(layer.linear.weight, -2.0)
    assert layer.weight.tolist() == [[2.0, -2.0, -2.0]]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"directions": (1, -1)}, "directions"),
        ({"directions": 2}, "directions"),
        ({"activation": "selu"}, "activation"),
        ({"parts": (0, 0, 0)}, "parts"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        MonotonicLinear(3, 4, **arguments)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="x: got"):
        MonotonicLinear(3, 4)(torch.ones(2, 5))
