"""The functions are what their names say, and on record."""

import pytest
import torch

from unbend.data import load


@pytest.mark.parametrize(
    ("name", "digest"), [("heaviside", "22283160"), ("wave", "603db5cf"), ("exp-sine", "640ad002")]
)
def test_contents_are_the_same_on_every_machine(name: str, digest: str) -> None:
    data = load(name)
    assert data.hash.startswith(digest)
    assert (len(data.train[0]), len(data.test[0])) == (900, 300)


def test_values() -> None:
    x, y = load("exp-sine").train
    torch.testing.assert_close(y[:, 0], (torch.sin(torch.pi * x[:, 0]) + x[:, 1] ** 2).exp(), rtol=1e-5, atol=1e-5)
    x, y = load("wave").test
    torch.testing.assert_close(y, (2 * torch.pi * x).sin() + (5 * torch.pi * x).sin() / 2, rtol=1e-5, atol=1e-5)
    x, y = load("heaviside").test
    assert torch.equal(y, (x > 0).float())
    assert float(x.diff(dim=0).abs().min()) > 1e-4, "the points are spread"
