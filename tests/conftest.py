"""For every test: memory that nobody has written is nan, and Hypothesis repeats itself."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from unbend.testing import poisoned

settings.register_profile("unbend", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("unbend")


@pytest.fixture(autouse=True)
def fresh_memory_is_nan() -> Iterator[None]:
    """`torch.empty` and its kin return nan."""
    with poisoned():
        yield
