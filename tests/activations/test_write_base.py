"""Code written from a formula: its derivatives are those of autograd for every entry; nothing is computed twice."""

import re

import pytest
import torch

from unbend._errors import UnbendError
from unbend.activations._catalogue_base import catalogue
from unbend.activations._closed_form import ClosedForm
from unbend.activations._code_base import torch_function
from unbend.activations._write_base import written

BENDS = [entry for entry in catalogue().values() if entry.kind == "bend"]
ids = pytest.mark.parametrize("entry", BENDS, ids=lambda entry: entry.name)
NEAR = torch.linspace(-9, 9, 401, dtype=torch.float64) + 0.0013
FAR = torch.tensor([-1e4, -90.0, -20.0, -1e-30, 1e-30, 20.0, 90.0, 1e4], dtype=torch.float64)


@ids
def test_slope_is_that_of_autograd(entry):
    """In float64; torch takes log(2) of `2.0**x` in float32, which is the tolerance of two entries."""
    names = tuple(entry.parameters)
    x = torch.cat([NEAR, FAR]).requires_grad_()
    y = torch_function(entry.code, names)(x, *entry.parameters.values())
    known = y.detach().abs() < 1e30
    (expected,) = torch.autograd.grad(y[known].sum(), x)
    got = torch_function(entry.code, names, "x")(x.detach(), *entry.parameters.values())
    rough = 1e-7 if "2.0**" in entry.code else 1e-9
    torch.testing.assert_close(got[known], expected[known], rtol=rough, atol=rough)


@ids
def test_slope_is_finite_in_float32_where_the_value_is(entry):
    x = FAR.float()
    value, slope = torch_function(entry.code, tuple(entry.parameters), ("y", "x"))(x, *entry.parameters.values())
    known = value.abs() < 1e30
    assert slope[known].isfinite().all(), x[known][~slope[known].isfinite()]


# Powers of what may be negative: their derivative by the exponent has no value there, nor in autograd.
ROOTS = ("puaf", "gra_growth", "modified_weibull")


@pytest.mark.parametrize(
    "entry", [e for e in BENDS if e.parameters and e.name not in ROOTS], ids=lambda entry: entry.name
)
def test_derivatives_by_the_parameters_are_those_of_autograd(entry):
    names = tuple(entry.parameters)
    x = NEAR[::4]
    values = [torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in entry.parameters.values()]
    y = torch_function(entry.code, names)(x, *values) + 0 * sum(values)  # some only compare x with their parameter
    expected = torch.autograd.grad(y.sum(), values, allow_unused=True, materialize_grads=True)
    got = torch_function(entry.code, names, names)(x, *(v.detach() for v in values))
    for name, one, other in zip(names, got, expected, strict=True):
        if name == "a" and entry.name == "frac_relu":
            continue  # its gamma function is of a number
        scale = 1 + float(one.abs().sum())
        assert abs(float(one.sum() - other)) <= 1e-8 * scale, name


def test_nothing_is_computed_twice_and_nothing_in_vain():
    for entry in BENDS:
        lines = re.findall(r"    (_\d+) = (.*)", written(entry.code, tuple(entry.parameters), ("y", "x")))
        texts = [text for _, text in lines]
        assert len(texts) == len(set(texts)), entry.name
        rest = written(entry.code, tuple(entry.parameters), ("y", "x"))
        assert all(len(re.findall(rf"\b{name}\b", rest)) > 1 for name, _ in lines), entry.name


def test_a_slope_where_the_inner_function_stands_still_is_zero():
    slope = torch_function("asin(clip(x,-1,1))", (), "x")(torch.tensor([-3.0, 0.0, 5.0]))
    assert slope.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("lean", [False, True, "slope"])
def test_lean_closed_forms_give_the_gradients_of_the_formula(lean):
    bend = ClosedForm("pelu", channels=3, lean=lean)
    x = torch.randn(2**18 // 3, 3, requires_grad=True)
    wanted, weight = [x, *bend.parameters()], torch.randn_like(x)
    expected = torch.autograd.grad(bend.function(x, *bend.values(2, 1, x.dtype)), wanted, weight)
    for one, other in zip(torch.autograd.grad(bend(x), wanted, weight), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_a_bend_that_keeps_its_slope_says_that_it_is_differentiated_once():
    x = torch.randn(5, requires_grad=True)
    y = ClosedForm("mish", lean="slope")(x)
    with pytest.raises(UnbendError, match="twice with lean=True"):
        torch.autograd.grad(y.sum(), x, create_graph=True)
