"""Tasks in which few tokens are asked for: train on those alone, and count those alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.data import Dataset
from unbend.study._match import Network
from unbend.study._spec import Arm, Metric

RECALL = Metric("recall", "higher", worst=0.0)


@dataclass(frozen=True)
class Asked:
    """A network that is trained where the target is not token 0, which says that nothing is asked there.

    Args:
        network: builds the module, as for `next_token`.
    """

    network: Network

    def __call__(self, make: Arm, data: Dataset, width: int) -> nn.Module:
        return _Asked(self.network(make, data, width))


class _Asked(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out.movedim(-1, 1), y, ignore_index=0)


def recall(model: nn.Module, data: Dataset) -> Mapping[str, float]:
    """The share of test tokens asked for (all but 0) that the model gets right: a `probe` of `next_token`."""
    x, y = data.test
    with torch.no_grad():
        right = torch.cat([model(part).argmax(-1) for part in x.split(256)]) == y
    return {"recall": float(right[y != 0].double().mean())}
