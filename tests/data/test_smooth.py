"""The functions are what their descriptions say, on points spread evenly."""

import pytest
import torch

from unbend.data import load


@pytest.mark.parametrize("name", ["product", "nested-sines"])
def test_points_spread_evenly_over_the_cube(name: str) -> None:
    data = load(name)
    assert (len(data.train[0]), len(data.test[0])) == (900, 300)
    for x, _ in (data.train, data.test):
        assert float(x.abs().max()) <= 1
        assert float(x.mean(0).abs().max()) < 0.02
        assert torch.allclose(x.square().mean(0), torch.full((x.shape[1],), 1 / 3), atol=0.02)


def test_values() -> None:
    x, y = load("product").test
    assert torch.allclose(y[:, 0], x[:, 0] * x[:, 1], atol=1e-6)
    x, y = load("nested-sines").test
    left, right = (torch.sin(torch.pi * x[:, at : at + 2].square().sum(1)) for at in (0, 2))
    assert torch.allclose(y[:, 0], torch.exp((left + right) / 2), atol=3e-6)


def test_values_of_positive_numbers() -> None:
    x, y = load("positive-product").train
    assert (0.1 <= float(x.min()) < 0.2, 10 < float(x.max()) <= 10.1) == (True, True)
    assert torch.allclose(y[:, 0], x.prod(1) / 10, atol=2e-5)
    x, y = load("positive-ratio").train
    assert torch.allclose(y[:, 0], x[:, 0] / x[:, 1], rtol=1e-4)
    x, y = load("positive-xor").train
    assert torch.equal(y[:, 0] == 1, (x[:, 0] > 0.55) != (x[:, 1] > 0.55))
    assert 0.45 < float(y.mean()) < 0.55
