"""Functions that are sums and compositions of few functions of one number."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unbend.data._about import about
from unbend.data._dataset import Dataset

_ROWS = 1200

Numbers = NDArray[np.float64]


def product() -> Dataset:
    """The product x1 * x2, on 1,200 evenly spread points of [-1, 1]^2.

    Every fourth point is in the test set; values to six decimals.
    """
    return _surface("product", 2, lambda x: x.prod(1, keepdims=True))


def nested_sines() -> Dataset:
    """exp((sin(pi (x1^2 + x2^2)) + sin(pi (x3^2 + x4^2))) / 2), on 1,200 evenly spread points of [-1, 1]^4.

    Every fourth point is in the test set; values to six decimals.
    """
    waves = np.repeat(np.eye(2), 2, axis=0)
    return _surface("nested-sines", 4, lambda x: np.exp(np.sin(np.pi * (x**2 @ waves)).mean(1, keepdims=True)))


def positive_product() -> Dataset:
    """The product x1 * x2 / 10, on 1,200 evenly spread points of [0.1, 10.1]^2.

    Every fourth point is in the test set; values to six decimals.
    """
    return _surface("positive-product", 2, lambda x: x.prod(1, keepdims=True) / 10, 0.1, 10.1)


def positive_ratio() -> Dataset:
    """The ratio x1 / x2, on 1,200 evenly spread points of [0.1, 10.1]^2.

    Every fourth point is in the test set; values to six decimals.
    """
    return _surface("positive-ratio", 2, lambda x: x[:, :1] / x[:, 1:], 0.1, 10.1)


def positive_xor() -> Dataset:
    """1 where just one of two numbers is above 0.55, else 0.

    On 1,200 evenly spread points of [0.1, 1]^2. Every fourth point is in the test set.
    """
    return _surface("positive-xor", 2, lambda x: ((x > 0.55).sum(1, keepdims=True) == 1) * 1.0, 0.1, 1.0)


def _surface(
    name: str, inputs: int, function: Callable[[Numbers], Numbers], low: float = -1.0, high: float = 1.0
) -> Dataset:
    import torch

    # The root of b^(inputs + 1) = b + 1: multiples of its powers, modulo one, spread evenly without a generator.
    base = {2: 1.324717957244746, 4: 1.1673039782614187}[inputs]
    spread = np.arange(1, _ROWS + 1)[:, None] * base ** -np.arange(1.0, inputs + 1) % 1
    x = np.round(low + (high - low) * spread, 6)
    points, values = (torch.from_numpy(part.astype(np.float32)) for part in (x, np.round(function(x), 6)))
    held = torch.arange(_ROWS) % 4 == 3
    train, test = (points[~held], values[~held]), (points[held], values[held])
    return Dataset(name, "regression", train, test, about=about(name))
