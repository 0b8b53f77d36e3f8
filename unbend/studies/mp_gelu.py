"""Does a bend made for moments serve a Bayesian network as well as ReLU's exact moments?"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.data import Dataset
from unbend.models import MomentMLP
from unbend.study import MS_PER_STEP, OPERATIONS, Arm, Claim, Metric, Steps, Study, regress

NINETY = 1.6448536269514722


class Bayesian(nn.Module):
    """A network of moments that answers with its mean, and keeps the variance for its loss."""

    def __init__(self, data: Dataset, width: int, bend: str) -> None:
        super().__init__()
        self.rows = len(data.train[0])
        self.body = MomentMLP(data.shape[0], data.outputs, (width,), bend)
        self.moments = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.moments = self.body(x)
        return self.moments[..., 0, :]

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        return self.body.loss(self.moments, y, self.rows)

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.body(x).unbind(-2)


class Dropout(nn.Sequential):
    """ReLU with dropout before the last layer, in use as well: a hundred passes give mean and variance."""

    def __init__(self, data: Dataset, width: int, rate: float = 0.1) -> None:
        layers = nn.Linear(data.shape[0], width), nn.ReLU(), nn.Dropout(rate), nn.Linear(width, data.outputs)
        super().__init__(*layers)
        self.log_noise = nn.Parameter(torch.full((data.outputs,), math.log(0.1)))

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        return F.gaussian_nll_loss(out, y, self.log_noise.exp().expand_as(out), full=True)

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.train()
        draws = torch.stack([self(x) for _ in range(100)])
        self.eval()
        return draws.mean(0), draws.var(0) + self.log_noise.exp()


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    return make(data, width)


@torch.no_grad()
def uncertainty(model: Any, data: Dataset) -> dict[str, float]:
    """How likely the test targets are under the predicted Gaussians, and how far their 90 % intervals miss 90 %."""
    x, y = data.test
    mean, var = model.predict(x)
    covered = ((y - mean).abs() <= NINETY * var.sqrt()).double().mean()
    likelihood = -F.gaussian_nll_loss(mean, y, var, full=True)
    return {"log_likelihood": float(likelihood), "coverage_gap": abs(float(covered) - 0.9)}


main = Study(
    name="mp-gelu",
    question="Does MP-GELU serve a Bayesian network as well as the exact moments of ReLU, for less work?",
    data=["diabetes", "auto-mpg"],
    arms={
        "mp-gelu": Arm(Bayesian, {"bend": "mp-gelu"}),
        "mp-gelu-marginal": Arm(Bayesian, {"bend": "mp-gelu-marginal"}),
        "relu": Arm(Bayesian, {"bend": "relu"}),
        "dropout": Dropout,
    },
    trial=regress(network, width=50, lr=1e-2, weight_decay=0.0, probe=uncertainty),
    budget=Steps(600),
    claims=[
        Claim("mp-gelu predicts as well as relu", "rmse", "mp-gelu", "<=", "relu", margin=0.01),
        Claim("its uncertainty is as good", "log_likelihood", "mp-gelu", ">=", "relu", margin=0.01),
        Claim("its uncertainty is better than dropout's", "log_likelihood", "mp-gelu", ">", "dropout", margin=0.01),
        Claim("its intervals cover as well", "coverage_gap", "mp-gelu", "<=", "relu", margin=0.02),
        Claim("it takes less work", "operations", "mp-gelu", "<", "relu"),
    ],
    metrics=(
        Metric("rmse", "lower"), Metric("log_likelihood", "higher"), Metric("coverage_gap", "lower"), OPERATIONS,
        MS_PER_STEP,
    ),
    minutes=3,
    paper="mp-gelu",
    reference="relu",
    baselines=("relu", "dropout"),
    notes="The paper reports better accuracy and uncertainty than ReLU by moments on regression tables, and less time. "
    "Targets are in standard deviations of training; likelihoods are a mean over test rows, in nats. One hidden layer. "
    "The paper's text could not be read: the gate of mp-gelu is our reading (see MPGELU).",
)  # fmt: skip
