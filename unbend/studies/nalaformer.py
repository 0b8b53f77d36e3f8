"""Norm-aware linear attention on the pixels of digits, and what the length of a trained query does to its weights."""

from collections.abc import Mapping

import torch
from torch import nn

from unbend.data import Dataset
from unbend.mixers import FocusedLinearAttention, NormAwareLinearAttention, norm_power_map
from unbend.studies._patches import BUDGET, METRICS, SETTINGS, YARDSTICKS, entropy, parts, seen, trial
from unbend.study import Arm, Claim, Metric, Study


def sharpening(model: nn.Module, data: Dataset) -> Mapping[str, float]:
    """By how much the entropy of the weights falls when all queries of the last layer grow fourfold."""
    layers = parts(model, (NormAwareLinearAttention, FocusedLinearAttention))
    if not layers:
        return {"sharpening": 0.0}
    layer = layers[-1]
    with torch.no_grad():
        x = seen(model, data, layer)
        q, k = layer.features(x)
        if isinstance(layer, FocusedLinearAttention):
            longer = 4 * q  # the features grow with the query
        else:
            plain = layer.to_qkvg(x).chunk(4, -1)[0].unflatten(2, (layer.heads, -1)).transpose(1, 2)
            longer = norm_power_map(4 * plain)
        return {"sharpening": entropy(q @ k.transpose(2, 3)) - entropy(longer @ k.transpose(2, 3))}


main = Study(
    name="nalaformer",
    question="Does linear attention gain from weights that know how long the query is?",
    data=["digits"],
    arms={
        **YARDSTICKS,
        "focused": Arm(FocusedLinearAttention, {"heads": 2}),
        "norm-aware": Arm(NormAwareLinearAttention, {"heads": 2}),
    },
    trial=trial(probe=sharpening),
    budget=BUDGET,
    claims=[
        Claim("norm-aware attention beats elu + 1", "accuracy", "norm-aware", ">", "elu", margin=0.01),
        Claim("norm-aware attention beats focused attention", "accuracy", "norm-aware", ">", "focused", margin=0.005),
        Claim("norm-aware attention is as good as softmax", "accuracy", "norm-aware", ">=", "softmax", margin=0.01),
        Claim("longer queries sharpen its weights", "sharpening", "norm-aware", ">", "focused", margin=0.01),
    ],
    metrics=(*METRICS, Metric("sharpening", "higher")),
    seeds=5,
    minutes=5,
    paper="nalaformer",
    reference="softmax",
    baselines=tuple(YARDSTICKS),
    notes="sharpening: entropy of the weights without rotation, over that of equal ones, less the same with the "
    "queries of the last layer four times as long; 0 for arms whose weights do not say. The paper gains up "
    "to 7.5 points over other linear attention on ImageNet. " + SETTINGS,
)
