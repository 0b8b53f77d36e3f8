"""A key among digits, to be told at the end."""

import numpy as np

from unbend.data._about import about
from unbend.data._dataset import Dataset

_LENGTH, _MARK, _ASK = 48, 10, 11


def passkey() -> Dataset:
    """Which digit followed the mark? Rows of 48 tokens.

    Random digits, tokens 0 to 9, with one mark, token 10, at a random place; the last token, 11, asks for the digit
    right after the mark. 8,000 rows for training, 1,000 for the test.
    """
    import torch

    random = np.random.default_rng(84)
    x = random.integers(10, size=(9000, _LENGTH))
    rows, at = np.arange(9000), random.integers(_LENGTH - 2, size=9000)
    x[rows, at], x[:, -1] = _MARK, _ASK
    tokens, keys = torch.from_numpy(x), torch.from_numpy(x[rows, at + 1])
    train, test = (tokens[:8000], keys[:8000]), (tokens[8000:], keys[8000:])
    return Dataset("passkey", "classification", train, test, classes=10, about=about("passkey"))
