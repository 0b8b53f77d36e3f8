"""Graphs are on record, go both ways, and are as their descriptions say; a data set refuses edges to nowhere."""

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.data import Dataset, load

HASHES = {
    "digits-graph": "32156cb3",
    "block-model": "2e7ad9d9",
    "karate-club": "d06b757d",
    "les-miserables": "53ecc647",
}


@pytest.mark.parametrize("name", HASHES)
def test_contents_are_the_same_on_every_machine(name: str) -> None:
    assert load(name).hash.startswith(HASHES[name])


@pytest.mark.parametrize("name", HASHES)
def test_edges_go_both_ways_once_and_to_others(name: str) -> None:
    edges = load(name).edges
    assert edges is not None
    assert bool((edges[0] != edges[1]).all())
    pairs = {(int(a), int(b)) for a, b in edges.T}
    assert len(pairs) == edges.shape[1]
    assert pairs == {(b, a) for a, b in pairs}


@pytest.mark.parametrize(
    ("name", "nodes", "known", "least", "most"),
    [
        ("digits-graph", 1797, 180, 0.95, 1.0),
        ("block-model", 1000, 100, 0.0, 0.03),
        ("karate-club", 34, 2, 0.8, 0.9),
        ("les-miserables", 77, 10, 0.8, 0.9),
    ],
)
def test_neighbours_are_of_one_class_or_of_others(name: str, nodes: int, known: int, least: float, most: float) -> None:
    data = load(name)
    y = torch.cat([data.train[1], data.test[1]])
    assert (len(y), len(data.train[1])) == (nodes, known)
    assert set(y.tolist()) == set(data.train[1].tolist())
    assert data.edges is not None
    assert least <= float((y[data.edges[0]] == y[data.edges[1]]).double().mean()) <= most


def test_digits_are_linked_with_their_nearest() -> None:
    data = load("digits-graph")
    x, edges = torch.cat([data.train[0], data.test[0]]).double(), data.edges
    assert edges is not None
    distance = torch.cdist(x[:50], x)
    distance[torch.arange(50), torch.arange(50)] = torch.inf
    for i in range(50):
        mine = edges[1, edges[0] == i]
        ninth = distance[i].sort().values[8]
        assert bool(torch.isin((distance[i] < ninth - 1e-4).nonzero().flatten(), mine).all())
        assert len(mine) >= 8


def test_edges_are_checked_and_count_in_the_hash() -> None:
    x, y = torch.zeros(3, 2), torch.tensor([0, 1, 1])

    def made(edges: torch.Tensor | None) -> Dataset:
        return Dataset("made", "classification", (x, y), (x, y), classes=2, edges=edges)

    assert made(None).hash != made(torch.tensor([[0], [5]])).hash != made(torch.tensor([[5], [0]])).hash
    for wrong in (torch.tensor([[0], [6]]), torch.tensor([[-1], [0]]), torch.zeros(2, 1), torch.tensor([[0, 1]])):
        with pytest.raises(ArgumentError, match="data set made, edges"):
            made(wrong)
