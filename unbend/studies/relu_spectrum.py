"""Does the constant that a rectifier makes of a tone help to train, and keep the weights near their start?"""

from torch import Tensor, nn

from unbend.activations import ReLU
from unbend.data import Dataset
from unbend.layers import RemoveDC
from unbend.study import ACCURACY, LOSS, Arm, Claim, Metric, Steps, Study, classify


class Listener(nn.Module):
    """Convolution, the bend under test, convolution, ReLU, global average pooling; it remembers its first weights."""

    def __init__(self, bend: nn.Module, data: Dataset, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(data.shape[0], width, 9, padding=4),
            bend,
            nn.Conv1d(width, width, 9, padding=4),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(width, data.outputs),
        )
        self.start = [p.detach().clone() for p in self.body.parameters()]

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Magnitude(nn.Module):
    """|x|: twice the rectifier, less the tone itself."""

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


def listener(make: Arm, data: Dataset, width: int) -> nn.Module:
    return Listener(make(), data, width)


def without_constant() -> nn.Module:
    """A rectifier, less the mean over time."""
    return nn.Sequential(ReLU(), RemoveDC())


def movement(model: nn.Module, data: Dataset) -> dict[str, float]:
    """How far the weights are from where they began, over the size that they had."""
    assert isinstance(model, Listener)
    now = [p.detach() for p in model.body.parameters()]
    moved = sum(float((p - q).square().sum()) for p, q in zip(now, model.start))
    return {"moved": (moved / sum(float(q.square().sum()) for q in model.start)) ** 0.5}


main = Study(
    name="relu-spectrum",
    question="Does the constant that a rectifier makes of a tone help a network to tell tones, and keep its weights "
    "near their start?",
    data=["tone-pitch", "tone-strength"],
    arms={"relu": ReLU, "relu without constant": without_constant, "abs": Magnitude, "linear": nn.Identity},
    trial=classify(listener, width=8, probe=movement),
    budget=Steps(300),
    claims=[
        Claim("with the constant it is no less accurate", "accuracy", "relu", ">=", "relu without constant", 0.01),
        Claim("with the constant weights move less", "moved", "relu", "<", "relu without constant", 0.02),
        Claim("the magnitude alone serves as well as the rectifier", "accuracy", "abs", ">=", "relu", 0.02),
        Claim("a first layer without a bend does worse", "accuracy", "relu", ">", "linear", 0.02),
    ],
    metrics=(ACCURACY, LOSS, Metric("moved", "lower")),
    minutes=4,
    paper="relu-spectrum",
    reference="relu",
    baselines=("linear",),
    notes="The authors find that with the constant training ends at weights close to the random ones of its start; "
    "they give no number, so the margins are ours, fixed before the run: one or two points, and 0.02 of the "
    "weights' size. The constant is taken away after the first rectifier; after the last "
    "one nothing would be left to pool.",
)
