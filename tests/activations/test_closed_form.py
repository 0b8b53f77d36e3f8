"""The catalogue: every closed form against its printed values, its certain bounds, and the far ends of the floats."""

import zlib

import pytest
import torch

from unbend.activations._catalogue_base import catalogue
from unbend.activations._closed_form import ClosedForm
from unbend.activations._code_base import torch_function

BENDS = [entry for entry in catalogue().values() if entry.kind == "bend"]
ids = pytest.mark.parametrize("entry", BENDS, ids=lambda entry: entry.name)


def value(entry, x, code=None):
    return torch_function(code or entry.code, tuple(entry.parameters))(x, *entry.parameters.values())


def test_every_entry_of_the_catalogue_is_read():
    assert len(catalogue()) == 476
    assert {entry.kind for entry in catalogue().values()} == {"bend", "gated", "vector"}


@ids
def test_values_are_those_of_the_source(entry):
    x = torch.tensor([-2.0, -0.5, 1.0], dtype=torch.float64)
    printed = torch.tensor(entry.values, dtype=torch.float64)
    printed = torch.where(printed.isfinite(), printed, value(entry, x))  # two are printed outside their domain
    torch.testing.assert_close(value(entry, x), printed, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("entry", [e for e in BENDS if e.stable], ids=lambda entry: entry.name)
def test_stable_form_is_the_printed_one(entry):
    if "elu(" in entry.formula or "mexhat" in entry.formula or "spocu" in entry.formula or "hs(" in entry.formula:
        pytest.skip("the printed form calls a function that the catalogue spells out")
    x = torch.linspace(-8, 8, 161, dtype=torch.float64) + 0.013
    plain, stable = value(entry, x, entry.formula), value(entry, x)
    torch.testing.assert_close(stable[plain.isfinite()], plain[plain.isfinite()], rtol=1e-8, atol=1e-9)


@ids
def test_finite_value_and_gradient_far_out(entry):
    bend = ClosedForm(entry.name)
    x = torch.tensor([-1e4, -90.0, -20.0, -1e-30, 1e-30, 20.0, 90.0, 1e4], requires_grad=True)
    y = bend(x)
    exact = torch.as_tensor(value(entry, x.detach().double())).expand_as(x)
    fits = exact.abs() < 1e30
    assert y[fits].isfinite().all(), f"{entry.name} at {x[fits][~y[fits].isfinite()].tolist()}"
    (slope,) = torch.autograd.grad(y[fits].sum(), x)
    assert slope[fits].isfinite().all(), f"slope of {entry.name} at {x[fits][~slope[fits].isfinite()].tolist()}"


@ids
def test_bounds_enclose_dense_values(entry):
    bend = ClosedForm(entry.name)
    generator = torch.Generator().manual_seed(zlib.crc32(entry.name.encode()))
    ends = (torch.randn(200, 2, generator=generator, dtype=torch.float64) * 4).sort(1).values
    low, high = ends.unbind(1)
    x = low + (high - low) * torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    y = bend(x).detach()
    least, most = bend.bounds(low, high)
    assert (y >= least).all()
    assert (y <= most).all()
    lower, upper = bend.relax(low, high)
    assert (y >= lower(x)).all()
    assert (y <= upper(x)).all()
