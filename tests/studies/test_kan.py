"""The yardsticks of the KAN studies are what they say."""

import pytest
import torch

from unbend.data import load
from unbend.studies.kan import SMOOTH, grown, kan, known, mlp, refined


@pytest.mark.parametrize(("grid", "error"), [(3, 0.1), (20, 1e-4)])
def test_the_function_written_down_as_a_kan(grid: int, error: float) -> None:
    x, y = load("exp-sine").test
    net = known(2, 1, grid)
    assert not [p for p in net.parameters() if p.requires_grad]
    assert float((net(x.double()) - y).square().mean().sqrt() / y.std()) < error


def test_sizes_are_alike() -> None:
    for size in (3, 5, 10, 20):
        ours, theirs = (sum(p.numel() for p in make(2, 1, size).parameters()) for make in (refined, grown))
        assert abs(theirs / ours - 1) < 0.15
    assert kan(4, 1, 5).widths == (4, 5, 5, 1)
    assert [m.out_features for m in mlp(2, 1, 9, depth=2) if hasattr(m, "out_features")] == [4, 5, 1]
    assert kan(2, 1, 5, still=True)(torch.zeros(3, 2)).shape == (3, 1)
    assert all(load(name).outputs == 1 for name in SMOOTH)
