"""A function of one number that swings slowly and fast."""

from unbend.data._about import about
from unbend.data._dataset import Dataset


def two_waves() -> Dataset:
    """A slow and a fast wave of one number.

    y = sin(2 pi x) + cos(7 pi x), at the 1,024 midpoints of equal parts of [0, 1], of which every fourth is the test
    set.
    """
    import torch

    x = (torch.arange(1024, dtype=torch.float64)[:, None] + 0.5) / 1024
    # Rounded, so that the last bit of a machine's sine does not change the data.
    y = (torch.sin(2 * torch.pi * x) + torch.cos(7 * torch.pi * x)).round(decimals=6)
    held = torch.arange(1024) % 4 == 2
    train, test = ((x[chosen].float(), y[chosen].float()) for chosen in (~held, held))
    return Dataset("two-waves", "regression", train, test, about=about("two-waves"))
