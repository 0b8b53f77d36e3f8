"""What the footer of a report says of the machine."""

import platform

import torch

from unbend import __version__
from unbend.study._environment import environment


def test_versions_are_those_that_run() -> None:
    found = environment()
    assert (found["unbend"], found["torch"]) == (__version__, torch.__version__)
    assert found["python"] == platform.python_version()
    assert all(isinstance(value, str) and value for value in found.values())
