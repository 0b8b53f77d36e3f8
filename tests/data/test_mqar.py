"""Associative recall: every query has one answer, and it stands before it."""

import numpy as np
import pytest
import torch

from unbend._errors import ArgumentError
from unbend.data import Mqar, load


def test_every_query_is_answered_by_its_pair() -> None:
    data = load("mqar")
    for x, y in (data.train, data.test):
        assert bool(((y > 0).sum(1) == 8).all())
        pairs = torch.zeros(len(x), 128, dtype=torch.int64).scatter_(1, x[:, 0:16:2], x[:, 1:16:2])
        asked = y > 0
        assert torch.equal(pairs.gather(1, x)[asked], y[asked])
        assert bool((x[:, 16:][~asked[:, 16:]] == 0).all())
        assert all(len(set(row.tolist())) == 8 for row in x[:50, 0:16:2])
    assert not asked[:, 1::2].any()


def test_near_places_are_asked_at_more_often_by_the_power() -> None:
    x, y = Mqar(pairs=1, length=42, rows=40_000).load().train
    counts = (y > 0).double().mean(0)[2::2].numpy()
    wanted = np.arange(1.0, 21) ** -0.99
    np.testing.assert_allclose(counts, wanted / wanted.sum(), atol=0.01)
    assert len(x) == 40_000


def test_sequences_of_training_and_test_differ() -> None:
    data = Mqar(pairs=4).load()
    assert data.name == "mqar-4-64"
    seen = {tuple(row) for row in data.train[0].tolist()}
    assert not any(tuple(row) in seen for row in data.test[0].tolist())
    assert data.hash == Mqar(pairs=4).load().hash


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"pairs": 0}, "pairs"), ({"length": 31}, "length: got 31"), ({"vocabulary": 17}, "vocabulary: got 17")],
)
def test_wrong_sizes_are_named(wrong, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        Mqar(**wrong)
