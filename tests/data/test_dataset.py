"""A data set refuses what would make a study wrong, and its hash tells contents apart."""

import pickle

import pytest
import torch
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.data import Dataset


def made(x: Tensor | None = None, y: Tensor | None = None, task: str = "classification", classes: int | None = 3):
    x = torch.arange(12.0).view(6, 2) if x is None else x
    y = torch.arange(6) % 3 if y is None else y
    return Dataset("made", task, (x, y), (x, y), classes=classes)  # pyright: ignore: any text is tried as a task


def test_hash_depends_on_content_type_and_shape_alone() -> None:
    base = made()
    assert base.hash == made().hash
    assert pickle.loads(pickle.dumps(base)).hash == base.hash
    other = torch.arange(12.0).view(6, 2)
    other[3, 1] += 1e-6
    for changed in (made(other), made(torch.arange(12.0).view(6, 1, 2)), made(torch.arange(12.0).view(6, 2).double())):
        assert changed.hash != base.hash
    assert made(y=torch.tensor([0, 1, 2, 0, 1, 1])).hash != base.hash


def test_hash_does_not_depend_on_the_layout_in_memory() -> None:
    x = torch.arange(12.0).view(2, 6).t()
    assert not x.is_contiguous()
    assert made(x).hash == made(x.contiguous()).hash


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"x": torch.zeros(0, 2), "y": torch.zeros(0, dtype=torch.int64)}, "0 inputs and 0 targets"),
        ({"x": torch.zeros(5, 2)}, "5 inputs and 6 targets"),
        ({"x": torch.full((6, 2), float("nan"))}, "finite numbers"),
        ({"y": torch.arange(6)}, "targets from 0 to 5, classes=3"),
        ({"y": torch.arange(6) - 1}, "targets from -1"),
        ({"classes": None}, "at least two classes"),
        ({"y": torch.zeros(6)}, r"int64 targets \(6,\)"),
        ({"task": "regression"}, "floating targets"),
        ({"task": "regression", "classes": None, "y": torch.zeros(6)}, r"floating targets \(n, k\)"),
        ({"task": "clasification"}, "Did you mean 'classification'"),
        ({"task": "next-token", "x": torch.zeros(6, 2, dtype=torch.int64)}, r"int64 targets \(6, 2\)"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        made(**wrong)  # pyright: ignore: the arguments are wrong on purpose


def test_train_and_test_have_one_shape() -> None:
    y = torch.tensor([0, 1])
    with pytest.raises(ArgumentError, match=r"got \(3,\) and \(4,\)"):
        Dataset("made", "classification", (torch.zeros(2, 3), y), (torch.zeros(2, 4), y), classes=2)


def test_outputs_follow_the_task() -> None:
    assert made().outputs == 3
    assert made(y=torch.zeros(6, 2), task="regression", classes=None).outputs == 2
    tokens = torch.arange(12).view(6, 2) % 5
    assert made(tokens, tokens, task="next-token", classes=5).outputs == 5
