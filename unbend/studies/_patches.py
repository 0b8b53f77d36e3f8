"""What the studies of mixers of patches share: the arms that all are measured against, and the training."""

from functools import partial
from math import log
from typing import Any

import torch
from torch import nn

from unbend.data import Dataset
from unbend.mixers import LinearAttention, SoftmaxAttention
from unbend.models import any_size, small_mixer_vit
from unbend.study import ACCURACY, MS_PER_STEP, OPERATIONS, PARAMETERS, PEAK_BYTES, Arm, Steps, classify
from unbend.study._train import Fit, Probe

YARDSTICKS: dict[str, Arm] = {
    "softmax": Arm(any_size, {"mixer": SoftmaxAttention, "heads": 2}),
    "elu": Arm(any_size, {"mixer": LinearAttention, "heads": 2}),
    "none": Arm(any_size, {"mixer": nn.Linear, "out_features": 32}),
}
METRICS = (ACCURACY, PARAMETERS, OPERATIONS, PEAK_BYTES, MS_PER_STEP)
BUDGET = Steps(150)
SETTINGS = (
    "The 64 pixels of a digit are the tokens of two blocks, 32 wide; the feed-forward layers have the width at which "
    "an arm has as many parameters as the softmax arm, within 5 %. One learning rate for all arms, chosen on none. The "
    "arm none has a linear layer for its mixer, and so mixes nothing before the mean over the tokens. "
)


def trial(places: bool = True, probe: Probe | None = None) -> Fit:
    """The training that all these studies share."""
    network = partial(small_mixer_vit, stream=32, grid=8, places=places)
    return classify(network, width=32, match="params", batch=32, lr=4e-3, probe=probe)


def parts(model: nn.Module, kind: Any) -> list[Any]:
    """The parts of a model that are of a kind, in their order."""
    return [part for part in model.modules() if isinstance(part, kind)]


def entropy(weights: torch.Tensor) -> float:
    """Mean entropy of rows of weights, over the entropy of equal ones."""
    shares = weights / weights.sum(-1, keepdim=True)
    return float(torch.special.entr(shares).sum(-1).mean()) / log(weights.shape[-1])


def seen(model: nn.Module, data: Dataset, at: nn.Module) -> torch.Tensor:
    """What the part `at` of the model is given for the first 64 test images."""
    inputs: list[torch.Tensor] = []
    handle = at.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    try:
        with torch.no_grad():
            model(data.test[0][:64])
    finally:
        handle.remove()
    return inputs[0]
