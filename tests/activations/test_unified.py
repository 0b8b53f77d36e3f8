"""The unified gate: the bends that it equals, in value and gradient, and what lies between them."""

import math

import pytest
import torch
from torch.nn import functional as F

from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations import UnifiedGate, unified

BUILT_IN = {
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": F.silu, "softsign": F.softsign, "mish": F.mish,
    "elu": F.elu, "exp": torch.exp, "sin": torch.sin, "cos": torch.cos,
}  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
def test_presets_are_the_built_in_functions(name: str) -> None:
    x = torch.linspace(-6, 6, 241, dtype=torch.float64, requires_grad=True)
    ours, expected = unified(name)(x), BUILT_IN[name](x)
    torch.testing.assert_close(ours, expected, rtol=1e-11, atol=1e-11)
    slopes = [torch.autograd.grad(y.sum(), x)[0] for y in (ours, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "silu", "softsign", "mish", "elu"])
def test_presets_hold_far_out(name: str) -> None:
    x = torch.tensor([-1e30, -1e4, -90.0, 90.0, 1e4, 1e30])
    torch.testing.assert_close(unified(name)(x), BUILT_IN[name](x), rtol=1e-5, atol=1e-30)


def test_a_trained_preset_starts_as_the_frozen_one() -> None:
    x = torch.randn(5, 3, 7, dtype=torch.float64)
    for name in BUILT_IN:
        made = unified(name, trainable=True, channels=3).double()
        torch.testing.assert_close(made(x), unified(name)(x), rtol=1e-12, atol=1e-12)
        assert len(list(made.parameters())) == (4 if name == "tanh" else 2)


def test_silu_trains_through_alpha_zero() -> None:
    """A target with alpha = -0.3 is found from the start at 0, and alpha = 0.3 as well."""
    x = torch.linspace(-4, 4, 200, dtype=torch.float64)
    for goal in (-0.3, 0.3):
        target = unified("silu", alpha1=goal)(x)
        made = unified("silu", trainable=True).double()
        made.beta1.requires_grad_(False)
        optimizer = torch.optim.Adam([made.alpha1], lr=0.02)
        for _ in range(150):
            optimizer.zero_grad()
            (made(x) - target).square().mean().backward()
            optimizer.step()
        assert float(made.alpha1.detach()) == pytest.approx(goal, abs=1e-2)


def test_between_relu_and_silu() -> None:
    """As alpha falls towards -1 the gate of silu becomes steeper below zero, and stays between 0 and 1."""
    x = torch.linspace(-6, 6, 200, dtype=torch.float64)
    gates = torch.stack([unified("sigmoid", alpha1=alpha)(x) for alpha in (-0.5, 0.0, 0.5)])
    assert bool(((gates > 0) & (gates < 1)).all())
    assert bool((gates.diff(dim=1) > 0).all())


def test_by_name() -> None:
    with pytest.raises(UnknownNameError, match="tanh"):
        unified("tanhh")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"f": "x^3"}, "f: got"),
        ({"gamma": 0.5}, "gamma: got"),
        ({"alpha1": 0.1}, "alpha1: got"),
        ({"f": "-|x|", "alpha1": math.nan}, "alpha1: got"),
        ({"channels": 0}, "channels: got"),
        ({"dim": 2}, "dim: got"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        UnifiedGate(**arguments)


def test_an_input_without_the_axis_of_the_channels() -> None:
    with pytest.raises(ArgumentError, match="input: got 1 axes"):
        unified("tanh", trainable=True, channels=3)(torch.ones(3))
