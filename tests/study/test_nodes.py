"""A graph as a data set: training sees all features and edges, and the labels of few."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unbend._errors import ArgumentError
from unbend.data import Dataset, load
from unbend.study import Arm, Steps, classify_nodes


class Heard(nn.Module):
    """A linear map of the sum of the neighbours' features; it keeps what it was called with."""

    def __init__(self, data: Dataset, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(data.shape[0], width), nn.Linear(width, data.outputs)
        self.seen: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        self.seen = x, edges
        return self.last(self.first(torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])))


def network(make: Arm, data: Dataset, width: int) -> nn.Module:
    made = Heard(data, width)
    make(made)
    return made


def cell(data: Dataset, keep: list[Any]) -> Any:
    arm = Arm(keep.append)
    said = {"arm": arm, "reference": arm, "data": data, "seed": 3, "budget": Steps(30)}
    return SimpleNamespace(**said, log=lambda *_, **__: None, check_deadline=lambda: None)


def test_sees_the_graph_and_never_the_labels_of_the_test_set() -> None:
    data, keep = load("les-miserables"), []
    given = cell(data, keep)
    first = classify_nodes(network, lr=0.02, width=8)(given)
    assert given.data is data
    x, edges = keep[0].seen
    assert torch.equal(x, torch.cat([data.train[0], data.test[0]]))
    assert torch.equal(edges, data.edges)
    assert first["accuracy"] > 0.5
    turned = replace(data, test=(data.test[0], (data.test[1] + 1) % 5))
    again = []
    second = classify_nodes(network, lr=0.02, width=8)(cell(turned, again))
    assert second["accuracy"] < 0.3
    for name, value in keep[0].state_dict().items():
        assert torch.equal(again[0].state_dict()[name], value)


def test_widths_can_be_matched() -> None:
    got = classify_nodes(network, width=8, match="params")(cell(load("karate-club"), []))
    assert (got["width"], got["ratio"]) == (8, 1.0)


def test_other_data_are_refused() -> None:
    with pytest.raises(ArgumentError, match="data set digits: got examples without edges; expected a graph"):
        classify_nodes(network)(cell(load("digits"), []))
