"""Functions to be fitted: a step, a wave, and a surface."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unbend.data._about import about
from unbend.data._dataset import Dataset

_ROWS = 1200

Numbers = NDArray[np.float64]


def heaviside() -> Dataset:
    """The step from 0 to 1 at 0, on 1,200 evenly spread points of [-1, 1], every fourth of which is the test set."""
    return _curve("heaviside", 1, lambda x: (x > 0).astype(np.float64))


def wave() -> Dataset:
    """Two tones, sin(2 pi x) + sin(5 pi x) / 2, on 1,200 evenly spread points of [-1, 1].

    Every fourth point is in the test set; values to six decimals.
    """
    return _curve("wave", 1, lambda x: np.sin(2 * np.pi * x) + np.sin(5 * np.pi * x) / 2)


def exp_sine() -> Dataset:
    """The surface exp(sin(pi x1) + x2^2), on 1,200 evenly spread points of [-1, 1]^2.

    Every fourth point is in the test set; values to six decimals.
    """
    return _curve("exp-sine", 2, lambda x: np.exp(np.sin(np.pi * x[:, :1]) + x[:, 1:] ** 2))


def _curve(name: str, inputs: int, function: Callable[[Numbers], Numbers]) -> Dataset:
    import torch

    # Multiples of powers of the golden or the plastic number, modulo one: evenly spread, without a random generator.
    base = {1: 1.618033988749895, 2: 1.324717957244746}[inputs]
    x = np.round(2 * (np.arange(1, _ROWS + 1)[:, None] * base ** -np.arange(1.0, inputs + 1) % 1) - 1, 6)
    points, values = (torch.from_numpy(part.astype(np.float32)) for part in (x, np.round(function(x), 6)))
    held = torch.arange(_ROWS) % 4 == 3
    train, test = (points[~held], values[~held]), (points[held], values[held])
    return Dataset(name, "regression", train, test, about=about(name))
