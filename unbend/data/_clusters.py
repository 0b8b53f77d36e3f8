"""Small clusters of atoms, and their energies by a pair and a triple potential."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from unbend.data._about import about
from unbend.data._dataset import Dataset

_TRIPLE = 2.0


def clusters() -> Dataset:
    """Energies of clusters of 13 atoms, from their places.

    Icosahedra around a central atom, stretched by 0.95 to 1.25 and shaken by 0.06 in each direction, 900 of them, every
    third for the test. Energy: Lennard-Jones with depth 1 and diameter 1 over all pairs, plus Axilrod and Teller's
    triple energy of strength 2 over all triples; less its mean, over its deviation, of the training part.
    """
    import torch

    places = _places(900)
    energies = energy(places)
    held = np.arange(len(places)) % 3 == 2
    mean, deviation = (float(f"{value:.6g}") for value in (energies[~held].mean(), energies[~held].std()))
    x = torch.from_numpy(places.astype(np.float32))
    y = torch.from_numpy(np.round((energies - mean) / deviation, 4).astype(np.float32)[:, None])
    train, test = (torch.from_numpy(rows) for rows in (~held, held))
    return Dataset("clusters", "regression", (x[train], y[train]), (x[test], y[test]), about=about("clusters"))


def energy(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lennard-Jones and Axilrod-Teller energies of `places`, (clusters, atoms, 3)."""
    atoms = places.shape[1]
    r = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1)
    i, j = np.triu_indices(atoms, 1)
    pairs = r[:, i, j]
    total = (4 * (pairs**-12 - pairs**-6)).sum(1)
    i, j, k = np.array(list(combinations(range(atoms), 3)), np.intp).reshape(-1, 3).T
    a, b, c = r[:, i, j], r[:, j, k], r[:, i, k]
    cosines = (a**2 + c**2 - b**2) * (a**2 + b**2 - c**2) * (b**2 + c**2 - a**2) / (8 * (a * b * c) ** 2)
    return total + (_TRIPLE * (1 + 3 * cosines) / (a * b * c) ** 3).sum(1)


def _places(count: int) -> NDArray[np.float64]:
    golden = (1 + 5**0.5) / 2
    corners = [(0, s, t * golden) for s in (-1, 1) for t in (-1, 1)]
    shell = np.array([turned for x, y, z in corners for turned in ((x, y, z), (y, z, x), (z, x, y))])
    # The centre, and twelve neighbours at distance 1.08, where the energy is least.
    cluster = np.concatenate([np.zeros((1, 3)), shell / np.linalg.norm(shell[0]) * 1.08])
    # The old generator of numpy: its stream is the same for ever.
    random = np.random.RandomState(0)
    stretch = random.uniform(0.95, 1.25, (count, 1, 1))
    return np.round(stretch * cluster + 0.06 * random.standard_normal((count, 13, 3)), 4)
