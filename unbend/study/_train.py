"""The trials that most studies share: train a network that holds the arm, and see what it has learned."""

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from statistics import median
from time import perf_counter
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least, positive
from unbend.data import Dataset
from unbend.data._dataset import DatasetTask
from unbend.study._cost import Cost, PeakMemory, count_operations
from unbend.study._match import Match, Matched, Network, match_width, measure
from unbend.study._spec import Arm, Budget, Cell, Diverged, Metric, Operations, Seconds, Steps

LOSS = Metric("loss", "lower")
R2 = Metric("r2", "higher")
PARAMETERS = Metric("parameters", "lower")
OPERATIONS = Metric("operations", "lower")
PEAK_BYTES = Metric("peak_bytes", "lower", unit="B")
MS_PER_STEP = Metric("ms_per_step", "lower", unit="ms", timing=True)

# What is measured of a network after its training, beside the test.
Probe = Callable[[nn.Module, Dataset], Mapping[str, float]]

# Settings of training that an arm may have for itself, in its `params`: the report shows them as tuned for that arm.
TUNABLE = ("lr", "weight_decay")

_EVALUATIONS = 4
_EVALUATION_BATCH = 256
# A step goes forward once and backward once, and the way back costs twice the way forth.
_STEP_TO_FORWARD = 3


class Settings(TypedDict, total=False):
    """What `classify`, `regress` and `next_token` take beside the network; see `Fit`."""

    width: int
    match: Match | None
    batch: int
    lr: float
    weight_decay: float
    warmup: float
    probe: Probe | None


def classify(network: Network, **settings: Unpack[Settings]) -> "Fit":
    """A trial that trains `network` to classify by cross-entropy; gives `accuracy` and `loss`, and costs (see `Fit`).

    Examples:
        >>> from unbend.models import small_cnn
        >>> classify(small_cnn, width=16, match="params").lr
        0.002
    """
    return Fit(network, "classification", **settings)


def regress(network: Network, **settings: Unpack[Settings]) -> "Fit":
    """A trial that trains `network` by the mean square of its errors; gives `r2` and `loss`, and costs (see `Fit`)."""
    return Fit(network, "regression", **settings)


def next_token(network: Network, **settings: Unpack[Settings]) -> "Fit":
    """A trial that trains `network` to predict each next token; gives `accuracy` and `loss` in nats (see `Fit`)."""
    return Fit(network, "next-token", **settings)


@dataclass(frozen=True)
class Fit:
    """Train a network on a cell's data under its budget, then test it.

    The network is a function `network(make, data, width) -> nn.Module` that puts what the arm makes where it belongs:
    `make()` for a bend, `make(channels, size)` for a mixer, or whatever else the network documents.

    The seed of the cell decides the weights and the batches: with the same seed, all arms see the same batches in the
    same order. The optimiser is AdamW with torch's defaults but for the learning rate, which rises linearly, then falls
    along a cosine to zero at the end of the budget; vectors (biases, gains) do not decay. An arm has its own `lr` or
    `weight_decay` only where its `params` say so. Under `Operations` a step counts three times a forward pass.

    A network that has a method `loss(out, y)` is trained on that instead of the task's loss, and tested like any other.

    A cell gives: `accuracy`, or `r2` and `rmse`, and `loss`, on the test set after the last step; `parameters`;
    `operations` of a forward pass of one example, and of these `torch_operations`, what torch's own counter counts;
    `steps`; `width`, and `ratio` of the matched cost to the reference's; `peak_bytes` of the tensors alive at once in
    the first step; `ms_per_step`, a median; and what `probe` adds.

    Args:
        network: builds the module.
        task: what the data must be for.
        width: handed to the network.
        match: give each arm the width at which it has as many `params`, or counted `operations`, as the reference
            arm at `width`.
        batch: examples in a step.
        lr: highest learning rate.
        weight_decay: of AdamW.
        warmup: share of the budget in which the learning rate rises.
        probe: `probe(model, data)` gives further metrics of the trained network, which is in evaluation mode.

    Raises:
        Diverged: the loss is not finite; the message names the step.
        ArgumentError: the data are for another task, or the network's output has another shape than they ask for.
    """

    network: Network
    task: DatasetTask
    width: int = 32
    match: Match | None = None
    batch: int = 64
    lr: float = 2e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    probe: Probe | None = None

    def __post_init__(self) -> None:
        at_least(1, width=self.width)
        at_least(1, batch=self.batch)
        positive(lr=self.lr)

    def __call__(self, cell: Cell) -> dict[str, float]:
        data: Dataset = cell.data
        if data.task != self.task:
            raise ArgumentError.of(f"data set {data.name}", f"data for {data.task}", f"data for {self.task}")
        arm, own = _untuned(cell.arm)
        matched = self._matched(arm, _untuned(cell.reference)[0], data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(cell.seed, "weights"))
            model = self.network(arm, data, matched.width)
            cost = count_operations(model, data.train[0][:1])
            run = _Run(model, data, cell, {"lr": self.lr, "weight_decay": self.weight_decay, **own}, cost)
            tested = run.train(self.batch, self.warmup)
            probed = self.probe(model.eval(), data) if self.probe else {}
        return {
            **tested,
            **probed,
            **({"ratio": matched.ratio} if self.match else {}),
            "width": matched.width,
            "parameters": measure(model, data, "params"),
            "operations": cost.total,
            "torch_operations": cost.matrix,
            "steps": run.step,
            "peak_bytes": run.peak_bytes,
            "ms_per_step": 1e3 * median(run.times[1:] or run.times),
        }

    def _matched(self, arm: Arm, reference: Arm, data: Dataset) -> Matched:
        if self.match is None:
            return Matched(self.width, 1.0)
        return match_width(self.network, arm, reference, data, self.width, self.match)


