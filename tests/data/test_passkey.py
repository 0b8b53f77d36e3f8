"""Keys among digits."""

import torch

from unbend.data import passkey


def test_the_key_is_what_follows_the_mark() -> None:
    data = passkey()
    assert data.shape == (48,)
    for x, y in (data.train, data.test):
        assert bool(((x == 10).sum(1) == 1).all())
        assert bool((x[:, -1] == 11).all())
        at = (x == 10).int().argmax(1)
        assert torch.equal(x[torch.arange(len(x)), at + 1], y)
        assert at.min() == 0
        assert at.max() == 45
        assert y.bincount().min() > len(y) / 15
