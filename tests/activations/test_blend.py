"""A weighted sum of bends."""

import pickle

import pytest
import torch
from torch.nn import functional as F

from unbend.activations import Blend, ClosedForm

X = torch.linspace(-5, 5, 101, dtype=torch.float64)


def test_it_is_the_weighted_sum():
    blend = Blend(["prelu", "sine", "softsign"], [0.5, -2.0, 0.25]).double()
    torch.testing.assert_close(blend(X), 0.5 * F.leaky_relu(X, 0.25) - 2 * X.sin() + 0.25 * F.softsign(X))


def test_equal_weights_by_default_as_in_the_form_of_the_catalogue():
    blend = Blend(dtype=torch.float64)
    assert [p.item() for p in blend.parameters()] == pytest.approx([1 / 3] * 3)
    torch.testing.assert_close(blend(X), ClosedForm("abu_blend", dtype=torch.float64)(X))


def test_equal_bases_keep_their_own_parameters():
    blend = Blend(["elu", "elu"], [1.0, 1.0])
    assert {"w1", "w2", "f1_a", "f2_a"} == set(blend.start)
    assert [name for name, _ in blend.named_parameters()] == ["w1", "w2"]


def test_bounds_of_the_sum_are_tighter_than_the_sum_of_bounds():
    blend = Blend(["relu", "identity"], [1.0, -1.0], learned=False)
    low, high = blend.bounds(-1.0, 2.0)
    assert (float(low), float(high)) == pytest.approx((0.0, 1.0))


def test_weights_get_gradients_and_it_pickles():
    blend = pickle.loads(pickle.dumps(Blend(["mish", "tanh"], channels=3)))
    blend(torch.randn(2, 3, 4)).sum().backward()
    assert all(p.grad.shape == (3,) for p in blend.parameters())


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="weights"):
        Blend(["relu", "tanh"], [1.0])
    with pytest.raises(LookupError, match="did you mean relu"):
        Blend(["relo"])
