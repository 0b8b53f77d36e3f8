"""Do smooth bends bear rounding and noise better than ReLU?"""

from itertools import pairwise
from math import prod

from torch import nn

from unbend.activations import bend
from unbend.data import Dataset
from unbend.layers import Analog
from unbend.study import ACCURACY, LOSS, Arm, Claim, Steps, Study, classify

# Levels for each unit, and the share of values that noise carries past theirs.
NOISE = {"mild": (8, 0.2), "harsh": (4, 0.5)}
BENDS = ("relu", "leaky_relu", "gelu", "silu")


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    return make(prod(data.shape), data.outputs, width)


def analog_mlp(features: int, outputs: int, width: int, name: str, precision: int, leakage: float) -> nn.Module:
    """Four layers, each within rounding and noise; the last one is read exactly."""
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise((features, width, width, width)):
        layers += [Analog(nn.Linear(fan_in, fan_out), precision, leakage), bend(name)]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def arm(name: str, noise: str) -> Arm:
    precision, leakage = NOISE[noise]
    return Arm(analog_mlp, {"name": name, "precision": precision, "leakage": leakage})


main = Study(
    name="quantised-noise",
    question="Do smooth bends keep more accuracy than ReLU where every layer is rounded and noisy?",
    data=["digits", "mnist5k"],
    arms={f"{name} {noise}": arm(name, noise) for noise in NOISE for name in BENDS},
    trial=classify(network, width=96),
    budget=Steps(400),
    claims=[
        Claim("gelu beats relu under harsh noise", "accuracy", "gelu harsh", ">", "relu harsh", margin=0.01),
        Claim("silu beats relu under harsh noise", "accuracy", "silu harsh", ">", "relu harsh", margin=0.01),
        Claim(
            "gelu beats leaky relu under harsh noise", "accuracy", "gelu harsh", ">", "leaky_relu harsh", margin=0.01
        ),
        Claim("gelu is no worse than relu under mild noise", "accuracy", "gelu mild", ">=", "relu mild", margin=0.005),
        Claim("noise costs accuracy", "accuracy", "relu mild", ">", "relu harsh", margin=0.01),
    ],
    metrics=(ACCURACY, LOSS),
    minutes=5,
    paper="quantised-noise",
    reference="relu harsh",
    baselines=("relu harsh", "relu mild"),
    notes="The paper trains convolutional nets and vision transformers; GELU and SiLU keep accuracy at few bits where "
    "ReLU falls behind, more so in deeper nets. Here: three hidden layers, 8 levels and 20 % leakage, or 4 levels and "
    "50 %, noise in training and in the test.",
)
