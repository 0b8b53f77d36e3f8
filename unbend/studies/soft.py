"""Softmax-free attention on the pixels of digits, and how near its landmarks come to the kernel of all pairs."""

from collections.abc import Mapping

import torch
from torch import nn

from unbend.data import Dataset
from unbend.mixers import GaussianKernelAttention, SOFTAttention
from unbend.models import any_size
from unbend.studies._patches import BUDGET, METRICS, SETTINGS, YARDSTICKS, parts, seen, trial
from unbend.study import Arm, Claim, Metric, Study


def nearness(model: nn.Module, data: Dataset) -> Mapping[str, float]:
    """How far the map through landmarks is from the Gaussian kernel of all pairs, over the norm of that; else 0."""
    found = parts(model, SOFTAttention)
    errors = [_error(layer, seen(model, data, layer)) for layer in found if not layer.norm]
    return {"map_error": sum(errors) / len(errors) if errors else 0.0}


def _error(layer: SOFTAttention, x: torch.Tensor) -> float:
    with torch.no_grad():
        kernel, inverse = layer.factors(x)
        q = layer.to_q(x).unflatten(2, (layer.heads, -1)).transpose(1, 2)
        pairs = (-(torch.cdist(q, q) ** 2) / (2 * q.shape[-1] ** 0.5)).exp()
        off = kernel @ inverse @ kernel.transpose(2, 3) - pairs
        return float((off.norm(dim=(2, 3)) / pairs.norm(dim=(2, 3))).mean())


main = Study(
    name="soft",
    question="Does a Gaussian kernel through landmarks serve as well as softmax attention?",
    data=["digits"],
    arms={
        **YARDSTICKS,
        "soft": Arm(SOFTAttention, {"heads": 2}),
        "soft++": Arm(SOFTAttention, {"heads": 2, "norm": True}),
        "all pairs": Arm(any_size, {"mixer": GaussianKernelAttention, "heads": 2}),
    },
    trial=trial(probe=nearness),
    budget=BUDGET,
    claims=[
        Claim("SOFT is as good as softmax", "accuracy", "soft", ">=", "softmax", margin=0.01),
        Claim("SOFT++ is as good as SOFT", "accuracy", "soft++", ">=", "soft", margin=0.01),
        Claim("SOFT beats elu + 1", "accuracy", "soft", ">", "elu", margin=0.005),
        Claim("SOFT is as good as the kernel of all pairs", "accuracy", "soft", ">=", "all pairs", margin=0.01),
    ],
    metrics=(*METRICS, Metric("map_error", "lower")),
    seeds=5,
    minutes=5,
    paper="soft",
    reference="softmax",
    baselines=tuple(YARDSTICKS),
    notes="16 landmarks of 64 tokens. map_error is that of the trained maps of the arm soft; other arms have none, and "
    "say 0. The paper has 79.3 to 83.3 on ImageNet, and 79.4 to 83.4 with the normalisation. " + SETTINGS,
)
