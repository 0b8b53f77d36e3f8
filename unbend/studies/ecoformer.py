"""EcoFormer on the pixels of digits: codes that are learned, and codes that are not."""

from collections.abc import Mapping

import torch
from torch import nn

from unbend.data import Dataset
from unbend.mixers import EcoAttention
from unbend.models import any_size
from unbend.studies._patches import BUDGET, METRICS, SETTINGS, YARDSTICKS, parts, seen, trial
from unbend.study import Arm, Claim, Metric, Study


def likeness(model: nn.Module, data: Dataset) -> Mapping[str, float]:
    """Rank correlation, in the first layer, of the agreement of codes with the products that they stand for; else 0."""
    layers = parts(model, EcoAttention)
    if not layers:
        return {"likeness": 0.0}
    layer = layers[0]
    with torch.no_grad():
        x = seen(model, data, layer)[:8]
        q = layer.to_qk(x).unflatten(2, (layer.heads, -1)).transpose(1, 2)
        q, h = nn.functional.normalize(q, dim=-1), layer.codes(x)
        ranks = torch.stack([(z @ z.transpose(2, 3)).flatten().argsort().argsort().double() for z in (q, h)])
    return {"likeness": float(torch.corrcoef(ranks)[0, 1])}


BASE = {"mixer": EcoAttention, "heads": 2}

main = Study(
    name="ecoformer",
    question="Do learned codes of 16 bits serve attention better than random ones, and as well as softmax?",
    data=["digits"],
    arms={
        **YARDSTICKS,
        "learned": Arm(any_size, BASE),
        "random": Arm(any_size, {**BASE, "learn": False}),
        "official": Arm(any_size, {**BASE, "official_bias": True}),
    },
    trial=trial(probe=likeness),
    budget=BUDGET,
    claims=[
        Claim("learned codes beat random ones", "accuracy", "learned", ">", "random", margin=0.005),
        Claim("learned codes are within a point of softmax", "accuracy", "learned", ">=", "softmax", margin=0.01),
        Claim("learned codes are as good as elu + 1", "accuracy", "learned", ">=", "elu", margin=0.01),
        Claim("learned codes are more like what they stand for", "likeness", "learned", ">", "random", margin=0.05),
    ],
    metrics=(*METRICS, Metric("likeness", "higher")),
    seeds=5,
    minutes=6,
    paper="ecoformer",
    reference="softmax",
    baselines=tuple(YARDSTICKS),
    notes="The hash is learned from the first batch, of an untrained network: the paper starts from a trained softmax "
    "model, and loses 0.3 points on ImageNet. Equal agreements are ranked in the order of the tokens. " + SETTINGS,
)
