"""The lambda studies are declared so that they can run: arms build, match, and answer the claims' metrics."""

import pytest
import torch

from unbend.data import load
from unbend.models import small_bottleneck
from unbend.studies import find
from unbend.study import count_operations
from unbend.study._match import TOLERANCE, match_width


@pytest.mark.parametrize("name", ["lambda", "lambda-sweep"])
def test_every_arm_matches_the_parameters_of_the_reference(name: str) -> None:
    study = find(name)
    data = load(study.data[0])
    for arm in study.arms:
        found = match_width(small_bottleneck, study.arm(arm), study.arm(study.reference), data, 48, "params")
        assert abs(found.ratio - 1) <= TOLERANCE, arm


def test_the_arms_of_mnist_are_those_of_the_main_study() -> None:
    main, mnist = find("lambda"), find("lambda-mnist")
    assert mnist.arms == main.arms
    assert mnist.claims == main.claims


@pytest.mark.parametrize("side", [16, 24, 32])
def test_every_operator_of_the_cost_study_has_a_price(side: int) -> None:
    study = find("lambda-cost")
    for name in study.arms:
        layer, image = study.arm(name)(32, (side, side)), torch.zeros(1, 32, side, side)
        assert count_operations(layer, image).uncounted == (), name
