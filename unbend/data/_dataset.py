"""A data set as a value: frozen splits, content-hashed."""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from unbend._errors import ArgumentError, one_of

if TYPE_CHECKING:
    from torch import Tensor

DatasetTask = Literal["classification", "regression", "next-token"]
_TASKS = ("classification", "regression", "next-token")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and targets to train on, and others to test on; the split is part of the data.

    | task | inputs | targets | classes |
    |---|---|---|---|
    | classification | (n, ...) floating | (n,) int64, 0 <= y < classes | how many |
    | regression | (n, ...) floating | (n, k) floating | None |
    | next-token | (n, t) int64 | (n, t) int64, the token that follows each input token | vocabulary size |

    Args:
        name: how studies and reports call it.
        task: what is to be predicted.
        train: inputs and targets to train on.
        test: inputs and targets that training never sees.
        classes: number of classes, or of different tokens.
        about: source, licence and preprocessing in a sentence or two; every report prints it.
        edges: (2, m) int64, sources and targets, where the examples are nodes of one graph: they are numbered through
            `train` and then `test`. Inputs of both may be seen in training, targets of `train` alone.

    Raises:
        ArgumentError: an empty split, unequal numbers of rows, values that are not finite, classes out of range, or
            edges between other numbers than those of examples.
    """

    name: str
    task: DatasetTask
    train: "tuple[Tensor, Tensor]"
    test: "tuple[Tensor, Tensor]"
    classes: int | None = None
    about: str = ""
    edges: "Tensor | None" = None
    hash: str = field(init=False)

    def __post_init__(self) -> None:
        one_of(_TASKS, task=self.task)
        for split, (x, y) in (("train", self.train), ("test", self.test)):
            self._check(f"data set {self.name}, {split}", x, y)
        if self.train[0].shape[1:] != self.test[0].shape[1:]:
            got = f"{tuple(self.train[0].shape[1:])} and {tuple(self.test[0].shape[1:])}"
            raise ArgumentError.of(f"data set {self.name}", got, "train and test inputs of one shape")
        graph = () if self.edges is None else (self._checked(self.edges),)
        object.__setattr__(self, "hash", _digest(*self.train, *self.test, *graph))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input: `(features,)`, `(c, H, W)` or `(t,)`."""
        return tuple(self.train[0].shape[1:])

    @property
    def outputs(self) -> int:
        """How many numbers a network must give: one for each class, or for each target."""
        return self.classes or self.train[1].shape[1]

    def _checked(self, edges: "Tensor") -> "Tensor":
        nodes = len(self.train[0]) + len(self.test[0])
        fits = edges.ndim == 2 and edges.shape[0] == 2 and not edges.is_floating_point()
        if not fits or (edges.numel() and not 0 <= int(edges.min()) <= int(edges.max()) < nodes):
            got = f"{tuple(edges.shape)} of {edges.dtype}"
            raise ArgumentError.of(f"data set {self.name}, edges", got, f"int64 (2, m), numbers from 0 to {nodes - 1}")
        return edges

    def _check(self, where: str, x: "Tensor", y: "Tensor") -> None:
        if len(x) != len(y) or not len(x):
            raise ArgumentError.of(where, f"{len(x)} inputs and {len(y)} targets", "equally many, at least one")
        # Integers become exact in float64, so that one test serves every type.
        if not (x.double().isfinite().all() and y.double().isfinite().all()):
            raise ArgumentError.of(where, "NaN or an infinite value", "finite numbers", "Fill in or remove such rows")
        if self.task == "regression":
            if self.classes is not None or y.ndim != 2 or not y.is_floating_point():
                got = f"targets {tuple(y.shape)} of {y.dtype}, classes={self.classes}"
                raise ArgumentError.of(where, got, "floating targets (n, k), and no classes")
            return
        wanted = x.shape if self.task == "next-token" else x.shape[:1]
        if y.is_floating_point() or y.shape != wanted:
            raise ArgumentError.of(where, f"targets {tuple(y.shape)} of {y.dtype}", f"int64 targets {tuple(wanted)}")
        if self.classes is None or self.classes < 2 or int(y.min()) < 0 or int(y.max()) >= self.classes:
            got = f"targets from {int(y.min())} to {int(y.max())}, classes={self.classes}"
            raise ArgumentError.of(where, got, "0 <= target < classes, and at least two classes")


def _digest(*tensors: "Tensor") -> str:
    """SHA-256 over type, shape and bytes of each tensor."""
    digest = hashlib.sha256()
    for tensor in tensors:
        array = cast(Any, tensor.detach().contiguous().cpu().numpy())
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
