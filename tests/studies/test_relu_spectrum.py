"""The movement of the weights is measured from where they began."""

import pytest
import torch
from torch import nn

from unbend.data import load
from unbend.studies.relu_spectrum import listener, main, movement


def test_movement_is_the_share_of_the_first_weights() -> None:
    data = load("tone-pitch")
    model = listener(main.arm("relu"), data, 4)
    assert movement(model, data)["moved"] == 0
    with torch.no_grad():
        for p in model.parameters():
            p *= 1.25
    assert movement(model, data)["moved"] == pytest.approx(0.25, rel=1e-5)


def test_nothing_constant_reaches_the_second_layer_without_the_constant() -> None:
    data = load("tone-strength")
    model = listener(main.arm("relu without constant"), data, 4)
    body = model.get_submodule("body")
    assert isinstance(body, nn.Sequential)
    assert float(body[1](body[0](data.test[0][:5])).mean(-1).abs().max().detach()) < 1e-6
