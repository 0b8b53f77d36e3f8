"""Are networks drawn at random better, the more regular their widths have to be?"""

from typing import Any

from torch import nn

from unbend.data import Dataset
from unbend.models import AnyNet, DesignSpace
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, PARAMETERS, Arm, Claim, Steps, Study, classify

LEAST, MOST = 4e5, 6e5
FIXED: dict[str, Any] = {"strides": (1, 2, 2), "stem": 8}


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    """A network of the arm's design space, drawn by the seed of the cell, with as many multiplications as others."""
    channels, *size = data.shape
    head: dict[str, Any] = {"in_chans": channels, "num_classes": data.outputs}
    plan = make().sample_within(LEAST, MOST, (size[0], size[1]), **FIXED, **head)
    return AnyNet(**plan, **FIXED, **head)


def space(kind: str) -> Arm:
    return Arm(DesignSpace, {"kind": kind, "stages": 3, "depth": 6, "width": 128, "groups": (1, 2, 4, 8, 16)})


main = Study(
    name="regnet",
    question="Are networks drawn at random more accurate at equal cost, the more regular their widths have to be?",
    data=["digits16"],
    arms={"free": space("A"), "shared": space("C"), "rising": space("D"), "regnet": space("regnet")},
    trial=classify(network, batch=32, lr=5e-3),
    budget=Steps(112),
    claims=[
        Claim("one bottleneck and one group width for all cost nothing", "accuracy", "shared", ">=", "free", 0.01),
        Claim("widths that rise are better", "accuracy", "rising", ">", "shared", 0.005),
        Claim("widths on a line are no worse than widths that rise", "accuracy", "regnet", ">=", "rising", 0.005),
        Claim("widths on a line are better than free ones", "accuracy", "regnet", ">", "free", 0.01),
    ],
    metrics=(ACCURACY, LOSS, PARAMETERS, MS_PER_STEP),
    seeds=24,
    minutes=6,
    paper="regnet",
    reference="free",
    baselines=("free", "shared"),
    notes="Each seed draws one network from each space, of three stages and 0.4 to 0.6 million multiplications, and "
    "trains it for three epochs. The mean error of a population is the area above its empirical distribution function, "
    "which the authors compare by eye. Margins are ours, fixed before the run; the authors find the large gains from B "
    "to D, in errors of 40 to 50 % on ImageNet.",
)
