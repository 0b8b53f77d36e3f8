"""Digits behind three kinds of bad weather, to be seen clearly again."""

import numpy as np
from numpy.typing import NDArray

from unbend.data._about import about
from unbend.data._dataset import Dataset
from unbend.data._digits import digits


def weathered_digits() -> Dataset:
    """8 x 8 digits seen through snow, rain or fog, and the same digits as they are.

    The 1,797 digits of scikit-learn (UCI Optical Recognition of Handwritten Digits, test part; CC BY 4.0), each three
    times: with normal noise of 0.3; with slanting streaks, every fourth pixel of a row brighter by 0.6, from a random
    place; and with a share of 0.5 to 0.8 of it drowned in one grey. Grey values / 16, to four decimals. The last 600
    digits, each three times, are the test set; 64 targets.
    """
    import torch

    flat = digits()
    x = torch.cat((flat.train[0], flat.test[0])).numpy()[:, 0]
    clear = np.round(x * np.float32(0.375) + np.float32(0.306), 4).astype(np.float64)
    random = np.random.RandomState(0)  # its stream is frozen
    split = len(flat.train[0])
    (inputs, targets), (test_inputs, test_targets) = (_weather(part, random) for part in (clear[:split], clear[split:]))
    return Dataset(
        "weathered-digits",
        "regression",
        (torch.from_numpy(inputs), torch.from_numpy(targets)),
        (torch.from_numpy(test_inputs), torch.from_numpy(test_targets)),
        about=about("weathered-digits"),
    )


def _weather(
    clear: NDArray[np.float64], random: np.random.RandomState
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Snow, then rain, then fog over all images, and the images themselves as often."""
    n = len(clear)
    snow = clear + 0.3 * random.standard_normal(clear.shape)
    row, column = np.mgrid[:8, :8]
    start = random.randint(0, 4, (n, 1, 1))
    rain = clear + 0.6 * ((row + column + start) % 4 == 0)
    share, grey = random.uniform(0.5, 0.8, (n, 1, 1)), random.uniform(0.4, 0.9, (n, 1, 1))
    fog = (1 - share) * clear + share * grey
    inputs = np.round(np.concatenate((snow, rain, fog)), 4)[:, None]
    return inputs.astype(np.float32), np.tile(clear.reshape(n, -1), (3, 1)).astype(np.float32)
