"""The Mittag-Leffler function against pymittagleffler: the same numbers, with parameters of their own per channel."""

from importlib.util import find_spec

import numpy as np
import torch
from _measure import Call, main
from torch import Tensor

from unbend.special import mittag_leffler

CHANNELS = 64
ITEMS = [
    *(f"{size} {case}" for size in ("1e5",) for case in ("alpha<1 z<0", "alpha<1 z<3", "alpha<2 z<0", "alpha<2 any")),
    "1e6 alpha<2 any",
]


def problem(item: str) -> tuple[Tensor, Tensor, Tensor]:
    """z (n, channels) and the parameters of each channel."""
    size, alphas, values = item.split()
    random = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    low, high = (0.3, 1.0) if alphas == "alpha<1" else (0.5, 2.0)
    z = torch.randn(int(float(size)) // CHANNELS, CHANNELS, generator=random, dtype=torch.float64)
    z = -3 * z.abs() if values == "z<0" else (3 * z).clamp(max=3)
    return z, low + (high - low) * uniform(CHANNELS), 0.5 + uniform(CHANNELS)


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where they differ by more than 1e-9 of the local scale."""
    from pymittagleffler import mittag_leffler as other

    mittag_leffler(0.0, 1.0)  # compiles, so that its memory is not counted
    z, alpha, beta = problem(item)
    columns = [np.ascontiguousarray(column) for column in z.numpy().T]
    parameters = list(zip(alpha.tolist(), beta.tolist()))

    def ours() -> Tensor:
        return mittag_leffler(z, alpha, beta)

    def theirs() -> list[object]:
        return [other(column, a, b) for column, (a, b) in zip(columns, parameters)]

    if check:
        expected = torch.from_numpy(np.stack([np.asarray(row) for row in theirs()], 1).real.copy())
        found = expected.isfinite()  # it gives nan at some points near zero
        error = (ours() - expected).abs() / (expected.abs() + 1 / (1 + z.abs()))
        if float(error[found].max()) > 1e-9 or float(found.double().mean()) < 0.99:
            raise SystemExit(f"{item}: we differ by {float(error[found].max())}; nothing is timed")
    return ours, theirs


if __name__ == "__main__":
    main("mittag-leffler", {"pymittagleffler": find_spec("pymittagleffler") is not None}, ITEMS, sides)
