"""The k-sparse autoencoder: what it recovers, and how its units fall silent."""

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.models import KSparseAutoencoder


def orthonormal(features: int, k: int) -> KSparseAutoencoder:
    """As many units as features, with rows of unit length at right angles."""
    model = KSparseAutoencoder(features, features, k, dtype=torch.float64)
    basis = torch.linalg.qr(torch.randn(features, features, generator=torch.Generator().manual_seed(0)).double())[0]
    with torch.no_grad():
        model.encoder.weight.copy_(basis)
        model.encoder.bias.zero_()
    return model


def test_recovers_a_sparse_sum_of_orthonormal_rows() -> None:
    model, generator = orthonormal(12, 3), torch.Generator().manual_seed(1)
    code = torch.zeros(50, 12).double()
    for row in code:
        row[torch.randperm(12, generator=generator)[:3]] = 0.5 + torch.rand(3, generator=generator).double()
    x = code @ model.encoder.weight
    torch.testing.assert_close(model.encode(x), code)
    torch.testing.assert_close(model(x), x)


def test_with_all_units_it_is_the_linear_autoencoder() -> None:
    model, x = KSparseAutoencoder(5, 7, 7), torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    w = model.encoder.weight
    torch.testing.assert_close(model(x), (x @ w.T + model.encoder.bias) @ w + model.bias)


def test_units_fall_silent_up_to_half_of_training() -> None:
    model, x = KSparseAutoencoder(5, 32, 4, start=24, alpha=1.5), torch.ones(5)
    spoken = []
    for share in (0.0, 0.25, 0.5, 0.9):
        model.progress(share)
        spoken.append(int((model.encode(x) != 0).sum()))
    assert spoken == [24, 14, 4, 4]
    assert int((model.eval().encode(x) != 0).sum()) == 6


def test_silent_units_learn_nothing() -> None:
    model, x = KSparseAutoencoder(5, 9, 2), torch.randn(1, 5, generator=torch.Generator().manual_seed(0))
    silent = model.encode(x)[0] == 0
    ((model(x) - x) ** 2).sum().backward()
    assert not model.encoder.weight.grad[silent].any()
    assert model.encoder.weight.grad[~silent].all()


def test_tied_weights_are_one() -> None:
    count = [sum(p.numel() for p in KSparseAutoencoder(5, 7, 2, tied=tied).parameters()) for tied in (True, False)]
    assert count == [5 * 7 + 7 + 5, 2 * 5 * 7 + 7 + 5]


def test_bad_arguments_are_named() -> None:
    for more in ({"alpha": 0.5}, {"start": 9}, {"alpha": 5.0}):
        with pytest.raises(ArgumentError, match="k, start, alpha: got"):
            KSparseAutoencoder(5, 7, 2, **more)
    with pytest.raises(ArgumentError, match="start: got 1"):
        KSparseAutoencoder(5, 7, 2, start=1)