class _Run:
    """One training, from the first step to the last."""

    def __init__(self, model: nn.Module, data: Dataset, cell: Cell, tuned: Mapping[str, float], cost: Cost) -> None:
        self.model, self.data, self.cell, self.lr = model, data, cell, tuned["lr"]
        self.loss = _loss(data)
        self.objective: Callable[[Tensor, Tensor], Tensor] = getattr(model, "loss", self.loss)
        self.step, self.times, self.peak_bytes = 0, list[float](), 0
        self.operations = cost.total * _STEP_TO_FORWARD
        matrices = [p for p in model.parameters() if p.ndim > 1]
        vectors = [p for p in model.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": tuned["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=self.lr, fused=True)

    def train(self, batch: int, warmup: float) -> dict[str, float]:
        """Spend the budget; the result is that of the test after the last step."""
        x, y = self.data.train
        batch = min(batch, len(x))
        rows = _batches(len(x), batch, _seed(self.cell.seed, "batches"))
        tests = [(i + 1) / _EVALUATIONS for i in range(_EVALUATIONS - 1)]
        self.model.train()
        while (share := self._share(batch)) < 1 or not self.step:
            self.cell.check_deadline()
            if tests and share >= tests[0]:
                tests.pop(0)
                self.cell.log(self.step, **self.test())
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr * _schedule(share, warmup)
            chosen = next(rows)
            start = perf_counter()
            loss = self._descend(x[chosen], y[chosen])
            self.times.append(perf_counter() - start)
            self.step += 1
            self.cell.log(self.step, train_loss=loss)
        tested = self.test()
        self.cell.log(self.step, **tested)
        return tested

    def test(self) -> dict[str, float]:
        """Loss and score on the test set."""
        x, y = self.data.test
        self.model.eval()
        with torch.no_grad():
            out = torch.cat([self.model(part) for part in x.split(_EVALUATION_BATCH)])
        self.model.train()
        loss = float(self.loss(out, y))
        if not math.isfinite(loss):
            raise Diverged(f"the loss on the test set is {loss} after step {self.step}")
        if self.data.task == "regression":
            variance = float(y.var(dim=0, correction=0).mean())
            # As scikit-learn has it, where the targets to test on do not vary.
            r2 = 1 - loss / variance if variance else float(loss == 0)
            return {"loss": loss, "rmse": math.sqrt(loss), "r2": r2}
        return {"loss": loss, "accuracy": float((out.argmax(-1) == y).double().mean())}

    def _descend(self, x: Tensor, y: Tensor) -> float:
        peak = PeakMemory() if not self.step else None
        with peak or nullcontext():
            out = self.model(x)
            if not self.step:
                _check_shape(out, y, self.data)
            loss = self.objective(out, y)
            loss.backward()
        if peak:
            self.peak_bytes = peak.bytes
        value = loss.item()
        if not math.isfinite(value):
            raise Diverged(f"the loss is {value} at step {self.step + 1}")
        self.optimizer.step()
        self.optimizer.zero_grad()
        return value

    def _share(self, batch: int) -> float:
        """How much of the budget is spent; evaluation costs nothing."""
        budget: Budget = self.cell.budget
        match budget:
            case Steps(steps):
                return self.step / steps
            case Seconds(seconds):
                return sum(self.times) / seconds
            case Operations(operations):
                return self.step * batch * self.operations / operations


def _untuned(arm: Arm) -> tuple[Arm, dict[str, float]]:
    """The arm without the training settings among its parameters, and those settings."""
    own = {name: value for name, value in arm.params.items() if name in TUNABLE}
    return Arm(arm.make, {name: value for name, value in arm.params.items() if name not in own}), own


def _seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, so that more draws for the weights do not change the batches."""
    return int.from_bytes(sha256(f"{seed} {purpose}".encode()).digest()[:7])


def _batches(rows: int, batch: int, seed: int) -> Generator[Tensor]:
    """Whole batches, epoch after epoch; what is left over of an epoch is dropped."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.randperm(rows, generator=generator)[: rows - rows % batch].split(batch)


def _schedule(share: float, warmup: float) -> float:
    """Rise to one over the first `warmup` of the budget, then a cosine down to zero."""
    if share < warmup:
        # Half a step's worth above zero, or the first step would be lost.
        return max(share, 0.05 * warmup) / warmup
    return 0.5 * (1 + math.cos(math.pi * (share - warmup) / (1 - warmup)))


def _loss(data: Dataset) -> Callable[[Tensor, Tensor], Tensor]:
    if data.task == "regression":
        return F.mse_loss
    # Cross-entropy wants the classes on the second axis.
    return lambda out, y: F.cross_entropy(out.movedim(-1, 1), y)


def _check_shape(out: Any, y: Tensor, data: Dataset) -> None:
    wanted = (*y.shape, data.outputs) if data.task != "regression" else tuple(y.shape)
    got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    if got != wanted:
        raise ArgumentError.of("output of the network", got, f"shape {wanted}: {data.outputs} for each example")
