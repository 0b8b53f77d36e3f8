"""Modules that wait for their first use."""

import subprocess
import sys

import pytest

from unbend._later import Later


def test_a_member_is_fetched_when_it_is_asked_for() -> None:
    assert Later("math").pi == pytest.approx(3.141592653589793)
    assert Later("os", "path").join("a", "b").endswith("b")


def test_an_absent_member_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = Later("math").nothing


def test_the_activations_do_not_wait_for_what_only_bounds_and_kernels_need() -> None:
    slow = {"mpmath", "sympy", "numba", "scipy", "scipy.special", "scipy.optimize"}
    lines = ["import torch, sys", "had = set(sys.modules)", "import unbend.activations"]
    code = "\n".join([*lines, f"print(*({slow!r} & (set(sys.modules) - had)))"])
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
