"""Polynormer as a network: its degree, its stages, and graphs as others keep them."""

from dataclasses import dataclass
from math import comb
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.models import Polynormer

DOUBLE = torch.float64
BARE = {"relu": False, "norm": False, "attention": False, "dtype": DOUBLE}


def graph(n: int = 9, m: int = 30) -> Tensor:
    return torch.randint(0, n, (2, m), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("layers", "stage"), [((1, 0), "local"), ((2, 0), "local"), ((1, 1), "global")])
def test_along_a_ray_it_is_a_polynomial(layers: tuple[int, int], stage: str) -> None:
    torch.manual_seed(0)
    net = Polynormer(4, 6, 3, layers, heads=2, stage=stage, **BARE)
    (x, ray), edges, degree = torch.randn(2, 9, 4, dtype=DOUBLE), graph(), 2 ** sum(layers)
    values = [net(x + t * ray, edges) for t in torch.linspace(-4, 4, degree + 2, dtype=DOUBLE)]
    for order, vanishes in ((degree + 1, True), (degree, False)):
        parts = [comb(order, i) * (-1) ** (order - i) * values[i] for i in range(order + 1)]
        left = sum(parts).abs().max() / sum(part.abs() for part in parts).max()
        assert (left < 1e-12) == vanishes


def test_what_it_computes() -> None:
    net, x, edges = Polynormer(4, 6, 3, (2, 1), heads=3, dtype=DOUBLE), torch.randn(9, 4, dtype=DOUBLE), graph()
    first = net.locals[0](net.embed(x), edges)
    total = first + net.locals[1](first, edges)
    expected = net.global_head(net.globals[0](F.layer_norm(total, (6,))))
    torch.testing.assert_close(net(x, edges), expected)
    net.switch("local")
    torch.testing.assert_close(net(x, edges), net.local_head(total))


def test_renumbered_nodes_give_renumbered_outputs() -> None:
    net, x, edges, order = (
        Polynormer(4, 6, 3, dtype=DOUBLE),
        torch.randn(9, 4, dtype=DOUBLE),
        graph(),
        torch.randperm(9),
    )
    torch.testing.assert_close(net(x[order], order.argsort()[edges]), net(x, edges)[order])


def test_stages_train_their_own_parameters_through_one_optimiser() -> None:
    net, x, edges = Polynormer(4, 6, 3, (1, 1), stage="local"), torch.randn(9, 4), graph()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
    moved: dict[str, set[str]] = {}
    for stage in ("local", "global"):
        net.switch(stage)
        before = {name: p.detach().clone() for name, p in net.named_parameters()}
        optimizer.zero_grad()
        net(x, edges).square().sum().backward()
        optimizer.step()
        moved[stage] = {name for name, p in net.named_parameters() if not torch.equal(p, before[name])}
    assert any(name.startswith("local_head") for name in moved["local"])
    assert not any(name.startswith(("globals", "global_head", "norm")) for name in moved["local"])
    assert any(name.startswith("globals") for name in moved["global"])
    assert not any(name.startswith("local_head") for name in moved["global"])
    assert moved["local"] | moved["global"] == {name for name, _ in net.named_parameters()}


@dataclass
class Data:
    """As torch_geometric's."""

    x: Tensor
    edge_index: Tensor


def test_takes_a_graph_as_others_keep_it() -> None:
    net, x, edges = Polynormer(4, 6, 3), torch.randn(9, 4), graph()
    for made in (Data(x, edges), SimpleNamespace(x=x, edge_index=edges)):
        torch.testing.assert_close(net(made), net(x, edges))


def test_the_data_of_torch_geometric() -> None:
    geometric = pytest.importorskip("torch_geometric.data")
    net, x, edges = Polynormer(4, 6, 3), torch.randn(9, 4), graph()
    torch.testing.assert_close(net(geometric.Data(x=x, edge_index=edges)), net(x, edges))


def test_dropouts_only_in_training() -> None:
    net, x = Polynormer(4, 6, 3, dropouts=(0.1, 0.2, 0.3)), torch.randn(9, 4)
    assert net.locals[1].dropout == 0.2
    assert net.globals[0].dropout == 0.3
    assert not torch.equal(net(x, graph()), net(x, graph()))
    net.eval()
    assert torch.equal(net(x, graph()), net(x, graph()))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="stage: got global; expected 'local'"):
        Polynormer(4, 6, 3, (2, 0))
    with pytest.raises(ArgumentError, match="layers: got"):
        Polynormer(4, 6, 3, (0, 2))
    with pytest.raises(ArgumentError, match="dropouts"):
        Polynormer(4, 6, 3, dropouts=(0.1,))
    with pytest.raises(ArgumentError, match="Did you mean 'global'"):
        Polynormer(4, 6, 3).switch("globl")
    with pytest.raises(ArgumentError, match=r"x: got \(9, 5\)"):
        Polynormer(4, 6, 3)(torch.zeros(9, 5))
