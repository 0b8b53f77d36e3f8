"""What a class declares so that the contract suites can build it and feed it. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """One way to build a class, and the shape of an input that the instance takes.

    A public class carries `examples: ClassVar[tuple[Example, ...]]`; each axis of `input` wants its own prime, so that
    a swapped axis cannot pass.
    """

    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input: tuple[int, ...] = (2, 3, 5)
