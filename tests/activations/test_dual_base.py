"""Kernels in closed form against quadrature, and quadrature against itself at twice the order."""

import math

import pytest
import torch

from unbend.activations import GELU, PReLU, ReLU, Snake, _gauss_base as gauss
from unbend.activations._catalogue_base import catalogue
from unbend.activations._closed_form import ClosedForm
from unbend.activations._dual_base import DUALS, error_function, sine

BENDS = [entry for entry in catalogue().values() if entry.kind == "bend"]
KNOWN = [entry for entry in BENDS if entry.code in DUALS]
GRID = torch.tensor(
    [[a, c, b] for a in (0.3, 2.5) for c in (-0.95, 0.0, 0.7, 0.999) for b in (0.5, 1.7)], dtype=torch.float64
)
Q11, CORR, Q22 = GRID.unbind(1)
Q12 = CORR * (Q11 * Q22).sqrt()


def both(bend):
    return bend.dual_kernel(Q11, Q12, Q22), bend.derivative_kernel(Q11, Q12, Q22)


def by_quadrature(bend):
    bend.dual = None
    return both(bend)


def test_every_formula_of_the_table_is_in_the_catalogue():
    assert set(DUALS) == {entry.code for entry in KNOWN}


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_closed_forms_are_the_quadrature(entry):
    values = {"w": 2.0} if entry.name == "siren_sine" else {}  # thirty turns cost quadrature minutes
    bend, other = (ClosedForm(entry.name, **values) for _ in range(2))
    assert bend.dual is not None
    for closed, numeric in zip(both(bend), by_quadrature(other), strict=True):
        torch.testing.assert_close(closed, numeric, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", [ReLU, PReLU, GELU, Snake])
def test_closed_forms_of_the_classes_are_the_quadrature(make):
    for closed, numeric in zip(both(make()), by_quadrature(make()), strict=True):
        torch.testing.assert_close(closed, numeric, rtol=1e-9, atol=1e-9)


def test_arcsine_and_sine_at_known_places():
    """The arcsine kernel of erf at full correlation and unit variance is (2 / pi) * asin(2 / 3); E sin^2 is known."""
    one = torch.ones(1, dtype=torch.float64)
    assert float(error_function(one, one, one)[0]) == pytest.approx(2 / math.pi * math.asin(2 / 3), abs=1e-15)
    assert float(sine(one, one, one)[0]) == pytest.approx((1 - math.exp(-2)) / 2, abs=1e-15)


def doubled(entry, monkeypatch):
    """The largest change of either kernel when every panel has twice the nodes, relative to the second moments."""
    before = both(ClosedForm(entry.name))
    monkeypatch.setattr(gauss, "_ORDER", 2 * gauss._ORDER)
    after = both(ClosedForm(entry.name))
    monkeypatch.undo()
    return max(float(((a - b).abs() / (1 + b.abs())).max()) for a, b in zip(before, after, strict=True))


SMOOTH = [entry for entry in BENDS if entry.code not in DUALS]


def settled(entry, monkeypatch):
    bend = ClosedForm(entry.name)
    if bend.outline.smooth < 0:
        pytest.skip("it jumps: the quadrature of its kernels is cut there, and tested in the contract")
    change = doubled(entry, monkeypatch)
    assert not change > 1e-6, f"{change:.3g}"


@pytest.mark.parametrize("entry", SMOOTH[::12], ids=lambda entry: entry.name)
def test_quadrature_is_settled(entry, monkeypatch):
    settled(entry, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("entry", SMOOTH, ids=lambda entry: entry.name)
def test_quadrature_is_settled_for_every_entry(entry, monkeypatch):
    settled(entry, monkeypatch)
