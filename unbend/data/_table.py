"""A table with a target column, as numbers to train on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unbend._errors import ArgumentError, UnknownNameError, one_of
from unbend.data._columns import read_csv, read_parquet
from unbend.data._dataset import Dataset
from unbend.data._goal import Task, dataset, goal

Missing = Literal["refuse", "drop", "mean"]

MOST_LEVELS = 50
MOST_FEATURES = 20_000


@dataclass(frozen=True)
class Table:
    """A CSV or Parquet file, the column to predict, and what to do with the rest.

    Numbers are standardised with the mean and the deviation of the training rows; text becomes one column of 0 and 1
    for each of its values (at most 50). With `missing="mean"` a missing number is the training mean and a missing text
    is 0 in all its columns; rows without a target are left out.

    Args:
        path: a `.csv`, `.tsv` or `.parquet` file.
        target: name of the column to predict.
        task: `classification` or `regression`; without it the target decides, see `infer_task`.
        drop: columns to leave out.
        missing: `refuse` missing values, `drop` their rows, or use the `mean`.
        test_fraction: share of the rows to test on.
    """

    path: Path
    target: str | None = None
    task: Task | None = None
    drop: tuple[str, ...] = ()
    missing: Missing = "refuse"
    test_fraction: float = 0.25

    @property
    def name(self) -> str:
        return self.path.stem

    def load(self) -> Dataset:
        """Read the file; the split depends on its content alone."""
        one_of(("refuse", "drop", "mean"), missing=self.missing)
        columns = (read_parquet if self.path.suffix.lower() == ".parquet" else read_csv)(self.path, self.drop)
        if self.target is None:
            raise ArgumentError.of(
                f"{self.path}: target", "none", f"the column to predict, one of {', '.join(list(columns.values)[-8:])}",
                "--target NAME",
            )  # fmt: skip
        if self.target not in columns.values:
            raise UnknownNameError.of(f"column of {self.path}", self.target, columns.values)
        kept = dict(columns.values)
        keep = self._rows(kept, self.target, columns.place)
        rows = np.flatnonzero(keep)
        aim = goal(
            f"{self.path}: column {self.target!r}", kept.pop(self.target)[keep], lambda row: columns.place(rows[row]),
            task=self.task, test_fraction=self.test_fraction,
        )  # fmt: skip
        x, made_of = self._features({name: column[keep] for name, column in kept.items()}, aim.train)
        out = f"{len(keep) - len(rows)} rows with missing values left out" if len(rows) < len(keep) else ""
        about = "; ".join(filter(None, (f"{self.path.name}: {made_of}", columns.note, out)))
        return dataset(self.name, about, x, aim)

    def _rows(self, values: dict[str, NDArray[Any]], target: str, place: Callable[[int], str]) -> NDArray[np.bool_]:
        """Which rows to use; refuses missing and infinite values, by column."""
        absent = {name: _missing(column) for name, column in values.items()}
        counts = {name: int(gone.sum()) for name, gone in absent.items() if gone.any()}
        if counts and self.missing == "refuse":
            shown = ", ".join(f"{name!r} {count}" for name, count in list(counts.items())[:5])
            more = f" and {len(counts) - 5} more columns" if len(counts) > 5 else ""
            row = min(int(np.flatnonzero(absent[name])[0]) for name in counts)
            raise ArgumentError.of(
                f"{self.path}: {place(row)}", f"a missing value ({sum(counts.values()):,} in all: {shown}{more})",
                "none", "--missing drop leaves such rows out, --missing mean fills in the mean of the column",
            )  # fmt: skip
        for name, column in values.items():
            if column.dtype != object and np.isinf(column).any():
                row = int(np.flatnonzero(np.isinf(column))[0])
                raise ArgumentError.of(
                    f"{self.path}: {place(row)}, column {name!r}", f"{column[row]}", "a finite number",
                    "Correct it, or empty the cell (a missing value)",
                )  # fmt: skip
        gone = absent.values() if self.missing == "drop" else [absent[target]]
        return ~np.logical_or.reduce(list(gone))

    def _features(self, values: dict[str, NDArray[Any]], train: NDArray[np.int64]) -> tuple[NDArray[np.float32], str]:
        """Every column as numbers, by what the training rows say of it."""
        blocks, numbers, texts = list[NDArray[Any]](), 0, 0
        for name, column in values.items():
            if column.dtype == object:
                block = self._levels(name, column, train)
                texts += block.shape[1]
            else:
                block = standardise(column[:, None], train)
                numbers += block.shape[1]
            blocks.append(block)
        if not numbers + texts:
            raise ArgumentError.of(f"{self.path}", "no column that varies", "at least one beside the target")
        if numbers + texts > MOST_FEATURES:
            raise ArgumentError.of(
                f"{self.path}", f"{numbers + texts:,} inputs", f"at most {MOST_FEATURES:,}",
                "Leave columns out: --drop NAME",
            )  # fmt: skip
        made_of = f"{numbers} numbers, standardised" + (f", and {texts} yes/no inputs from text" if texts else "")
        return np.concatenate(blocks, axis=1), made_of

    def _levels(self, name: str, column: NDArray[Any], train: NDArray[np.int64]) -> NDArray[np.float32]:
        levels = sorted({cell for cell in column[train] if cell is not None})
        if len(levels) > MOST_LEVELS:
            raise ArgumentError.of(
                f"{self.path}: column {name!r}", f"{len(levels):,} different texts",
                f"numbers, or at most {MOST_LEVELS} texts", f"Leave it out: --drop {name}",
            )  # fmt: skip
        return np.stack([column == level for level in levels], axis=1).astype(np.float32)


def _missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([cell is None for cell in column]) if column.dtype == object else np.isnan(column)


def standardise(x: NDArray[Any], train: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean 0 and deviation 1 over the training rows; NaN becomes the mean, and a constant column goes."""
    with np.errstate(all="ignore"):
        mean, deviation = np.nanmean(x[train], axis=0), np.nanstd(x[train], axis=0)
    varies = np.isfinite(deviation) & (deviation > 1e-12 * np.abs(mean))
    scaled = (x[:, varies] - mean[varies]) / deviation[varies]
    return np.nan_to_num(scaled).astype(np.float32)
