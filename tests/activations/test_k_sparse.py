"""The k largest: how many, which, and what comes back."""

import pytest
import torch
from hypothesis import given, strategies as st

from unbend._errors import ArgumentError
from unbend.activations import BatchTopK, KSparse, k_sparse


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(k=st.integers(0, 11), seed=st.integers(0, 99))
def test_keeps_exactly_k_and_none_that_is_smaller(k: int, seed: int) -> None:
    x = rows(5, 11, seed=seed)
    y = k_sparse(x, k)
    assert ((y != 0).sum(-1) == k).all()
    assert torch.equal(y[y != 0], x[y != 0])
    if 0 < k < 11:
        least, most = torch.where(y != 0, x, torch.inf).amin(-1), torch.where(y == 0, x, -torch.inf).amax(-1)
        assert (least > most).all()


def test_all_of_them_is_the_identity() -> None:
    x = rows(5, 11)
    assert torch.equal(k_sparse(x, 11), x)


def test_by_value_a_large_negative_number_loses() -> None:
    x = torch.tensor([-9.0, 1.0, 2.0, -3.0])
    assert k_sparse(x, 2).tolist() == [0, 1, 2, 0]
    assert k_sparse(x, 2, by="abs").tolist() == [-9, 0, 0, -3]


def test_of_equal_numbers_exactly_k_are_kept() -> None:
    assert (k_sparse(torch.ones(3, 7), 4).sum(-1) == 4).all()


def test_twice_is_once() -> None:
    x = rows(5, 11)
    assert torch.equal(k_sparse(k_sparse(x, 3, by="abs"), 3, by="abs"), k_sparse(x, 3, by="abs"))
    assert torch.equal(k_sparse(k_sparse(x.abs(), 3), 3), k_sparse(x.abs(), 3))


def test_gradient_comes_through_the_winners_alone() -> None:
    x = rows(5, 11).requires_grad_()
    y = k_sparse(x, 3)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(slope, (y != 0).double())


def test_any_axis() -> None:
    x = rows(4, 5, 6)
    assert torch.equal(KSparse(2, dim=1)(x), KSparse(2)(x.movedim(1, -1)).movedim(-1, 1))


def test_a_batch_shares_its_places() -> None:
    layer, x = BatchTopK(2, momentum=1.0).double(), rows(6, 5)
    y = layer(x)
    assert int((y != 0).sum()) == 12
    assert len(set((y != 0).sum(-1).tolist())) > 1, "some rows have more winners than others"
    assert float(layer.threshold) == pytest.approx(float(y[y != 0].min()))
    # In evaluation the least winner of training is the first loser.
    assert int((layer.eval()(x) != 0).sum()) == 11


def test_threshold_is_that_of_training() -> None:
    layer, generator = BatchTopK(5, momentum=0.1).double(), torch.Generator().manual_seed(0)
    for _ in range(200):
        layer(torch.randn(64, 100, generator=generator, dtype=torch.float64))
    kept = (layer.eval()(rows(4096, 100)) != 0).double().sum(-1)
    assert float(kept.mean()) == pytest.approx(5, rel=0.05)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"k: got 12; expected at most 11, the size of axis -1"):
        k_sparse(rows(5, 11), 12)
    with pytest.raises(ArgumentError, match="by: got absolute"):
        KSparse(2, by="absolute")
    with pytest.raises(ArgumentError, match="momentum"):
        BatchTopK(2, momentum=0.0)
