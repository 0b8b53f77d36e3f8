"""The steps rise, level out, and are on record."""

import torch

from unbend.data import load


def test_contents_are_the_same_on_every_machine() -> None:
    assert load("saturating").hash.startswith("8999e806")


def test_it_rises_in_both_inputs_and_levels_out() -> None:
    data = load("saturating")
    x, y = (torch.cat([data.train[i], data.test[i]]) for i in (0, 1))
    assert x.abs().max() <= 1
    assert x.mean(0).abs().max() < 0.01
    torch.testing.assert_close(y[:, 0], torch.tanh(8 * x[:, 0]) + torch.tanh(8 * x[:, 1] - 3) / 2, atol=1e-4, rtol=0)
    below = (x[:, None] <= x[None]).all(-1)
    assert (y.T - y)[below].min() >= -1e-4, "what is larger in both inputs is larger"
    ends = (x.abs() > 0.9).all(1)
    assert len(y[ends].round(decimals=1).unique()) == 4, "a level at each corner"
