"""Does a ripple in the bend let networks continue what is periodic?"""

from torch import nn

from unbend.activations import Snake, XPlusSin, bend
from unbend.data import Dataset
from unbend.study import LOSS, MS_PER_STEP, R2, Arm, Claim, Metric, Steps, Study, regress

RMSE = Metric("rmse", "lower", worst=10.0)
ARMS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sine": Arm(bend, {"name": "sine"}),
    "x+sin": XPlusSin,
    "snake 1": Arm(Snake, {"a": 1.0}),
    "snake 10": Arm(Snake, {"a": 10.0}),
}


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    """Two hidden layers of one bend."""
    first, last = nn.Linear(data.shape[0], width), nn.Linear(width, data.outputs)
    return nn.Sequential(first, make(), nn.Linear(width, width), make(), last)


main = Study(
    name="snake",
    question="Does a network with Snake continue a sine, where those with ReLU and tanh cannot?",
    data=["sine"],
    arms=ARMS,
    trial=regress(network, width=64, lr=1e-2, weight_decay=0.0),
    budget=Steps(2000),
    claims=[
        Claim("snake continues the sine, relu does not", "rmse", "snake 1", "<", "relu", 0.3),
        Claim("nor does tanh", "rmse", "snake 1", "<", "tanh", 0.3),
        Claim("x + sin(x) continues it as well", "rmse", "x+sin", "<", "relu", 0.3),
        Claim("snake continues it better than the bare sine", "rmse", "snake 1", "<", "sine", 0.05),
    ],
    metrics=(RMSE, R2, MS_PER_STEP),
    minutes=4,
    paper="snake",
    reference="relu",
    baselines=("relu", "tanh"),
    notes="Seen on [-5, 5], tested on [5, 15]. Errors are in units of the sine's height; one that says nothing is "
    "off by 0.71. The paper proves that ReLU and tanh networks cannot continue it, and shows that Snake does.",
)

series = Study(
    name="snake-series",
    question="Does a network with Snake continue sunspots and the seasons of carbon dioxide from time alone?",
    data=["sunspots", "co2"],
    arms=ARMS,
    trial=regress(network, width=64, lr=1e-2, weight_decay=0.0),
    budget=Steps(2000),
    claims=[
        Claim("snake from 10 continues the series better than relu", "rmse", "snake 10", "<", "relu", 0.1),
        Claim("and better than tanh", "rmse", "snake 10", "<", "tanh", 0.1),
        Claim("the frequency it starts from matters", "rmse", "snake 10", "<", "snake 1", 0.1),
        Claim("snake from 10 continues them better than x + sin(x)", "rmse", "snake 10", "<", "x+sin", 0.1),
    ],
    metrics=(RMSE, R2, LOSS, MS_PER_STEP),
    minutes=5,
    paper="snake",
    reference="relu",
    baselines=("relu", "tanh"),
    notes="Time is in decades for sunspots, in years for carbon dioxide; the first 70 % are seen. Errors are in "
    "standard deviations of what was seen. The paper shows temperatures on an island and a stock index, and advises "
    "a larger start for what is plainly periodic.",
)
