"""Is ReLU better for a small correction about zero?"""

import torch
from torch import nn

from unbend.activations import GELU, CRReLU, PReLU, ReLU, SiLU
from unbend.data import Dataset
from unbend.models import small_decoder, small_vit
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Metric, Steps, Study, classify, next_token


def strength(model: nn.Module, data: Dataset) -> dict[str, float]:
    """The strength of the correction that was learned, on average over the blocks."""
    learned = [
        parameter.detach().mean() for name, parameter in model.named_parameters() if name.split(".")[-1] == "eps"
    ]
    return {"strength": float(torch.stack(learned).mean()) if learned else 0.0}


STRENGTH = Metric("strength", "higher")
NOTES = (
    "The authors report CRReLU ahead of GELU, ELU, PReLU, CELU, SiLU and Mish with small vision transformers on "
    "CIFAR and ImageNet, and ahead of GELU in fine-tuning GPT-2. It starts at 0.01; whether training keeps it "
    "positive is asked as well, since by our calculation that sign raises the entropy of the output."
)

main = Study(
    name="crrelu",
    question="Is CRReLU more accurate than ReLU and others in a small vision transformer?",
    data=["digits"],
    arms={"relu": ReLU, "gelu": GELU, "silu": SiLU, "prelu": PReLU, "crrelu": CRReLU},
    trial=classify(small_vit, width=32, probe=strength),
    budget=Steps(400),
    claims=[
        Claim("crrelu is more accurate than relu", "accuracy", "crrelu", ">", "relu", 0.005),
        Claim("crrelu is more accurate than gelu", "accuracy", "crrelu", ">", "gelu", 0.005),
        Claim("crrelu is more accurate than silu", "accuracy", "crrelu", ">", "silu", 0.005),
        Claim("crrelu is at least as accurate as prelu", "accuracy", "crrelu", ">=", "prelu", 0.005),
        Claim("its strength stays positive", "strength", "crrelu", ">", "relu"),
    ],
    metrics=(ACCURACY, LOSS, STRENGTH, MS_PER_STEP),
    minutes=4,
    paper="crrelu",
    reference="relu",
    baselines=("relu", "gelu", "silu", "prelu"),
    notes=NOTES,
)

text = Study(
    name="crrelu-text",
    question="Does CRReLU predict text better than ReLU and GELU?",
    data=["stdlib-text"],
    arms={"relu": ReLU, "gelu": GELU, "crrelu": CRReLU, "crrelu strong": Arm(CRReLU, {"eps": 0.3})},
    trial=next_token(small_decoder, width=32, batch=16, lr=3e-3, probe=strength),
    budget=Steps(300),
    claims=[
        Claim("crrelu loses less than relu", "loss", "crrelu", "<", "relu", 0.003),
        Claim("crrelu loses less than gelu", "loss", "crrelu", "<", "gelu", 0.003),
        Claim("its strength stays positive", "strength", "crrelu", ">", "relu"),
    ],
    metrics=(LOSS, STRENGTH, MS_PER_STEP),
    minutes=4,
    paper="crrelu",
    reference="relu",
    baselines=("relu", "gelu"),
    notes=NOTES + " Losses are in nats a character.",
)
