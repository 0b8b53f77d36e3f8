"""Does a gate that knows the size of its row, and asks for normal outputs, classify better?"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.activations import GELU, ReLU, SiLU, VeLU
from unbend.data import Dataset
from unbend.models import small_cnn
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Steps, Study, classify

CURVED: dict[str, Any] = {"alpha": 2.0, "beta1": 1.0, "beta2": 0.7}


class Regularised(nn.Module):
    """A network trained on its task's loss and on what its VeLUs add to it."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        added = [m.reg_loss for m in self.modules() if isinstance(m, VeLU) and m.reg_loss is not None]
        return F.cross_entropy(out, y) + (torch.stack(added).sum() if added else 0.0)


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    """The small network for images, with the losses of its bends."""
    return Regularised(small_cnn(make, data, width))


main = Study(
    name="velu",
    question="Is VeLU more accurate than ReLU, SiLU and GELU on small images?",
    data=["digits", "shifted-digits"],
    arms={
        "relu": ReLU,
        "gelu": GELU,
        "silu": SiLU,
        "velu": Arm(VeLU, {"dim": 1}),
        "velu curved": Arm(VeLU, {"dim": 1, **CURVED}),
        "velu curved, no loss": Arm(VeLU, {"dim": 1, **CURVED, "lambda_ot": 0.0}),
    },
    trial=classify(network, width=8),
    budget=Steps(200),
    claims=[
        Claim("velu is more accurate than relu", "accuracy", "velu", ">", "relu", 0.005),
        Claim("velu is more accurate than gelu", "accuracy", "velu", ">", "gelu", 0.005),
        Claim("velu is more accurate than silu", "accuracy", "velu", ">", "silu", 0.005),
        Claim("curved, it is more accurate than relu", "accuracy", "velu curved", ">", "relu", 0.005),
        Claim("curved, it is at least as accurate as gelu", "accuracy", "velu curved", ">=", "gelu", 0.005),
        Claim("the curve is worth something", "accuracy", "velu curved", ">", "velu", 0.005),
        Claim("the added loss does no harm", "accuracy", "velu curved", ">=", "velu curved, no loss", 0.005),
    ],
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=5,
    paper="velu",
    reference="relu",
    baselines=("relu", "gelu", "silu"),
    notes="The authors report about a point over ReLU, Swish and GELU on six networks and image sets. Their defaults "
    "make the gate nearly constant; `curved` has the parameters of their plots. Rows are the channels of a place, as "
    "in their channels-last code.",
)
