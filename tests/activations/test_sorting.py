"""Channels compared: what is kept, and what can be written by it."""

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.activations import CReLU, GroupSort, Maxout, bend


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_maxout_is_the_largest_of_its_pieces() -> None:
    layer, x = Maxout(5, 3, 4, dtype=torch.float64), rows(9, 5)
    pieces = layer.linear(x).view(9, 3, 4)
    assert torch.equal(layer(x), pieces.max(-1).values)


def test_maxout_can_be_relu_and_the_absolute_value() -> None:
    layer, x = Maxout(1, 2, 2, dtype=torch.float64), rows(9, 1)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [0.0], [1.0], [-1.0]]))
        layer.linear.bias.zero_()
    torch.testing.assert_close(layer(x), torch.cat([x.relu(), x.abs()], 1))


def test_maxout_is_convex() -> None:
    layer, a, b = Maxout(5, 3, dtype=torch.float64), rows(99, 5), rows(99, 5, seed=1)
    assert (layer((a + b) / 2) <= (layer(a) + layer(b)) / 2 + 1e-12).all()


@pytest.mark.parametrize("group", [1, 2, 3, 6])
def test_groups_are_sorted_and_nothing_is_lost(group: int) -> None:
    x = rows(4, 6, 5)
    y = GroupSort(group)(x)
    assert torch.equal(y, x.view(4, 6 // group, group, 5).sort(2).values.view(4, 6, 5))
    slope = torch.func.jacrev(GroupSort(group, dim=0))(x[0, :, 0])
    assert torch.equal(slope.sum(0), torch.ones(6).double()), "the Jacobian is a permutation"
    assert torch.equal(slope @ slope.T, torch.eye(6).double())


def test_distances_do_not_grow() -> None:
    a, b = rows(99, 6), rows(99, 6, seed=1)
    for group in (2, 3):
        far = (GroupSort(group)(a) - GroupSort(group)(b)).norm(dim=1)
        assert (far <= (a - b).norm(dim=1) + 1e-12).all()


def test_both_parts_make_the_input_and_its_norm() -> None:
    x = rows(4, 6, 5)
    y = CReLU()(x)
    positive, negative = y.chunk(2, 1)
    assert torch.equal(positive - negative, x)
    torch.testing.assert_close(y.norm(), x.norm())


def test_names_of_the_catalogue() -> None:
    assert type(bend("group_sort")) is GroupSort
    assert type(bend("crelu_concat")) is CReLU
    assert type(bend("maxout", features=2, units=3)) is Maxout
    assert repr(bend("k_wta", k=3)).startswith("KSparse")


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"input: got shape \(4, 5\); expected a multiple of 2 channels on axis 1"):
        GroupSort()(rows(4, 5))
    with pytest.raises(ArgumentError, match="group: got 0"):
        GroupSort(0)
