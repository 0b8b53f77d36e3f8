"""Can a rectified score take the place of a softmax?"""

from math import prod

from torch import Tensor, nn
from torch.nn import functional as F

from unbend.data import Dataset
from unbend.losses import relu_classifier_loss, silent
from unbend.losses._relu_classifier import Mode
from unbend.study import ACCURACY, Arm, Claim, Metric, Steps, Study, classify


class Classifier(nn.Sequential):
    """Two hidden layers and scores, trained on the loss of one mode; in use it gives what the mode predicts by."""

    def __init__(self, features: int, classes: int, width: int, mode: Mode, start: float = 0.1) -> None:
        last = nn.Linear(width, classes)
        nn.init.constant_(last.bias, start)
        hidden = nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        super().__init__(nn.Flatten(), *hidden, last)
        self.mode: Mode = mode

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        return relu_classifier_loss(out, y, self.mode)

    def forward(self, input: Tensor) -> Tensor:
        scores = super().forward(input)
        return scores if self.training or self.mode == "softmax" else F.relu(scores)


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    return make(prod(data.shape), data.outputs, width)


def quiet(model: nn.Module, data: Dataset) -> dict[str, float]:
    """Share of test rows without a positive score."""
    model.train()  # scores as they are
    return {"silent": float(silent(model(data.test[0])).double().mean())}


main = Study(
    name="relu-classifier",
    question="Can a rectified score take the place of a softmax as what a classifier predicts by?",
    data=["digits", "wine", "breast-cancer"],
    arms={
        "log": Arm(Classifier, {"mode": "log"}),
        "normalised": Arm(Classifier, {"mode": "normalised"}),
        "square": Arm(Classifier, {"mode": "square"}),
        "softmax": Arm(Classifier, {"mode": "softmax"}),
    },
    trial=classify(network, width=64, lr=2e-3, probe=quiet),
    budget=Steps(400),
    claims=[
        Claim("the paper's loss is as accurate as the softmax", "accuracy", "log", ">=", "softmax", margin=0.01),
        Claim("so it is when the scores are normalised", "accuracy", "normalised", ">=", "softmax", margin=0.01),
        Claim("so it is with squared errors", "accuracy", "square", ">=", "softmax", margin=0.01),
        Claim("normalising is better than the paper's loss", "accuracy", "normalised", ">", "log", margin=0.01),
    ],
    metrics=(ACCURACY, Metric("silent", "lower")),
    minutes=3,
    paper="relu-classifier",
    reference="softmax",
    baselines=("softmax",),
    notes="The paper has the rectified score somewhat behind the softmax on MNIST (91.7 against 95.4 with its CNN) and "
    "on breast cancer, and calls it comparable. `silent` is the share of test rows without a positive score; they are "
    "predicted as class 0. The scores' biases start at 0.1. Seen after the run: "
    "the paper's loss as printed falls without end when all scores of a row rise together, and nothing keeps the wrong "
    "classes down, so the network does not learn to tell them apart.",
)
