"""A sine, to be continued beyond what was seen."""

from unbend.data._about import about
from unbend.data._dataset import Dataset


def sine() -> Dataset:
    """A sine of one number, and its continuation.

    y = sin(x), at the 600 midpoints of equal parts of [-5, 5] for training, and the 600 of [5, 15] for the test; to six
    decimals.
    """
    import torch

    x = (torch.arange(1200, dtype=torch.float64)[:, None] + 0.5) / 60 - 5
    y = torch.sin(x).round(decimals=6)
    train, test = ((x[part].float(), y[part].float()) for part in (slice(600), slice(600, None)))
    return Dataset("sine", "regression", train, test, about=about("sine"))
