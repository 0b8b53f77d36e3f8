"""What a target column asks for: the task, its numbers, and the frozen split into training and test rows."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unbend._errors import ArgumentError, one_of
from unbend.data._dataset import Dataset

Task = Literal["classification", "regression"]

FEW = 20
MOST_CLASSES = 1000


@dataclass(frozen=True)
class Goal:
    """A target made ready: class numbers, or numbers standardised with the training rows' mean and deviation."""

    task: Task
    y: NDArray[Any]
    classes: tuple[str, ...]
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    note: str


def goal(
    where: str, target: NDArray[Any], place: Callable[[int], str], *, task: Task | None, test_fraction: float
) -> Goal:
    """Choose the task, unless it is given, code the target and split the rows.

    The split is seeded by the target's content, so that the same rows always split the same way, whatever is done
    to the inputs. `where` and `place(row)` name the column and the row in errors.
    """
    if not 0 < test_fraction < 1:
        raise ArgumentError.of("test_fraction", test_fraction, "a number between 0 and 1")
    chosen, why = infer_task(target)
    if task is not None:
        chosen, why = one_of(("classification", "regression"), task=task), "as asked"
    if len(target) < 2:
        raise ArgumentError.of(where, f"{len(target)} row", "at least two, one to train on and one to test on")
    if chosen == "classification":
        y, classes = _encode(where, target, place)
        train, test = _split(y.tobytes(), [np.flatnonzero(y == c) for c in range(len(classes))], test_fraction)
        note = f"classes {', '.join(classes[:10])}" + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")
    else:
        numbers = _numbers(where, target, place)
        train, test = _split(numbers.tobytes(), [np.arange(len(numbers))], test_fraction)
        mean, deviation = float(numbers[train].mean()), float(numbers[train].std())
        if deviation <= 1e-12 * abs(mean):
            raise ArgumentError.of(where, f"the same value in every row to train on, {mean:g}", "a target that varies")
        y, classes = ((numbers - mean) / deviation).astype(np.float32), ()
        note = f"target {mean:.4g} +- {deviation:.4g}, standardised"
    return Goal(
        chosen, y, classes, train, test, f"{chosen} ({why}); {note}; {len(train)} rows to train, {len(test)} to test"
    )


def infer_task(target: NDArray[Any]) -> tuple[Task, str]:
    """Text, or whole numbers with at most 20 values, are classes; other numbers are a regression. And which it was."""
    if target.dtype.kind not in "iuf":
        return "classification", "the target is text"
    if (target != np.floor(target)).any():
        return "regression", "the target has fractions"
    values = len(np.unique(target))
    if values <= FEW:
        return "classification", f"the target has {values} different whole numbers, no more than {FEW}"
    return "regression", f"the target has {values:,} different whole numbers, more than {FEW}"


def _encode(where: str, target: NDArray[Any], place: Callable[[int], str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    values = target.astype(str) if target.dtype == object else target
    names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    labels = tuple(f"{name:g}" if values.dtype.kind == "f" else str(name) for name in names)
    if len(names) < 2:
        raise ArgumentError.of(where, f"the same value in every row, {labels[0]!r}", "at least two classes")
    if len(names) > MOST_CLASSES:
        remedy = "" if target.dtype == object else "To predict it as a number, say --task regression"
        raise ArgumentError.of(where, f"{len(names):,} classes", f"at most {MOST_CLASSES:,}", remedy)
    if counts.min() < 2:
        lonely = int(counts.argmin())
        row = int(np.flatnonzero(codes == lonely)[0])
        raise ArgumentError.of(
            f"{where}, {place(row)}", f"the only example of class {labels[lonely]!r}",
            "at least two, one to train on and one to test on", "Remove it, or join it to another class",
        )  # fmt: skip
    return codes.astype(np.int64), labels


def _numbers(where: str, target: NDArray[Any], place: Callable[[int], str]) -> NDArray[np.float64]:
    if target.dtype.kind not in "iufb":
        raise ArgumentError.of(
            f"{where}, {place(0)}", f"the text {str(target[0])!r}", "a number to predict",
            "Say --task classification, or name another target",
        )  # fmt: skip
    return target.astype(np.float64)


def _split(content: bytes, groups: list[NDArray[Any]], fraction: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split every group in the same proportion, at least one row on either side."""
    generator = np.random.default_rng(int.from_bytes(hashlib.sha256(content).digest()[:8]))
    train, test = list[NDArray[Any]](), list[NDArray[Any]]()
    for group in groups:
        order = generator.permutation(group)
        head = min(max(round(fraction * len(group)), 1), len(group) - 1)
        test.append(order[:head])
        train.append(order[head:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def dataset(name: str, about: str, x: NDArray[np.float32], goal: Goal) -> Dataset:
    """Inputs and goal as a data set; its `about` says what was done."""
    import torch

    inputs = torch.from_numpy(x)
    targets = torch.from_numpy(goal.y if goal.classes else goal.y[:, None])
    train, test = torch.from_numpy(goal.train), torch.from_numpy(goal.test)
    return Dataset(
        name, goal.task, (inputs[train], targets[train]), (inputs[test], targets[test]),
        classes=len(goal.classes) or None, about=f"{about}; {goal.note}",
    )  # fmt: skip
