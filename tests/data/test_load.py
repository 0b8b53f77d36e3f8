"""Data sets by name."""

import subprocess
import sys

import pytest

from unbend._errors import MissingDataError, MissingExtraError, UnknownNameError
from unbend.data import load, names


def test_every_name_loads_under_its_name() -> None:
    for name in names():
        try:
            data = load(name)
        except (MissingDataError, MissingExtraError):
            continue
        assert data.name == name
        assert data.about


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown data set 'digit'; did you mean digits"):
        load("digit")


def test_listing_names_imports_no_torch() -> None:
    code = "import sys; from unbend.data import names; assert 'digits' in names(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
