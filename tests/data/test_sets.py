"""Sets and their spread."""

import torch

from unbend.data import set_spread


def test_classes_are_the_spreads() -> None:
    data = set_spread()
    assert data.shape == (16, 1)
    x, y = data.train
    spread = torch.stack([x[y == c, :, 0].std(1).mean() for c in range(4)])
    torch.testing.assert_close(spread, torch.tensor([0.4, 0.6, 0.9, 1.35]), rtol=0.05, atol=0)


def test_the_best_that_can_be_told() -> None:
    # The likeliest class by the variance of the set, which says all there is to say: near 79 in a hundred.
    x, y = set_spread().test
    variance = x[..., 0].double().var(1)
    s = torch.tensor([0.4, 0.6, 0.9, 1.35], dtype=torch.float64)
    likelihood = -15 * s.log() - 7.5 * variance[:, None] / s**2
    found = float((likelihood.argmax(1) == y).double().mean())
    assert 0.77 < found < 0.81


def test_the_order_means_nothing() -> None:
    x, _ = set_spread().train
    assert float((x[:, 0] - x[:, 1]).mean().abs()) < 0.05
    assert set_spread().hash == set_spread().hash
