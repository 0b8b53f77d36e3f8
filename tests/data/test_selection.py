"""Selective copying and induction heads: the answer can be read off the sequence, and is nowhere else."""

import pytest
import torch

from unbend.data import InductionHeads, SelectiveCopying, load


def test_copied_tokens_are_those_of_the_sequence_in_order() -> None:
    data = load("selective-copying")
    assert len(data.train[0]) == 4096
    assert data.shape == (36,)
    for x, y in (data.train, data.test):
        assert torch.equal(x[:, :32][x[:, :32] > 1].view(-1, 4), y[:, 32:])
        assert bool((x[:, 32:] == 1).all())
        assert bool((y[:, :32] == 0).all())


def test_the_token_after_the_special_one_is_asked_for() -> None:
    data = load("induction-heads")
    for x, y in (data.train, data.test):
        assert bool(((x == 1).sum(1) == 2).all())
        first = (x == 1).int().argmax(1, keepdim=True)
        assert torch.equal(x.gather(1, first + 1)[:, 0], y[:, -1])
        assert bool((y[:, :-1] == 0).all())
        assert int(y[:, -1].min()) > 1


def test_other_sizes_have_names_of_their_own_and_wrong_ones_are_refused() -> None:
    assert InductionHeads(length=128, rows=8).load().name == "induction-heads-128"
    assert SelectiveCopying(tokens=3, length=9, rows=8).load().shape == (12,)
    with pytest.raises(ValueError, match="length: got 2"):
        SelectiveCopying(length=2)
    with pytest.raises(ValueError, match="length: got 3"):
        InductionHeads(length=3)
