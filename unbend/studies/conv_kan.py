"""Are convolutions of learned functions as accurate as plain ones with as many parameters?"""

from itertools import pairwise

from torch import nn

from unbend.activations import KANConv2d, KANLayer
from unbend.activations._kan_base import BasisName
from unbend.data import Dataset
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, OPERATIONS, PARAMETERS, Arm, Claim, Steps, Study, classify

DOMAIN = (-2.0, 2.0)


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    """Three convolutions with a halving after the first two, the mean over the map, and a head.

    `width` is that of the three together, so that it moves in small steps.
    """
    return make(data.outputs, (data.shape[0], *((width + i) // 3 for i in range(3))))


def plain(outputs: int, widths: tuple[int, ...]) -> nn.Module:
    return _around([_bent(a, b) for a, b in pairwise(widths)], nn.Linear(widths[-1], outputs))


def kan_convolutions(outputs: int, widths: tuple[int, ...], basis: BasisName = "bspline") -> nn.Module:
    return _around([_functions(a, b, basis) for a, b in pairwise(widths)], nn.Linear(widths[-1], outputs))


def kan_head(outputs: int, widths: tuple[int, ...]) -> nn.Module:
    head = nn.Sequential(nn.BatchNorm1d(widths[-1]), KANLayer(widths[-1], outputs, domain=DOMAIN))
    return _around([_bent(a, b) for a, b in pairwise(widths)], head)


def _bent(a: int, b: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())


def _functions(a: int, b: int, basis: BasisName) -> nn.Module:
    # Normalised, nearly all values lie in the domain of the functions that come next.
    return nn.Sequential(KANConv2d(a, b, 3, padding=1, basis=basis, domain=DOMAIN), nn.BatchNorm2d(b))


def _around(layers: list[nn.Module], head: nn.Module) -> nn.Module:
    first, second, third = layers
    pooled = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(first, nn.MaxPool2d(2), second, nn.MaxPool2d(2), third, *pooled, head)


main = Study(
    name="conv-kan",
    question="Are convolutions of learned functions as accurate as plain ones with as many parameters?",
    data=["digits", "digits16"],
    arms={
        "kan": kan_convolutions,
        "kan-rbf": Arm(kan_convolutions, {"basis": "rbf"}),
        "kan-head": kan_head,
        "conv": plain,
    },
    trial=classify(network, width=75, match="params", lr=1e-2),
    budget=Steps(300),
    claims=[
        Claim("convolutions of functions are as accurate as plain ones", "accuracy", "kan", ">=", "conv", margin=0.01),
        Claim("so they are with Gaussian bells", "accuracy", "kan-rbf", ">=", "conv", margin=0.01),
        Claim("so is a head of functions", "accuracy", "kan-head", ">=", "conv", margin=0.01),
        Claim("functions take less work", "operations", "kan", "<=", "conv"),
    ],
    metrics=(ACCURACY, LOSS, PARAMETERS, OPERATIONS, MS_PER_STEP),
    minutes=6,
    paper="conv-kan",
    reference="conv",
    baselines=("conv",),
    notes="The abstract has the accuracy of plain convolutions on MNIST and Fashion-MNIST with half of their "
    "parameters or less. Here all arms have as many parameters as the plain one with three layers of 25 channels, so "
    "that layers of functions are about a third as wide. Batch normalisation brings what they read into their domain, "
    "-2 to 2.",
)
