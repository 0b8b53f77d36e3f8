"""The almost-linear network: closed forms, exact region maps, genuine fixed points, graphs and measures."""

import math
from itertools import pairwise

import pytest
import torch

from unbend.models import ALRNN, power_spectrum_error, state_space_divergence

DOUBLE = torch.float64


def made(bends: int, width: int = 6, scale: float = 0.25) -> ALRNN:
    torch.manual_seed(bends)
    model = ALRNN(2, width, bends, dtype=DOUBLE)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(scale * torch.randn_like(p))
    return model


@torch.no_grad()
def test_without_bends_it_is_affine() -> None:
    model = made(0)
    matrix, offset = model.region_map(())
    z = model.run(torch.ones(2, dtype=DOUBLE), 9)
    inverse = torch.linalg.inv(torch.eye(6, dtype=DOUBLE) - matrix)
    power = torch.linalg.matrix_power(matrix, 9)
    torch.testing.assert_close(z[9], power @ z[0] + (torch.eye(6, dtype=DOUBLE) - power) @ inverse @ offset)
    assert model.graph(z).symbols == ((),)


@torch.no_grad()
def test_region_maps_reproduce_the_trajectory_and_the_jacobian() -> None:
    model = made(3)
    z = model.run(torch.ones(2, dtype=DOUBLE), 30)
    for now, after in pairwise(z):
        matrix, offset = model.region_map(model.codes(now))
        torch.testing.assert_close(matrix @ now + offset, after)
    jacobian = torch.func.jacrev(model.cell)(z[0])
    torch.testing.assert_close(jacobian, model.region_map(model.codes(z[0]))[0])


@torch.no_grad()
def test_fixed_points_are_fixed_where_they_are_genuine() -> None:
    model = made(4)
    points = model.fixed_points()
    assert len(points) == 16
    assert {len(point.symbol) for point in points} == {4}
    for point in points:
        matrix, offset = model.region_map(point.symbol)
        torch.testing.assert_close(matrix @ point.z + offset, point.z)
        moved = float((model.cell(point.z) - point.z).abs().max())
        assert point.genuine == (moved < 1e-9)
    assert any(point.genuine for point in points)


def test_forcing_at_every_step_sees_each_observation() -> None:
    model, x = made(2), torch.randn(3, 7, 2, dtype=DOUBLE)
    model.forcing = 1
    z = model.begin(x[:, 0])
    for t in range(7):
        z = torch.cat((x[:, t], z[:, 2:]), 1)
        z = model.cell(z)
        torch.testing.assert_close(model(x)[:, t], z[:, :2])
    model.forcing, free = 100, model(x)
    assert not torch.allclose(free[:, 1:], model(x)[:, 1:])


@torch.no_grad()
def test_the_graph_counts_steps() -> None:
    model = ALRNN(1, 1, 1)
    graph = model.graph(torch.tensor([[1.0], [-1.0], [-1.0], [1.0], [-1.0]]))
    assert graph.symbols == ((True,), (False,))
    assert graph.counts.tolist() == [[0, 2], [1, 1]]
    assert graph.probabilities().tolist() == [[0, 1], [0.5, 0.5]]
    assert graph.entropy() == pytest.approx(0.5 * math.log(2))


def test_measures_are_zero_for_the_same_and_large_for_another() -> None:
    t = torch.linspace(0, 60, 3000, dtype=DOUBLE)
    circle = torch.stack((t.cos(), t.sin()), 1)
    assert state_space_divergence(circle, circle) == pytest.approx(0, abs=1e-12)
    assert state_space_divergence(0.1 * circle, circle) > 1
    assert state_space_divergence(circle + torch.nan, circle) > 1
    assert power_spectrum_error(circle, circle) == pytest.approx(0, abs=1e-6)
    fast = torch.stack(((7 * t).cos(), (7 * t).sin()), 1)
    assert power_spectrum_error(fast, circle) > 0.5


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="width: got 2"):
        ALRNN(3, 2, 1)
    with pytest.raises(ValueError, match="strength: got 2"):
        ALRNN(1, 2, 1, strength=2)
    with pytest.raises(ValueError, match="symbol: got shape"):
        ALRNN(1, 2, 1).region_map((True, False))
    with pytest.raises(ValueError, match="bends: got 17"):
        ALRNN(1, 20, 17).fixed_points()
