"""Find the shared real data beside the checkout, or skip."""

import os
from pathlib import Path

import pytest


def shared(name: str) -> Path:
    """Path of shared data file `name`; skips the test where it is absent."""
    roots = [os.environ.get("UNBEND_SHARED"), Path(__file__).resolve().parents[2] / "shared" / "data"]
    for root in filter(None, roots):
        path = Path(root) / name
        if path.exists():
            return path
    pytest.skip(f"shared data {name} is not here")
