"""For every test: memory that nobody has written is nan, and Hypothesis repeats itself."""

from collections.abc import Iterator
from pathlib import Path

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that are known to fail are named in a file, with the reason, until somebody mends what they found."""
    lines = (Path(__file__).parent / "known_failures.txt").read_text().splitlines()
    known = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    for item in items:
        for start, reason in known.items():
            if item.nodeid.startswith(start):
                item.add_marker(pytest.mark.xfail(reason=reason, run=False))
