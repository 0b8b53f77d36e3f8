"""Gradients by hand, limits that coincide, and rows that say nothing."""

import math

import pytest
import torch
from hypothesis import given, strategies as st
from torch.nn import functional as F

from unbend.losses import relu_classifier_loss, silent


def test_gradient_reaches_the_true_class_alone() -> None:
    scores = torch.tensor([[0.5, 2.0, 3.0], [4.0, -1.0, 0.25]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(relu_classifier_loss(scores, torch.tensor([0, 2])), scores)
    expected = torch.tensor([[-2.0, 0.0, 0.0], [0.0, 0.0, -4.0]], dtype=torch.float64) / 2
    torch.testing.assert_close(slope, expected)


def test_a_silent_true_class_gets_no_gradient_and_a_finite_loss() -> None:
    scores = torch.tensor([[-0.5, 2.0]], requires_grad=True)
    loss = relu_classifier_loss(scores, torch.tensor([0]), eps=1e-7)
    (slope,) = torch.autograd.grad(loss, scores)
    assert loss.item() == pytest.approx(7 * math.log(10), rel=1e-6)
    assert not slope.any()


@pytest.mark.parametrize("mode", ["log", "normalised", "square", "softmax"])
def test_gradcheck(mode) -> None:
    torch.manual_seed(0)
    scores = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    y = torch.arange(5)
    assert torch.autograd.gradcheck(lambda o: relu_classifier_loss(o, y, mode, eps=1e-3), scores)


def test_normalised_scores_are_probabilities_where_positive() -> None:
    p = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]], dtype=torch.float64)
    y = torch.tensor([1, 2])
    for scale in (1.0, 7.0):
        loss = relu_classifier_loss(scale * p, y, "normalised", eps=1e-15)
        torch.testing.assert_close(loss, F.nll_loss(p.log(), y), msg="the scale does not count")


@given(st.integers(0, 999))
def test_rectified_scores_predict_the_same_class_unless_silent(seed: int) -> None:
    scores = torch.randn(64, 3, generator=torch.Generator().manual_seed(seed))
    quiet = silent(scores)
    assert torch.equal(scores.relu().argmax(-1)[~quiet], scores.argmax(-1)[~quiet])
    assert not scores.relu().argmax(-1)[quiet].any()


def test_square_by_hand() -> None:
    loss = relu_classifier_loss(torch.tensor([[0.5, -3.0, 2.0]]), torch.tensor([0]), "square")
    assert loss.item() == pytest.approx(0.25 + 4.0)


def test_more_axes_are_more_rows() -> None:
    scores, y = torch.randn(2, 3, 5), torch.randint(5, (2, 3))
    for mode in ("log", "normalised", "square", "softmax"):
        flat = relu_classifier_loss(scores.flatten(0, 1), y.flatten(), mode)
        torch.testing.assert_close(relu_classifier_loss(scores, y, mode), flat)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="target"):
        relu_classifier_loss(torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="mode"):
        relu_classifier_loss(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), "relu")
