"""Do few learned functions describe atoms as well as many fixed ones, and do tables of them lose nothing?"""

import torch
from torch import Tensor, nn

from unbend.activations import KANLayer
from unbend.data import Dataset
from unbend.models import KANPotential, pair_energy
from unbend.study import LOSS, MS_PER_STEP, OPERATIONS, R2, Arm, Claim, Metric, Steps, Study, regress

RADIUS = 2.2


class Pairs(nn.Module):
    """A Kolmogorov-Arnold network of one layer on the distances."""

    def __init__(self, grid: int = 20) -> None:
        super().__init__()
        self.phi = KANLayer(1, 1, grid, domain=(0.6, 3.2))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return (pair_energy(x, lambda r: self.phi(r[..., None])[..., 0]) + self.bias)[:, None]


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    return make()


def descriptors(curves: int, order: int = 10, angles: bool = True) -> nn.Module:
    return KANPotential(RADIUS, curves, order, (16,), angles)


@torch.no_grad()
def tables(model: nn.Module, data: Dataset) -> dict[str, float]:
    """What the test error becomes when the functions are read from tables of a hundred points."""
    x, y = data.test
    read = model.tabulated(100) if isinstance(model, KANPotential) else model
    return {"table_loss": float((read(x) - y).square().mean())}


main = Study(
    name="kan-md",
    question="Do few learned functions of distance and angle describe atoms as well as many, and do tables keep that?",
    data=["clusters"],
    arms={
        "four": Arm(descriptors, {"curves": 4}),
        "sixteen": Arm(descriptors, {"curves": 16}),
        "high-order": Arm(descriptors, {"curves": 4, "order": 30}),
        "no-angles": Arm(descriptors, {"curves": 4, "angles": False}),
        "pairs": Pairs,
    },
    trial=regress(network, lr=1e-2, batch=32, weight_decay=0.0, probe=tables),
    budget=Steps(300),
    claims=[
        Claim("four functions do as well as sixteen", "r2", "four", ">=", "sixteen", margin=0.01),
        Claim("so they do from tables", "table_loss", "four", "<=", "sixteen", margin=0.01),
        Claim("a higher order does not help", "r2", "four", ">=", "high-order", margin=0.01),
        Claim("functions of pairs alone miss the triples", "r2", "four", ">", "pairs", margin=0.01),
        Claim("angles count", "r2", "four", ">", "no-angles", margin=0.01),
    ],
    metrics=(R2, LOSS, Metric("table_loss", "lower"), OPERATIONS, MS_PER_STEP),
    minutes=5,
    paper="kan-md",
    reference="sixteen",
    baselines=("pairs", "no-angles"),
    notes="The abstract says that descriptors by Kolmogorov-Arnold networks keep the accuracy of usual ones and cost "
    "less, as few functions are learned and then tabulated. Energies only; forces follow by differentiation. Tables "
    "have 100 points for each function. What they save in time is in the benchmark.",
)
