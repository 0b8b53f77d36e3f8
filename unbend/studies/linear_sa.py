"""Does one trained layer of linear self-attention take the step of gradient descent that theory says?"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unbend.data import Dataset
from unbend.incontext import LinearSelfAttention1, as_gd_step, gd_step, optimal_step, regression_prompts
from unbend.study import LOSS, Arm, Cell, Claim, Metric, Steps, Study, regress

N, DIM, NOISE = 10, 5, 0.5
LINEAR = ("isotropic", "anisotropic")
SPREAD = (4.0, 2.0, 1.0, 0.5, 0.25)


@dataclass(frozen=True)
class Prompts:
    """Prompts of 10 examples in 5 dimensions, noise 0.5: a source of data for this study."""

    name: str

    def load(self) -> Dataset:
        spread, targets = laws(self.name)
        draws = torch.Generator().manual_seed(59)
        train, test = (regression_prompts(count, N, DIM, NOISE, spread, targets, draws) for count in (100_000, 50_000))
        about = f"{self.__doc__} {self.name}; 100,000 prompts to train on, 50,000 to test."
        return Dataset(self.name, "regression", train, test, about=about)


def laws(name: str) -> tuple[Tensor | None, Any]:
    """Covariance of x, and kind of target, of a data set."""
    return (torch.diag(torch.tensor(SPREAD)) if name == "anisotropic" else None), "relu" if name == "relu" else "linear"


def theory(data: Dataset) -> Tensor:
    """The matrix of the best step."""
    spread, targets = laws(data.name)
    return optimal_step(N, DIM, NOISE, targets) * (torch.eye(DIM) if spread is None else spread.inverse())


def best_step(x: Tensor, data: Dataset) -> Tensor:
    return gd_step(x, theory(data))


def plain_step(x: Tensor, data: Dataset) -> Tensor:
    """One step, not preconditioned, of the length that is best on the prompts of training."""
    f, y = gd_step(data.train[0], 1.0), data.train[1]
    return gd_step(x, float((f * y).mean() / f.square().mean()))


def ridge(x: Tensor, data: Dataset) -> Tensor:
    """The mean of the posterior, given the true laws of x, w and the noise, for linear targets."""
    spread, _ = laws(data.name)
    z, y, query = x[:, :-1, :-1], x[:, :-1, -1:], x[:, -1:, :-1]
    prior = torch.eye(DIM) if spread is None else spread
    w = torch.linalg.solve(z.mT @ z + NOISE**2 * prior, z.mT @ y)
    return (query @ w)[:, 0]


def nothing(x: Tensor, data: Dataset) -> Tensor:
    """Zero, for every query."""
    return x.new_zeros(len(x), 1)


def layer(make: Arm, data: Dataset, width: int) -> nn.Module:
    return make(DIM)


def cosine(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-30))


def reading(model: nn.Module, data: Dataset) -> dict[str, float]:
    """The trained layer's matrix and predictions beside those of theory."""
    assert isinstance(model, LinearSelfAttention1)
    step, matrix = as_gd_step(model), theory(data)
    with torch.no_grad():
        predicted = model(data.test[0])
    return {
        "matrix_cosine": cosine(step.matrix, matrix),
        "prediction_cosine": cosine(predicted, gd_step(data.test[0], matrix)),
        "length_ratio": float(step.matrix.norm() / matrix.norm()),
        "rest": step.rest,
    }


@dataclass(frozen=True)
class InContext:
    """A layer is trained on the prompts; a function of prompts and data predicts as it is."""

    def __call__(self, cell: Cell) -> dict[str, float]:
        if isinstance(cell.arm.make, type):
            return regress(layer, batch=512, lr=1e-2, probe=reading)(cell)
        data: Dataset = cell.data
        predicted = cell.arm(data.test[0], data)
        return {
            "loss": float((predicted - data.test[1]).square().mean()),
            "prediction_cosine": cosine(predicted, best_step(data.test[0], data)),
            "matrix_cosine": 1.0 if cell.arm.make is best_step else 0.0,
        }


main = Study(
    name="linear-sa",
    question="Does one trained layer of linear self-attention take exactly one step of gradient descent, "
    "preconditioned where the axes differ, for linear and for rectified targets?",
    data=["isotropic", "anisotropic", "relu"],
    sources={name: Prompts(name) for name in ("isotropic", "anisotropic", "relu")},
    arms={
        "trained layer": LinearSelfAttention1,
        "step of theory": best_step,
        "plain step": plain_step,
        "ridge": ridge,
        "zero": nothing,
    },
    trial=InContext(),
    budget=Steps(600),
    claims=[
        Claim("training reaches the step", "loss", "trained layer", "<=", "step of theory", 0.05, LINEAR),
        Claim("training finds nothing better than the step", "loss", "step of theory", "<=", "trained layer", 0.05),
        Claim("the matrix read out is that of theory", "matrix_cosine", "trained layer", ">=", "step of theory", 0.01,
              LINEAR),
        Claim("predictions are those of the step", "prediction_cosine", "trained layer", ">=", "step of theory", 0.01,
              LINEAR),
        Claim("where the axes differ the layer preconditions", "loss", "trained layer", "<", "plain step", 0.1,
              ("anisotropic",)),
        Claim("training reaches the step for rectified targets", "loss", "trained layer", "<=", "step of theory", 0.05,
              ("relu",)),
        Claim("one step is short of ridge regression", "loss", "ridge", "<", "step of theory", 0.5, LINEAR),
    ],
    metrics=(LOSS, Metric("matrix_cosine"), Metric("prediction_cosine")),
    minutes=4,
    paper="linear-sa",
    reference="step of theory",
    baselines=("plain step", "ridge", "zero"),
    notes="The paper proves what the least loss is reached by, not that training gets there; the lengths of the "
    "steps are derived in `optimal_step`. The least loss by theory is 5 (1 - 10 / 16.25) + 0.25 = 2.17, linear. "
    "`length_ratio` and `rest` of the records say how long the trained step is, and how much of the layer is no such "
    "step. Margins ours, fixed before the run. Seen before it, at three other seeds: for rectified targets, whose y "
    "are of one sign, two starts of three ended where no step is taken at all, and 2,000 steps did not free the one "
    "that was tried; so the claims about them stand apart.",
)  # fmt: skip
