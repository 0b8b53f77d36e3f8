"""An NPZ file: inputs `x` and targets `y`, as rows of numbers or as images."""

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from unbend._errors import ArgumentError, UnknownNameError
from unbend.data._dataset import Dataset
from unbend.data._goal import Task, dataset, goal
from unbend.data._table import standardise

MOST_BYTES = 4 << 30
_TARGETS = ("y", "labels", "target", "targets", "label")
_INPUTS = ("x", "X", "images", "data", "features", "inputs")


@dataclass(frozen=True)
class Arrays:
    """An `.npz` file with inputs of shape (n, features) or images (n, h, w), (n, c, h, w), (n, h, w, c).

    Args:
        path: the file; arrays of Python objects are refused, since they can run code.
        target: name of the targets; without it the first of y, labels, target, targets, label.
        task: as for `Table`.
        test_fraction: share of the rows to test on.
    """

    path: Path
    target: str | None = None
    task: Task | None = None
    test_fraction: float = 0.25

    @property
    def name(self) -> str:
        return self.path.stem

    def load(self) -> Dataset:
        """Read the two arrays and split their rows; images are scaled by channel, numbers by column."""
        shapes = _shapes(self.path)
        target = self._named(shapes, self.target, _TARGETS, "targets")
        others = {name: shape for name, shape in shapes.items() if name != target}
        inputs = next(iter(others)) if len(others) == 1 else self._named(others, None, _INPUTS, "inputs")
        rows = shapes[target][0] if len(shapes[target]) == 1 else None
        if rows is None or len(shapes[inputs]) not in (2, 3, 4) or shapes[inputs][0] != rows:
            raise ArgumentError.of(
                f"{self.path}", f"{inputs} of shape {shapes[inputs]} and {target} of shape {shapes[target]}",
                "inputs of shape (n, features), (n, h, w), (n, c, h, w) or (n, h, w, c), and targets of shape (n,)",
            )  # fmt: skip
        with np.load(self.path, allow_pickle=False) as file:
            x, y = file[inputs], file[target]
        for name, array in ((inputs, x), (target, y)):
            _finite(self.path, name, array)
        y = y.astype(object) if y.dtype.kind in "US" else y
        aim = goal(
            f"{self.path}: {target}", y, lambda row: f"row {row}", task=self.task, test_fraction=self.test_fraction
        )
        if x.ndim == 2:
            scaled = standardise(x.astype(np.float64), aim.train)
            return dataset(self.name, f"{self.path.name}: {scaled.shape[1]} numbers, standardised", scaled, aim)
        pixels = scale(channels_first(f"{self.path}: {inputs}", x), aim.train)
        return dataset(self.name, f"{self.path.name}: images of {shown(pixels.shape[1:])}, standardised", pixels, aim)

    def _named(
        self, shapes: Mapping[str, tuple[int, ...]], asked: str | None, usual: tuple[str, ...], what: str
    ) -> str:
        found = asked or next((name for name in usual if name in shapes), None)
        if found is None:
            raise ArgumentError.of(
                f"{self.path}", f"the arrays {', '.join(shapes) or '(none)'}",
                f"{what} under one of {', '.join(usual)}",
                "Name the targets with --target, or save the file anew: np.savez(path, x=..., y=...)",
            )  # fmt: skip
        if found not in shapes:
            raise UnknownNameError.of(f"array of {self.path}", found, shapes)
        return found


def channels_first(where: str, x: NDArray[Any]) -> NDArray[Any]:
    """(n, h, w), (n, h, w, c) and (n, c, h, w) as (n, c, h, w), where c is 1, 3 or 4."""
    if x.ndim == 3:
        return x[:, None]
    if x.shape[1] in (1, 3, 4):
        return x
    if x.shape[3] in (1, 3, 4):
        return np.moveaxis(x, 3, 1)
    raise ArgumentError.of(where, f"images of shape {x.shape[1:]}", "1, 3 or 4 channels, first or last")


def scale(images: NDArray[Any], train: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean 0 and deviation 1 for each channel over the training images."""
    images = images.astype(np.float32)
    mean = images[train].mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation = images[train].std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    return ((images - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32)


def shown(shape: tuple[int, ...]) -> str:
    """`(1, 28, 28)` as `1 x 28 x 28`."""
    return " x ".join(map(str, shape))


def _finite(path: Path, name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ArgumentError.of(
            f"{path}: {name}[{', '.join(map(str, at))}]", f"{array[at]}", "finite numbers",
            "Leave such rows out before saving",
        )  # fmt: skip
    if array.dtype.kind not in "iufbUS":
        raise ArgumentError.of(f"{path}: {name}", f"the type {array.dtype}", "numbers")


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes by name from the headers alone; refuses objects, and sizes that the file does not hold."""
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > MOST_BYTES:
                raise ArgumentError.of(
                    f"{path}", f"{total / 2**30:.1f} GB when unpacked", f"at most {MOST_BYTES >> 30} GB",
                    "Save a sample of the rows",
                )  # fmt: skip
            return {
                entry.filename.removesuffix(".npy"): _shape(path, entry, archive.open(entry))
                for entry in archive.infolist()
            }
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise ArgumentError.of(f"{path}", f"{error}", "an .npz file, as np.savez writes it") from error


def _shape(path: Path, entry: zipfile.ZipInfo, file: IO[bytes]) -> tuple[int, ...]:
    try:
        version = npy.read_magic(file)
        shape, _, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file)
    except ValueError as error:
        raise ArgumentError.of(f"{path}: {entry.filename}", f"{error}", "an array in NumPy's format") from error
    if dtype.hasobject:
        raise ArgumentError.of(
            f"{path}: {entry.filename}", "an array of Python objects", "numbers or fixed-width text",
            "Objects can run code when read: save it anew as numbers, e.g. array.astype(float)",
        )  # fmt: skip
    if math.prod(shape) * dtype.itemsize != entry.file_size - file.tell():
        raise ArgumentError.of(
            f"{path}: {entry.filename}",
            f"{entry.file_size:,} bytes for a shape of {shape}",
            "bytes that fill the shape",
        )
    return shape
