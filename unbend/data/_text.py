"""A text file, for predicting the next character."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unbend._errors import ArgumentError, at_least
from unbend.data._columns import not_utf8
from unbend.data._dataset import Dataset

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 2_000
MOST_CHARACTERS = 100_000_000
MOST_SYMBOLS = 2_000


@dataclass(frozen=True)
class Text:
    """A UTF-8 text file as a sequence of characters; the end of it is kept to test on.

    Args:
        path: the file.
        test_fraction: share of the text, at its end, to test on.
        context: length of the windows that the text is cut into.
    """

    path: Path
    test_fraction: float = 0.1
    context: int = 64

    @property
    def name(self) -> str:
        return self.path.stem

    def load(self) -> Dataset:
        """Read the file; the symbols are the different characters of the whole text."""
        at_least(1, context=self.context)
        if not 0 < self.test_fraction < 1:
            raise ArgumentError.of("test_fraction", self.test_fraction, "a number between 0 and 1")
        text = self._read()
        codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        symbols, tokens = np.unique(codes, return_inverse=True)
        if len(symbols) < 2:
            raise ArgumentError.of(f"{self.path}", f"only the character {text[0]!r}", "text")
        if len(symbols) > MOST_SYMBOLS:
            raise ArgumentError.of(
                f"{self.path}", f"{len(symbols):,} different characters", f"at most {MOST_SYMBOLS:,}",
                "Use a language with an alphabet, or a smaller sample",
            )  # fmt: skip
        cut = round(len(tokens) * (1 - self.test_fraction))
        about = (
            f"{self.path.name}: {len(text):,} characters, {len(symbols)} different; the last {len(text) - cut:,} to "
            f"test on; windows of {self.context}"
        )
        train, test = self._windows(tokens[:cut]), self._windows(tokens[cut:])
        return Dataset(self.name, "next-token", train, test, classes=len(symbols), about=about)

    def _windows(self, tokens: NDArray[np.int64]) -> "tuple[Tensor, Tensor]":
        """Windows side by side, and the same moved on by one; the rest at the end is left out."""
        import torch

        count = (len(tokens) - 1) // self.context
        if not count:
            raise ArgumentError.of(
                f"{self.path}", f"{len(tokens)} characters in one part of the split", f"more than {self.context}, "
                "a window", "Use a longer text, or another --test-fraction",
            )  # fmt: skip
        flat = torch.from_numpy(tokens.astype(np.int64))
        size = count * self.context
        return flat[:size].view(count, -1), flat[1 : size + 1].view(count, -1)

    def _read(self) -> str:
        if self.path.stat().st_size > 4 * MOST_CHARACTERS:
            raise ArgumentError.of(
                f"{self.path}", "more than 400 MB", f"at most {MOST_CHARACTERS:,} characters", "Use a part of it"
            )
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise not_utf8(self.path) from None
        if "\0" in text:
            line = text[: text.index("\0")].count("\n") + 1
            raise ArgumentError.of(f"{self.path}: line {line}", "a zero byte: binary data", "text in UTF-8")
        if len(text) < LEAST:
            raise ArgumentError.of(f"{self.path}", f"{len(text):,} characters", f"at least {LEAST:,} to learn from")
        return text
