"""Associative recall: pairs of a key and a value, then keys whose values are asked for."""

from dataclasses import dataclass

import numpy as np

from unbend._errors import ArgumentError, at_least
from unbend.data._about import about
from unbend.data._dataset import Dataset


def mqar() -> Dataset:
    """Associative recall of many queries: 8 pairs, then their keys again, 64 tokens in all.

    Each of 4,096 sequences to train on and 512 to test on draws 8 keys of 63 and 8 values of 64, writes the pairs one
    after the other, and repeats each key at an even place after them: near ones far more often, by a power of -0.99.
    The value is asked for at the repeated key. Token 0 fills the rest, and is the target where nothing is asked.
    """
    return _load(Mqar(), "mqar")


@dataclass(frozen=True)
class Mqar:
    """Associative recall of another size; a source of data for studies, like `mqar`.

    Args:
        pairs: how many pairs, and as many queries.
        length: tokens of a sequence, at least four times `pairs`.
        vocabulary: tokens there are: 0 fills, the lower half are keys, the upper half values.
        rows: sequences to train on; an eighth as many to test on.
        power: the weight of the s-th even place after the pairs is s^(power - 1).
        seed: of the draws.

    Examples:
        >>> Mqar(pairs=2, length=8, vocabulary=8, rows=8).load().shape
        (8,)
    """

    pairs: int = 8
    length: int = 64
    vocabulary: int = 128
    rows: int = 4096
    power: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(1, pairs=self.pairs)
        at_least(8, rows=self.rows)
        if self.length < 4 * self.pairs:
            raise ArgumentError.of("length", self.length, f"at least four times pairs={self.pairs}")
        if self.vocabulary // 2 <= self.pairs:
            raise ArgumentError.of("vocabulary", self.vocabulary, f"more than twice pairs={self.pairs}, and two more")

    @property
    def name(self) -> str:
        """`mqar`, and the numbers of pairs and of tokens."""
        return f"mqar-{self.pairs}-{self.length}"

    def load(self) -> Dataset:
        """Draw the sequences."""
        return _load(self, self.name)

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Sequences and targets, those to train on first."""
        # The stream of RandomState is frozen.
        draw, rows = np.random.RandomState(self.seed), self.rows + self.rows // 8
        half, after = self.vocabulary // 2, 2 * self.pairs
        keys = 1 + _pick(draw, rows, np.ones(half - 1), self.pairs)
        values = half + _pick(draw, rows, np.ones(self.vocabulary - half), self.pairs)
        slots = np.arange(1, (self.length - after) // 2 + 1, dtype=np.float64)
        places = after + 2 * _pick(draw, rows, slots ** (self.power - 1), self.pairs)
        x, y = np.zeros((2, rows, self.length), np.int64)
        x[:, 0:after:2], x[:, 1:after:2] = keys, values
        np.put_along_axis(x, places, keys, 1)
        np.put_along_axis(y, places, values, 1)
        return x, y


def _load(task: Mqar, name: str) -> Dataset:
    import torch

    x, y = (torch.from_numpy(part) for part in task.draw())
    train, test = ((x[rows], y[rows]) for rows in (slice(task.rows), slice(task.rows, None)))
    return Dataset(name, "next-token", train, test, classes=task.vocabulary, about=about("mqar"))


def _pick(draw: np.random.RandomState, rows: int, weights: np.ndarray, count: int) -> np.ndarray:
    """`count` different numbers below `len(weights)` in each row, drawn one after the other by their weights."""
    # The first of exponential clocks to ring, then the next, are such draws.
    rings = -np.log1p(-draw.random_sample((rows, len(weights)))) / weights
    return np.argsort(rings, 1, kind="stable")[:, :count]
