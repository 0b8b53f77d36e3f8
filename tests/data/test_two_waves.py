"""The waves are those of the formula, and on record."""

import math

import torch

from unbend.data import load


def test_contents_are_the_same_on_every_machine() -> None:
    assert load("two-waves").hash.startswith("96fde0fa")


def test_values_and_split() -> None:
    data = load("two-waves")
    x, y = data.test
    assert (len(data.train[0]), len(x)) == (768, 256)
    expected = [math.sin(2 * math.pi * t) + math.cos(7 * math.pi * t) for t in x[:, 0].tolist()]
    torch.testing.assert_close(y[:, 0], torch.tensor(expected), atol=1e-5, rtol=0)
    assert not set(x[:, 0].tolist()) & set(data.train[0][:, 0].tolist())
