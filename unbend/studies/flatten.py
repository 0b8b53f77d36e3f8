"""Focused linear attention on the pixels of digits: what focus and convolution bring."""

from unbend.mixers import FocusedLinearAttention
from unbend.studies._patches import BUDGET, METRICS, SETTINGS, YARDSTICKS, trial
from unbend.study import Arm, Claim, Study

BASE = {"heads": 2}

main = Study(
    name="flatten",
    question="Does focus, or the convolution beside it, make linear attention as good as softmax attention?",
    data=["digits"],
    arms={
        **YARDSTICKS,
        "focused": Arm(FocusedLinearAttention, BASE),
        "relu": Arm(FocusedLinearAttention, {**BASE, "power": 1.0, "kernel_size": None}),
        "no convolution": Arm(FocusedLinearAttention, {**BASE, "kernel_size": None}),
        "no focus": Arm(FocusedLinearAttention, {**BASE, "power": 1.0}),
        "power 8": Arm(FocusedLinearAttention, {**BASE, "power": 8.0}),
    },
    trial=trial(),
    budget=BUDGET,
    claims=[
        Claim("focused attention beats elu + 1", "accuracy", "focused", ">", "elu", margin=0.01),
        Claim("focused attention beats plain relu features", "accuracy", "focused", ">", "relu", margin=0.01),
        Claim("focused attention is as good as softmax", "accuracy", "focused", ">=", "softmax", margin=0.01),
        Claim("without the convolution it is worse", "accuracy", "focused", ">", "no convolution", margin=0.01),
        Claim("without focus it is worse", "accuracy", "focused", ">", "no focus", margin=0.005),
        Claim("a power of 3 is no worse than one of 8", "accuracy", "focused", ">=", "power 8", margin=0.01),
    ],
    metrics=METRICS,
    seeds=5,
    minutes=5,
    paper="flatten",
    reference="softmax",
    baselines=tuple(YARDSTICKS),
    notes="Directions from the paper, which gains 0.3 to 2.7 points on ImageNet over the softmax models. " + SETTINGS,
)
