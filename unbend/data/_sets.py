"""Sets of numbers whose order means nothing."""

import numpy as np

from unbend.data._about import about
from unbend.data._dataset import Dataset

_SPREADS = (0.4, 0.6, 0.9, 1.35)


def set_spread() -> Dataset:
    """How widely the 16 numbers of a set are spread, in four steps.

    Each set is drawn from a normal distribution whose mean is itself normal and whose standard deviation is 0.4, 0.6,
    0.9 or 1.35, the class; to four decimals. A set is 16 tokens of one number, in random order. 4,000 sets for
    training, 2,000 for the test.
    """
    import torch

    random = np.random.default_rng(98)
    y = random.integers(len(_SPREADS), size=6000)
    x = random.standard_normal((6000, 1)) + np.array(_SPREADS)[y, None] * random.standard_normal((6000, 16))
    sets, classes = torch.from_numpy(np.round(x, 4).astype(np.float32)[..., None]), torch.from_numpy(y)
    train, test = (sets[:4000], classes[:4000]), (sets[4000:], classes[4000:])
    return Dataset("set-spread", "classification", train, test, classes=len(_SPREADS), about=about("set-spread"))
