"""Curves to draw: value, slope and curvature against closed forms, and as many points as a wave needs."""

import math

import torch

from unbend.activations import Bend, ClosedForm, GoLU, ReLU
from unbend.activations._outline_base import Outline
from unbend.study._curve import STEPS, _difference, derivatives, sample


def test_sine_has_its_derivatives():
    x = torch.linspace(-3, 3, 41, dtype=torch.float64)
    value, slope, curvature = derivatives(ClosedForm("siren_sine", w=2.0, dtype=torch.float64), x)
    torch.testing.assert_close(value, torch.sin(2 * x))
    torch.testing.assert_close(slope, 2 * torch.cos(2 * x))
    torch.testing.assert_close(curvature, -4 * torch.sin(2 * x))


def test_curvature_of_a_bend_with_a_slope_of_its_own():
    x = torch.linspace(-4, 4, 65, dtype=torch.float64)
    _, slope, curvature = derivatives(GoLU(), x)
    gate, tail = torch.exp(-torch.exp(-x)), torch.exp(-x)
    torch.testing.assert_close(slope, gate * (1 + x * tail))
    torch.testing.assert_close(curvature, gate * tail * (2 - x + x * tail))


def test_straight_pieces_have_no_curvature():
    _, slope, curvature = derivatives(ReLU(), torch.tensor([-1.0, 2.0], dtype=torch.float64))
    assert slope.tolist() == [0.0, 1.0]
    assert curvature.tolist() == [0.0, 0.0]


def test_a_wave_takes_more_points_than_a_kink():
    assert len(sample(ReLU()).x) == STEPS + 1
    wave = sample(ClosedForm("siren_sine", w=30.0))
    assert len(wave.x) > STEPS + 1
    assert len(wave.x) >= 8 * 30 * (wave.high - wave.low) / (2 * math.pi)


def test_differences_stand_in_for_a_derivative_that_code_cannot_give():
    x = torch.linspace(-4, 4, 65, dtype=torch.float64)
    torch.testing.assert_close(_difference(GoLU(), x), derivatives(GoLU(), x)[2], rtol=1e-6, atol=1e-8)
    assert _difference(ReLU(), x).isnan().tolist() == (x == 0).tolist()


class Logarithm(Bend):
    """The logarithm, which has no value below zero."""

    function = staticmethod(torch.log)

    @property
    def outline(self) -> Outline:
        return Outline()


def test_what_is_no_number_is_nan():
    curve = sample(Logarithm())
    value, slope, _ = curve.orders
    assert value[curve.x <= 0].isnan().all()
    assert slope[curve.x == 0].isnan().all()
    assert all(order[curve.x > 0].isfinite().all() for order in curve.orders)
