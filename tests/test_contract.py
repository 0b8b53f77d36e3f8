"""The contract of its kind, over every class that a room exports."""

import inspect
from importlib import import_module

from torch import nn

from unbend._rooms import METHOD_ROOMS, exports
from unbend.testing import checks_of, contracts

PUBLIC = [
    public
    for room in METHOD_ROOMS
    for name in exports(room)
    if inspect.isclass(public := getattr(import_module(f"unbend.{room}"), name)) and not inspect.isabstract(public)
]
SUBJECTS = [public for public in PUBLIC if checks_of(public)]

test_contract = contracts(SUBJECTS)


def test_every_module_says_how_to_build_it() -> None:
    silent = [cls.__name__ for cls in PUBLIC if issubclass(cls, nn.Module) and not hasattr(cls, "examples")]
    assert not silent, f"declare `examples` on {silent}"
