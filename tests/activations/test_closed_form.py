"""The catalogue: every closed form against its printed values, its certain bounds, and the far ends of the floats."""

import ast
import math
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from unbend._errors import UnbendError
from unbend.activations._catalogue_base import catalogue
from unbend.activations._certain_base import tail_of
from unbend.activations._closed_form import ClosedForm
from unbend.activations._code_base import NAMES, torch_function
from unbend.activations._jet_base import Enclosure, depends
from unbend.activations._solver_base import shape_of

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


def mexhat(t):
    return 2 / (math.sqrt(3) * math.pi**0.25) * (1 - t**2) * torch.exp(-(t**2) / 2)


def spocu_h(t):
    t = torch.as_tensor(t, dtype=torch.float64).clamp(0, 1)
    return t**3 * (t**5 - 2 * t**4 + 2)


# What the source's formulas call and the catalogue spells out.
SPELT_OUT = {
    "elu": torch.nn.functional.elu,
    "hs": lambda x: ((x + 1) / 2).clamp(0, 1),
    "mexhat": mexhat,
    "spocu_h": spocu_h,
}


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize(
    "entry", [e for e in BENDS if e.stable and e.name != "baf_bipolar"], ids=lambda entry: entry.name
)
def test_stable_form_is_the_printed_one_for_other_parameters_too(entry, times, monkeypatch):
    for name, function in SPELT_OUT.items():
        monkeypatch.setitem(NAMES, name, function)
    torch_function.cache_clear()
    x = torch.linspace(-8, 8, 161, dtype=torch.float64) + 0.013
    numbers = [
        v * (1 + 0.07 * times * (i + 1)) + 0.013 * times * (v == 0) for i, v in enumerate(entry.parameters.values())
    ]
    plain, stable = (
        torch_function(form, tuple(entry.parameters))(x, *numbers) for form in (entry.formula, entry.stable)
    )
    torch.testing.assert_close(stable[plain.isfinite()], plain[plain.isfinite()], rtol=1e-8, atol=1e-9)


@ids
def test_every_parameter_has_a_part_in_the_formula(entry):
    tree = ast.parse(entry.code)
    idle = [name for name in entry.parameters if not depends(tree, name)]
    assert not idle


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


def enclosed(entry):
    """Whether bounds and lines on 200 random intervals enclose 101 points of each."""
    bend = ClosedForm(entry.name)
    generator = torch.Generator().manual_seed(zlib.crc32(entry.name.encode()))
    low, high = (torch.randn(200, 2, generator=generator, dtype=torch.float64) * 4).sort(1).values.unbind(1)
    x = low + (high - low) * torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    with torch.no_grad():
        y = bend(x)
        (least, most), (lower, upper) = bend.bounds(low, high), bend.relax(low, high)
    return bool(((y >= least) & (y <= most) & (y >= lower(x)) & (y <= upper(x))).all())


@pytest.mark.parametrize("entry", BENDS[::14], ids=lambda entry: entry.name)
def test_bounds_enclose_dense_values(entry):
    assert enclosed(entry)


@pytest.mark.slow
@ids
def test_bounds_of_every_entry_enclose_dense_values(entry):
    assert enclosed(entry)


@pytest.mark.parametrize("name", ["gcu", "mish", "squareplus"])
def test_bounds_beyond_the_reach_of_the_outline(name):
    bend, x = ClosedForm(name), torch.linspace(-900, 900, 20001, dtype=torch.float64)
    least, most = bend.bounds(-900.0, 900.0)
    assert (bend(x) >= least).all()
    assert (bend(x) <= most).all()


@pytest.mark.parametrize(
    ("formula", "turns", "smooth"),
    [
        ("x*sigmoid(x)", (-1.2784645427610738,), float("inf")),
        ("where(x>=0,x,expm1(x))", (), 1.0),
        ("maximum(x,0.25*x)", (), 0.0),
        ("where(x>0.3,1,0)", (), -1.0),
        ("x**2*(x-1)", (0.0, 2 / 3), float("inf")),
    ],
)
def test_shape_is_found(formula, turns, smooth):
    found = shape_of(formula)
    assert found.smooth == smooth
    for turn in turns:
        assert min(abs(turn - place) for place in found.turns) < 1e-7


@given(centre=st.floats(-30, 30), width=st.floats(0, 3), name=st.sampled_from(["mish", "golu", "elish", "tanhsoft2"]))
def test_enclosure_holds_value_slope_and_curvature(centre, width, name):
    entry = catalogue()[name]
    low, high = centre - width / 2, centre + width / 2
    tree = ast.parse(entry.code, mode="eval").body
    jet = Enclosure(tree, entry.parameters, np.array([[low], [high]])).jet
    x = torch.linspace(low, high, 9, dtype=torch.float64, requires_grad=True)
    y = value(entry, x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    for found, exact in ((jet.value, y), (jet.slope, slope)):
        assert (exact.detach().numpy() >= found[0] - 1e-12).all()
        assert (exact.detach().numpy() <= found[1] + 1e-12).all()


def test_a_formula_that_cancels_falls_back_to_interval_arithmetic():
    with pytest.raises(UnbendError, match="beyond interval arithmetic"):
        shape_of("softplus(x)-softplus(-x)")
    assert enclosed(catalogue()["uaf"])


@pytest.mark.parametrize(
    ("formula", "side", "line"),
    [
        ("x*sigmoid(x)", 1, (1.0, 0.0)),
        ("x*sigmoid(x)", -1, (0.0, 0.0)),
        ("atan(x)/pi+0.5", 1, (0.0, 1.0)),
        ("x**3", -1, (float("inf"), 0.0)),
        ("log1p(abs(x))", 1, (0.0, float("inf"))),
        ("x*cos(x)", 1, None),
    ],
)
def test_tails(formula, side, line):
    found = tail_of(formula, (), side)
    assert (found and (found.slope, found.offset)) == line


def test_parameters_are_learned_as_in_the_original_and_count_per_channel():
    assert not list(ClosedForm("mish").parameters())
    assert [p.shape for p in ClosedForm("pelu", channels=3).parameters()] == [(3,), (3,)]
    assert not list(ClosedForm("pelu", learned=False).parameters())


def test_a_wrong_parameter_is_named():
    with pytest.raises(ValueError, match=r"values: got q; expected parameters of pelu: a, b"):
        ClosedForm("pelu", q=1.0)
