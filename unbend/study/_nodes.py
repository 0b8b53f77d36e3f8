"""Learn the classes of the nodes of a graph from those of a few."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from unbend._errors import ArgumentError
from unbend.data import Dataset
from unbend.study._spec import Arm, Cell
from unbend.study._train import Settings, classify

# Builds a module that is called with the features (n, f) of all nodes and the edges (2, m), and gives scores (n, k).
NodeNetwork = Callable[[Arm, Dataset, int], nn.Module]


def classify_nodes(network: NodeNetwork, **settings: Unpack[Settings]) -> "Nodes":
    """A trial as `classify`, for a data set with edges: a step sees all features and edges, and all training labels.

    `network(make, data, width)` builds a module that is called with the features `(n, f)` of all nodes and the edges.
    Training evaluates the whole graph in every step, whatever the batch.
    """
    return Nodes(network, settings)


@dataclass(frozen=True)
class Nodes:
    """See `classify_nodes`. What it gives is what `Fit` gives; `operations` are those of the whole graph."""

    network: NodeNetwork
    settings: Settings

    def __call__(self, cell: Cell) -> dict[str, float]:
        data: Dataset = cell.data
        if data.edges is None:
            raise ArgumentError.of(f"data set {data.name}", "examples without edges", "a graph")
        split, total = len(data.train[0]), len(data.train[0]) + len(data.test[0])
        # An example is the number of a node; float32 is exact far beyond the largest graph that fits here.
        numbers = torch.arange(total, dtype=torch.float32)[:, None]
        numbered = replace(data, train=(numbers[:split], data.train[1]), test=(numbers[split:], data.test[1]))
        inner: Any = copy(cell)
        inner.data = numbered
        settings: Settings = {**self.settings, "batch": split}
        return classify(partial(_whole, self.network, data), **settings)(inner)


def _whole(network: NodeNetwork, data: Dataset, make: Arm, numbered: Dataset, width: int) -> nn.Module:
    return _Whole(network(make, data, width), data)


class _Whole(nn.Module):
    """A network of a graph as one of the numbers of its nodes."""

    def __init__(self, network: nn.Module, data: Dataset) -> None:
        super().__init__()
        assert data.edges is not None
        self.network, self.graph = network, (torch.cat((data.train[0], data.test[0])), data.edges)

    def forward(self, numbers: Tensor) -> Tensor:
        features, edges = (part.to(numbers.device) for part in self.graph)
        return self.network(features, edges)[numbers[:, 0].long()]
