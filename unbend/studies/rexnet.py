"""Do channels that grow linearly from block to block serve better than those that grow from stage to stage?"""

from collections.abc import Callable

import torch
from torch import nn

from unbend.activations import ReLU
from unbend.data import Dataset
from unbend.models import ReXNet, feature_rank_ratio
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, PARAMETERS, Arm, Cell, Claim, Metric, Steps, Study, classify

DEPTHS, STRIDES = (1, 2, 2, 2), (1, 2, 1, 2)
BLOCKS, GROWTH = sum(DEPTHS), 4
# Channels of a sixteenth of the width, so that the cost moves in small steps.
UNIT = 16


def step(share: float, stage: float) -> float:
    """Constant within a stage, the growth of a geometric series between them."""
    return GROWTH**stage


def linear(share: float, stage: float) -> float:
    return 1 + (GROWTH - 1) * share


def convex(share: float, stage: float) -> float:
    return 1 + (GROWTH - 1) * share**2


def concave(share: float, stage: float) -> float:
    return 1 + (GROWTH - 1) * share**0.5


def channels(width: int, schedule: Callable[[float, float], float]) -> tuple[int, ...]:
    stages = [i / (len(DEPTHS) - 1) for i, depth in enumerate(DEPTHS) for _ in range(depth)]
    return tuple(max(1, round(width / UNIT * schedule(i / (BLOCKS - 1), at))) for i, at in enumerate(stages))


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    return ReXNet(
        channels=make(width),
        depths=DEPTHS,
        strides=STRIDES,
        stem=16,
        head=128,
        in_chans=data.shape[0],
        num_classes=data.outputs,
    )


def arm(schedule: Callable[[float, float], float]) -> Arm:
    return Arm(channels, {"schedule": schedule})


main = Study(
    name="rexnet",
    question="Are networks whose channels grow linearly with the block more accurate than those whose channels grow "
    "with the stage, with as many parameters?",
    data=["digits16"],
    arms={"step": arm(step), "linear": arm(linear), "convex": arm(convex), "concave": arm(concave)},
    trial=classify(network, width=160, match="params", batch=32, lr=5e-3),
    budget=Steps(112),
    claims=[
        Claim("linear channels are better than steps", "accuracy", "linear", ">", "step", 0.005),
        Claim("linear channels are no worse than convex ones", "accuracy", "linear", ">=", "convex", 0.005),
        Claim("linear channels are no worse than concave ones", "accuracy", "linear", ">=", "concave", 0.005),
    ],
    metrics=(ACCURACY, LOSS, PARAMETERS, MS_PER_STEP),
    minutes=4,
    paper="rexnet",
    reference="step",
    baselines=("step",),
    notes="Seven inverted bottlenecks in four stages, on 16 x 16 pixels; channels grow fourfold in each schedule, and "
    "the width gives each as many parameters as the steps have at 160. The authors found linear schedules among the "
    "best of a search over piecewise linear ones, and a gain of about two points over MobileNetV2 on ImageNet, both "
    "from memory. The margins are ours, fixed before the run.",
)

BENDS: dict[str, Arm] = {
    "identity": Arm(nn.Identity),
    "relu": Arm(ReLU),
    "relu6": Arm(nn.ReLU6),
    "silu": Arm(nn.SiLU),
    "elu": Arm(nn.ELU),
}
RATIOS, CHANNELS, DRAWS = (1 / 16, 1 / 8, 1 / 4), 128, 4


def ranks(cell: Cell) -> dict[str, float]:
    """The mean rank ratio over layers that widen 16, 8 and 4 times, and that of each."""
    generator, bend = torch.Generator().manual_seed(cell.seed), cell.arm()
    found = {
        f"rank_{round(1 / ratio)}": sum(
            feature_rank_ratio(bend, round(ratio * CHANNELS), CHANNELS, tolerance=1e-2, generator=generator)
            for _ in range(DRAWS)
        )
        / DRAWS
        for ratio in RATIOS
    }
    return {"rank": sum(found.values()) / len(found), **found}


rank = Study(
    name="rexnet-rank",
    question="Which bends give the features of a layer that widens the highest rank?",
    data=["digits"],
    arms=BENDS,
    trial=ranks,
    budget=Steps(1),
    claims=[
        Claim("silu gives a higher rank than relu6", "rank", "silu", ">", "relu6", 0.01),
        Claim("elu gives a higher rank than relu6", "rank", "elu", ">", "relu6", 0.01),
        Claim("relu6 gives a higher rank than relu", "rank", "relu6", ">", "relu", 0.01),
        Claim("relu gives a higher rank than no bend", "rank", "relu", ">", "identity", 0.01),
    ],
    metrics=(Metric("rank", "higher", worst=0.0),),
    minutes=1,
    paper="rexnet",
    reference="relu",
    baselines=("identity", "relu"),
    notes="Layers of 128 channels over 8, 16 and 32 random ones, on 256 random inputs; singular values above a "
    "hundredth of the largest count. The authors do not say from which size theirs count. Nothing is trained, and no "
    "data are used. The claims were declared before; one seed was seen then, and spoke against three of them.",
)
