"""Energies of clusters against sums by hand, and the shape of what is generated."""

import numpy as np
import pytest

from unbend.data import load
from unbend.data._clusters import energy


def test_contents_are_the_same_on_every_machine() -> None:
    data = load("clusters")
    assert data.hash.startswith("0b8e16f5")
    assert (len(data.train[0]), len(data.test[0]), data.shape) == (600, 300, (13, 3))
    assert abs(float(data.train[1].mean())) < 1e-3
    assert abs(float(data.train[1].std(correction=0)) - 1) < 1e-3


def test_a_pair_at_its_best_distance_has_the_depth_of_the_well() -> None:
    assert energy(np.array([[[0, 0, 0], [2 ** (1 / 6), 0, 0]]])) == pytest.approx([-1.0])


def test_an_even_triangle() -> None:
    # At side 1 the pairs add nothing; every angle has a cosine of 1/2.
    corners = np.array([[[0, 0, 0], [1, 0, 0], [0.5, 3**0.5 / 2, 0]]])
    assert energy(corners) == pytest.approx([2 * (1 + 3 / 8)])


def test_turning_moving_and_renaming_change_nothing() -> None:
    random = np.random.default_rng(0)
    places = 1.3 * random.standard_normal((4, 6, 3))
    turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
    assert energy(places[:, random.permutation(6)] @ turn + 3) == pytest.approx(energy(places))
