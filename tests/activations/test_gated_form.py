"""Gated closed forms by name."""

import pickle

import pytest
import torch
from torch.nn import functional as F

import unbend
from unbend.activations import GatedForm, catalogue

GATED = [entry for entry in catalogue().values() if entry.kind == "gated"]
ids = pytest.mark.parametrize("entry", GATED, ids=lambda entry: entry.name)


def test_every_gated_entry_is_a_module_of_that_name():
    assert len(GATED) == 11
    assert all(isinstance(unbend.bend(entry.name), GatedForm) for entry in GATED)


@ids
def test_values_are_those_of_the_source(entry):
    x = torch.tensor([-2.0, -0.5, 1.0], dtype=torch.float64)
    y = unbend.bend(entry.name)(torch.cat([x, x]))[:3]
    torch.testing.assert_close(y, torch.tensor(entry.values, dtype=torch.float64), rtol=1e-5, atol=1e-6)


BY_HAND = {
    "glu": lambda u, v: F.glu(torch.cat([u, v], 1), 1),
    "gtu": lambda u, v: u.tanh() * v.sigmoid(),
    "bilinear": lambda u, v: u * v,
    "reglu": lambda u, v: u * F.relu(v),
    "geglu": lambda u, v: u * F.gelu(v),
    "swiglu": lambda u, v: u * F.silu(v),
    "seglu": lambda u, v: u * F.selu(v),
    "wig": lambda u, v: u * v.sigmoid(),
    "dual_relu": lambda u, v: F.relu(u) - F.relu(v),
    "dual_elu": lambda u, v: F.elu(u) - F.elu(v),
    "oplu": lambda u, v: torch.cat([torch.maximum(u, v), torch.minimum(u, v)], 1),
}


@ids
def test_halves_along_an_axis_meet_the_functions_of_torch(entry):
    x = torch.randn(2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    u, v = x[:, :3], x[:, 3:]
    torch.testing.assert_close(unbend.bend(entry.name, dim=1)(x), BY_HAND[entry.name](u, v))


@ids
def test_finite_far_out(entry):
    x = torch.tensor([-1e4, 1e4, -90.0, 90.0, 1e4, -1e4, 0.0, -90.0], requires_grad=True)
    y = GatedForm(entry.name)(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert y.isfinite().all()
    assert slope.isfinite().all()


def test_pickles_and_copies():
    form = GatedForm("swiglu", dim=1, b=2.0)
    again = pickle.loads(pickle.dumps(form))
    x = torch.randn(2, 4)
    assert repr(again) == repr(form) == "GatedForm('swiglu', dim=1, b=2.0)"
    torch.testing.assert_close(again(x), form(x))


def test_bad_arguments_are_named():
    with pytest.raises(LookupError, match="did you mean reglu"):
        GatedForm("reglue")
    with pytest.raises(ValueError, match="values: got q; expected parameters of swiglu: b"):
        GatedForm("swiglu", q=1.0)
    with pytest.raises(ValueError, match=r"input: got shape \(3,\); expected an even number"):
        GatedForm()(torch.ones(3))
