"""Modules that are imported at their first use: some take longer to import than all of a room."""

from importlib import import_module
from typing import Any


class Later:
    """Stands for a module, or for a member of one, and imports it when something of it is asked for."""

    def __init__(self, module: str, member: str | None = None) -> None:
        self._module, self._member = module, member

    def __getattr__(self, name: str) -> Any:
        module = import_module(self._module)
        found = getattr(module if self._member is None else getattr(module, self._member), name)
        setattr(self, name, found)
        return found
