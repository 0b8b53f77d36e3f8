"""What a class declares so that the contract suites can build it and feed it. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """One way to build a class, and the shape of an input that the instance takes.

    A public class carries `examples: ClassVar[tuple[Example, ...]]`; each axis of `input` wants its own prime, so that
    a swapped axis cannot pass. `largest` is the greatest magnitude at which float32 values and gradients must stay
    finite: a product of three inputs overflows at 1e13, which is no fault.
    """

    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input: tuple[int, ...] = (2, 3, 5)
    largest: float = 1e30
