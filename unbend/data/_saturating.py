"""A function that rises in both of its inputs, and levels out at both ends."""

import numpy as np

from unbend.data._about import about
from unbend.data._dataset import Dataset


def saturating() -> Dataset:
    """Two steps, one after the other, of a function that rises in both inputs and is neither convex nor concave.

    y = tanh(8 x1) + tanh(8 x2 - 3) / 2, on 1,200 evenly spread points of [-1, 1]^2, of which every fourth is the test
    set; to four decimals.
    """
    import torch

    # Multiples of the plastic number's powers, modulo one, spread evenly, and need no random generator.
    steps = np.array([0.7548776662466927, 0.5698402909980532])
    x = np.round(2 * (np.arange(1, 1201)[:, None] * steps % 1) - 1, 6)
    y = np.round(np.tanh(8 * x[:, :1]) + np.tanh(8 * x[:, 1:] - 3) / 2, 4)
    inputs, targets = (torch.from_numpy(values.astype(np.float32)) for values in (x, y))
    held = torch.arange(len(x)) % 4 == 3
    train, test = (inputs[~held], targets[~held]), (inputs[held], targets[held])
    return Dataset("saturating", "regression", train, test, about=about("saturating"))
