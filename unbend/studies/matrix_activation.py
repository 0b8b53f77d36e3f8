"""Do layers whose bends are matrices of learned steps fit better than those with fixed bends?"""

from torch import nn

from unbend.activations import DiagMatrixActivation, PReLU, TridiagMatrixActivation
from unbend.data import Dataset
from unbend.study import LOSS, MS_PER_STEP, PARAMETERS, R2, Arm, Claim, Steps, Study, regress

POINTS = {"breakpoints": (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75)}


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    """One hidden layer, bent by `make(channels=width)`."""
    return nn.Sequential(nn.Linear(data.shape[0], width), make(channels=width), nn.Linear(width, data.outputs))


def relu(channels: int) -> nn.Module:
    """A bend without parameters."""
    return nn.ReLU()


ARMS = {
    "relu": relu,
    "prelu": PReLU,
    "diagonal": Arm(DiagMatrixActivation, POINTS),
    "continuous": Arm(DiagMatrixActivation, {**POINTS, "continuous": True}),
    "tridiagonal": Arm(TridiagMatrixActivation, POINTS),
}
NOTES = (
    "The paper shows better fits of oscillating functions and of images than with ReLU, in pictures and tables that we "
    "could not read: directions only. Seven breakpoints a quarter apart are ours. All arms share the learning rate, "
    "not tuned."
)

main = Study(
    name="matrix-activation",
    question="With as many units, do matrices of learned steps fit better than ReLU?",
    data=["two-waves", "diabetes"],
    arms=ARMS,
    trial=regress(network, width=40, lr=1e-2),
    budget=Steps(1500),
    claims=[
        Claim("steps fit the waves better than relu", "r2", "diagonal", ">", "relu", margin=0.02, data=("two-waves",)),
        Claim("and than prelu", "r2", "diagonal", ">", "prelu", margin=0.02, data=("two-waves",)),
        Claim("neighbours help", "r2", "tridiagonal", ">", "diagonal", margin=0.005, data=("two-waves",)),
        Claim("jumps help", "r2", "diagonal", ">", "continuous", margin=0.005, data=("two-waves",)),
        Claim("on a table steps are no worse than relu", "r2", "diagonal", ">=", "relu", 0.02, data=("diabetes",)),
    ],
    metrics=(R2, LOSS, PARAMETERS, MS_PER_STEP),
    minutes=3,
    paper="matrix-activation",
    reference="relu",
    baselines=("relu", "prelu"),
    notes=NOTES,
)

matched = Study(
    name="matrix-activation-params",
    question="With as many parameters, do matrices of learned steps fit better than ReLU?",
    data=["two-waves"],
    arms=ARMS,
    trial=regress(network, width=147, match="params", lr=1e-2),
    budget=Steps(1500),
    claims=[
        Claim("steps fit the waves better than relu", "r2", "diagonal", ">", "relu", margin=0.02),
        Claim("so do steps without jumps", "r2", "continuous", ">", "relu", margin=0.02),
        Claim("so do steps with neighbours", "r2", "tridiagonal", ">", "relu", margin=0.02),
    ],
    metrics=(R2, LOSS, PARAMETERS, MS_PER_STEP),
    minutes=2,
    paper="matrix-activation",
    reference="relu",
    baselines=("relu", "prelu"),
    notes=NOTES,
)
