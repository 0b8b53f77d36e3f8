"""The sine is that of the formula, and continues in the test."""

import math

import torch

from unbend.data import load


def test_contents_are_the_same_on_every_machine() -> None:
    assert load("sine").hash.startswith("e7f3851e")


def test_values_and_split() -> None:
    data = load("sine")
    (seen, _), (x, y) = data.train, data.test
    assert (len(seen), len(x)) == (600, 600)
    assert float(seen.min()) > -5
    assert float(seen.max()) < 5 < float(x.min())
    assert float(x.max()) < 15
    torch.testing.assert_close(y[:, 0], torch.tensor([math.sin(t) for t in x[:, 0].tolist()]), atol=2e-6, rtol=0)
