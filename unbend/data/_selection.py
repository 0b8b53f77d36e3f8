"""Tasks that ask a sequence model to choose what it keeps: selective copying, and induction heads."""

from dataclasses import dataclass

import numpy as np

from unbend._errors import ArgumentError, at_least
from unbend.data._about import about
from unbend.data._dataset import Dataset


def selective_copying() -> Dataset:
    """Four tokens scattered over 32 places are to be said again in their order, at the end.

    Each of 4,096 sequences to train on and 512 to test on draws four times one of eight symbols, and four places of 32;
    0 fills the other places, and four times the token 1 asks for the symbols. The target is 0 where nothing is asked.
    """
    return SelectiveCopying().load()


def induction_heads() -> Dataset:
    """The token that followed a special one is to be said when the special one comes again, at the end.

    Each of 4,096 sequences to train on and 512 to test on holds 32 tokens, of 16 symbols: the special one, 1, at a
    random place and at the end. The target is the token after its first place at the end, and 0 elsewhere.
    """
    return InductionHeads().load()


@dataclass(frozen=True)
class SelectiveCopying:
    """Selective copying of another size; a source of data for studies, like `selective_copying`.

    Args:
        tokens: how many are to be copied.
        length: places over which they are scattered.
        symbols: different tokens there are to copy.
        rows: sequences to train on; an eighth as many to test on.
        seed: of the draws.

    Examples:
        >>> SelectiveCopying(tokens=2, length=6, rows=8).load().shape
        (8,)
    """

    tokens: int = 4
    length: int = 32
    symbols: int = 8
    rows: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(1, tokens=self.tokens)
        at_least(2, symbols=self.symbols)
        at_least(8, rows=self.rows)
        if self.length < self.tokens:
            raise ArgumentError.of("length", self.length, f"at least tokens={self.tokens}")

    @property
    def name(self) -> str:
        """`selective-copying`, and the numbers of tokens and places unless they are the usual ones."""
        usual = (self.tokens, self.length) == (4, 32)
        return "selective-copying" if usual else f"selective-copying-{self.tokens}-{self.length}"

    def load(self) -> Dataset:
        """Draw the sequences."""
        draw, rows = np.random.RandomState(self.seed), self.rows + self.rows // 8
        said = draw.randint(2, 2 + self.symbols, (rows, self.tokens))
        places = np.sort(np.argsort(draw.random_sample((rows, self.length)), 1, kind="stable")[:, : self.tokens], 1)
        x, y = np.zeros((2, rows, self.length + self.tokens), np.int64)
        np.put_along_axis(x, places, said, 1)
        x[:, self.length :], y[:, self.length :] = 1, said
        return _dataset(self.name, "selective-copying", x, y, self.rows, 2 + self.symbols)


@dataclass(frozen=True)
class InductionHeads:
    """Induction heads of another length; a source of data for studies, like `induction_heads`.

    Args:
        length: tokens of a sequence.
        symbols: different tokens, the special one among them.
        rows: sequences to train on; an eighth as many to test on.
        seed: of the draws.

    Examples:
        >>> InductionHeads(length=8, rows=8).load().shape
        (8,)
    """

    length: int = 32
    symbols: int = 16
    rows: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(4, length=self.length)
        at_least(4, symbols=self.symbols)
        at_least(8, rows=self.rows)

    @property
    def name(self) -> str:
        """`induction-heads`, and the length unless it is the usual one."""
        return "induction-heads" if self.length == 32 else f"induction-heads-{self.length}"

    def load(self) -> Dataset:
        """Draw the sequences."""
        draw, rows = np.random.RandomState(self.seed), self.rows + self.rows // 8
        x, y = np.zeros((2, rows, self.length), np.int64)
        x[:] = draw.randint(2, self.symbols, x.shape)
        place = draw.randint(0, self.length - 2, (rows, 1))
        np.put_along_axis(x, place, 1, 1)
        y[:, -1:] = np.take_along_axis(x, place + 1, 1)
        x[:, -1] = 1
        return _dataset(self.name, "induction-heads", x, y, self.rows, self.symbols)


def _dataset(name: str, usual: str, x: np.ndarray, y: np.ndarray, rows: int, classes: int) -> Dataset:
    import torch

    parts = [torch.from_numpy(part) for part in (x, y)]
    train, test = ((parts[0][at], parts[1][at]) for at in (slice(rows), slice(rows, None)))
    return Dataset(name, "next-token", train, test, classes=classes, about=about(usual))
