"""Where a monotone curve changes its sign."""

import torch

from unbend.activations._outline_base import Curve, Number

_HALVINGS = 100


def root(g: Curve, low: float, high: float) -> Number:
    """Where `g`, monotone on `[low, high]`, changes sign; an end where it does not.

    Args:
        g: a function of a tensor; its value has one entry per channel if its parameters have.
        low: left end.
        high: right end.

    Returns:
        A number, or one per channel in float64.
    """
    a = torch.tensor(low, dtype=torch.float64).expand_as(g(torch.tensor(low, dtype=torch.float64)))
    b, start = torch.full_like(a, high), g(a).sign()
    for _ in range(_HALVINGS):
        middle = a + (b - a) / 2
        before = g(middle).sign() == start
        a, b = torch.where(before, middle, a), torch.where(before, b, middle)
    return b if b.ndim else float(b)
