"""Equality up to rounding, with one table of tolerances."""

from typing import Any

import torch

from unbend.testing._subject import leaves

# Relative to the largest magnitude of what is expected. A test may ask for less; if it needs more, it says why and by
# what factor, `times`.
TOLERANCE: dict[torch.dtype, float] = {
    torch.float64: 1e-10,
    torch.float32: 2e-5,
    torch.float16: 1e-2,
    torch.bfloat16: 2e-2,
}


def close(got: Any, expected: Any, dtype: torch.dtype, what: str = "the output", times: float = 1.0) -> None:
    """Assert that two outputs have the same shapes and the same values up to `times` the tolerance of `dtype`."""
    tolerance = times * TOLERANCE[dtype]
    pairs = list(zip(leaves(got), leaves(expected), strict=True))
    assert pairs, f"{what} holds no tensor"
    for a, b in pairs:
        assert a.shape == b.shape, f"{what} has shape {tuple(a.shape)}, expected {tuple(b.shape)}"
        assert bool((a.isnan() == b.isnan()).all()), f"{what} is nan where it must not be, or not where it must"
        a, b = (t.detach().double().nan_to_num(0.0) for t in (a, b))
        scale = float(b.abs().max()) if b.numel() else 0.0
        error = float((a - b).abs().max()) if b.numel() else 0.0
        assert error <= tolerance * scale + 1e-30, (
            f"{what} is off by {error:.3g} at a scale of {scale:.3g} (tolerance {tolerance:g} of the scale)"
        )
