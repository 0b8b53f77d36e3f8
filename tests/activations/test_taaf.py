"""A bend between two trained lines."""

import pickle

import pytest
import torch

from unbend.activations import ClosedForm, Taaf, coincide
from unbend.activations._outline_base import IDENTITY, ZERO, Outline
from unbend.activations._taaf import between

X = torch.linspace(-5, 5, 101, dtype=torch.float64)


def test_it_is_the_base_between_two_lines():
    taaf = Taaf("mish", 1.5, -0.5, 0.2, -1.0).double()
    torch.testing.assert_close(taaf(X), 1.5 * ClosedForm("mish")(-0.5 * X + 0.2) - 1)
    torch.testing.assert_close(Taaf("celu").double()(X), ClosedForm("celu")(X))


def test_parameters_of_the_base_are_trained_as_in_the_original():
    lines = ["alpha", "beta", "gamma", "delta"]
    assert [name for name, _ in Taaf("pelu", a=2.0).named_parameters()] == [*lines, "base_a", "base_b"]
    assert [name for name, _ in Taaf("elu").named_parameters()] == lines
    assert not list(Taaf("pelu", learned=False).parameters())


def test_the_form_of_the_catalogue_is_the_default():
    torch.testing.assert_close(Taaf().double()(X), ClosedForm("taaf", dtype=torch.float64)(X))


def test_the_line_of_a_coincidence_makes_one_of_the_other():
    a, b, c, d = coincide("sigmoid", "tanh").line
    torch.testing.assert_close(Taaf("tanh", a, b, c, d).double()(X), X.sigmoid())


def test_mirrored_outline():
    ramp = Outline(breaks=(0.0,), left=ZERO, right=IDENTITY, smooth=0)
    found = between(ramp, -2.0, -4.0, 1.0, 3.0, 1.0)
    assert found.breaks == (0.25,)
    assert (found.left.slope, found.left.offset) == (8.0, 1.0)
    assert (found.right.slope, found.right.offset) == (0.0, 3.0)


@pytest.mark.parametrize("factors", [(0.0, 1.0), (1.0, 0.0)])
def test_a_factor_of_zero_leaves_a_constant(factors):
    taaf = Taaf("sine", *factors, gamma=0.5, delta=2.0, learned=False)
    level = 2 + factors[0] * ClosedForm("sine")(torch.tensor(0.5, dtype=torch.float64))
    assert taaf.facts.value == pytest.approx((float(level), float(level)))
    low, high = taaf.bounds(-1.0, 1.0)
    assert float(low) <= level <= float(high)


def test_it_pickles():
    taaf = Taaf("elu", beta=0.5, channels=3)
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(pickle.loads(pickle.dumps(taaf))(x), taaf(x))


def test_bad_arguments_are_named():
    with pytest.raises(LookupError, match="unknown closed form 'gelo'; did you mean gelu"):
        Taaf("gelo")
    with pytest.raises(ValueError, match="values: got q; expected parameters of pelu: a, b"):
        Taaf("pelu", q=1.0)
