"""Do neurons that take means multiply, divide and tell one of two from both, also outside what they saw?"""

import math
from collections.abc import Callable

import torch
from torch import nn

from unbend.data import Dataset
from unbend.layers import Multiplet
from unbend.study import LOSS, MS_PER_STEP, R2, Arm, Claim, Metric, Steps, Study, regress

ORDERS = (-8.0, 0.0, 0.5, 1.0, 2.0, 8.0)
TRUTH: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "positive-product": lambda x: x.prod(1, keepdim=True) / 10,
    "positive-ratio": lambda x: x[:, :1] / x[:, 1:],
    "positive-xor": lambda x: ((x > 0.55).sum(1, keepdim=True) == 1).float(),
}


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    """One hidden layer of what the arm makes, and a linear read-out."""
    return make(data.shape[0], data.outputs, width)


def means(inputs: int, outputs: int, width: int, trainable: bool) -> nn.Module:
    """Multiplets of the inputs and a constant one, and a linear layer."""
    layer = Multiplet(inputs + 1, width, ORDERS, trainable=trainable)
    return nn.Sequential(nn.ConstantPad1d((0, 1), 1.0), layer, nn.Linear(width * len(ORDERS), outputs))


def perceptron(inputs: int, outputs: int, width: int, bend: Callable[[], nn.Module]) -> nn.Module:
    """One hidden layer of a bend."""
    return nn.Sequential(nn.Linear(inputs, width), bend(), nn.Linear(width, outputs))


def beyond(model: nn.Module, data: Dataset) -> dict[str, float]:
    """The error on the square of twice the size, outside of what was seen, relative to the size of the values."""
    side = torch.linspace(0.05, 2, 40) * data.train[0].max()
    x = torch.cartesian_prod(side, side)
    x = x[(x > data.train[0].max()).any(1)]
    y = TRUTH[data.name](x)
    off = float((model(x) - y).detach().square().mean() / y.square().mean())
    return {"log10_beyond": 0.5 * math.log10(max(off, 1e-30))}


ARITHMETIC = ("positive-product", "positive-ratio")

main = Study(
    name="multiplet",
    question="Do neurons that take weighted means compute products, ratios and exclusive or more closely than "
    "perceptrons with as many parameters, inside and outside of what they saw?",
    data=[*ARITHMETIC, "positive-xor"],
    arms={
        "tanh": Arm(perceptron, {"bend": nn.Tanh}),
        "relu": Arm(perceptron, {"bend": nn.ReLU}),
        "multiplet": Arm(means, {"trainable": False}),
        "multiplet, orders learned": Arm(means, {"trainable": True}),
    },
    trial=regress(network, width=32, match="params", lr=1e-2, weight_decay=0.0, probe=beyond),
    budget=Steps(1000),
    claims=[
        Claim("multiplets compute the exclusive or", "r2", "multiplet", ">=", "tanh", 0.05, ("positive-xor",)),
        Claim("multiplets multiply more closely than relu", "rmse", "multiplet", "<", "relu", 0.0, ARITHMETIC[:1]),
        Claim("multiplets divide more closely than relu", "rmse", "multiplet", "<", "relu", 0.0, ARITHMETIC[1:]),
        Claim("and than tanh", "rmse", "multiplet", "<", "tanh", 0.0, ARITHMETIC),
        Claim("they err less outside than relu", "log10_beyond", "multiplet", "<", "relu", 0.1, ARITHMETIC),
        Claim("and than tanh, outside", "log10_beyond", "multiplet", "<", "tanh", 0.1, ARITHMETIC),
        Claim("learning the orders helps", "rmse", "multiplet, orders learned", "<", "multiplet", 0.0, ARITHMETIC),
    ],
    metrics=(Metric("rmse", "lower"), R2, Metric("log10_beyond", "lower"), LOSS, MS_PER_STEP),
    minutes=4,
    paper="multiplet",
    reference="tanh",
    baselines=("tanh", "relu"),
    notes="The paper claims that two layers compute the exclusive or, products and ratios without a further bend, and "
    "reports no comparison. Means are homogeneous of degree 1: a product, of degree 2, needs the constant one among "
    "the inputs. Outside is the part of the square of twice the size that was not seen.",
)
