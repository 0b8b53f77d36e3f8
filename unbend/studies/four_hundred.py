"""Does the choice of bend matter? A sample of the catalogue, and all of it once."""

from collections.abc import Callable
from math import prod

from torch import nn

from unbend.activations import bend, catalogue
from unbend.data import Dataset
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Steps, Study, classify

# Drawn by random.Random(141) from the entries that are neither aliases nor UNVERIFIED: eight of those that grow along a
# line at plus infinity, then four of the bounded monotone ones.
GROWING = ("selu", "apaf", "softplus", "reltanh", "gabu", "softmodulus_q", "thlu", "puaf")
BOUNDED = ("adaptive_slope_sigmoid", "hard_sigmoid", "slope_varying_tanh", "sbaf")
BASELINES = ("relu", "gelu", "silu")


def plain_mlp(make: Callable[[], nn.Module], data: Dataset, width: int = 128) -> nn.Module:
    """Two hidden layers and nothing beside them: no normalisation and no shortcut that would even the bends out."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(prod(data.shape), width),
        make(),
        nn.Linear(width, width),
        make(),
        nn.Linear(width, data.outputs),
    )


def _named(names: "list[str] | tuple[str, ...]") -> dict[str, Arm]:
    return {name: Arm(bend, {"name": name}) for name in names}


main = Study(
    name="four-hundred",
    question="Does it matter which of the survey's bends a small network has?",
    data=["digits"],
    arms=_named((*BASELINES, *GROWING, *BOUNDED)),
    trial=classify(plain_mlp, width=128, lr=1e-3),
    budget=Steps(600),
    claims=[
        *(Claim(f"{name} is within a point of relu", "accuracy", name, ">=", "relu", margin=0.01) for name in GROWING),
        *(Claim(f"{name} is less accurate than relu", "accuracy", "relu", ">", name, margin=0.01) for name in BOUNDED),
        Claim("gelu is within a point of relu", "accuracy", "gelu", ">=", "relu", margin=0.01),
        Claim("silu is within a point of relu", "accuracy", "silu", ">=", "relu", margin=0.01),
    ],
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=5,
    paper="four-hundred",
    reference="relu",
    baselines=BASELINES,
    notes="The survey makes no claim in numbers. What is widely said is tested: that among bends that do not saturate "
    "the choice is worth less than a point, and that bounded ones lose more. The sample was drawn before anything was "
    "run; a result against it: more than half of the eight that grow lie more than a point behind relu.",
)

everything = Study(
    name="four-hundred-all",
    question="How does each closed form of the catalogue fare, at a glance?",
    data=["digits"],
    arms=_named([entry.name for entry in catalogue().values() if entry.kind == "bend" and not entry.alias_of]),
    trial=classify(plain_mlp, width=64, lr=1e-3),
    budget=Steps(150),
    claims=[],
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    seeds=1,
    minutes=10,
    paper="four-hundred",
    reference="relu",
    baselines=BASELINES,
    notes="One seed and few steps: it shows what fails to train, and no ranking. A form that is not defined for all "
    "numbers diverges.",
)
