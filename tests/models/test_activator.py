"""Activator: a bag of patches, and its two variants."""

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.models import ActivatorBlock, ActivatorViT


def test_the_order_of_the_patches_does_not_matter() -> None:
    model = ActivatorViT(4, channels=1, patch=2, dim=8, hidden=12, depth=2).eval()
    x = torch.randn(3, 1, 8, 8)
    patches = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(2, 3)[:, :, torch.randperm(16)]
    shuffled = patches.unflatten(2, (4, 4)).permute(0, 1, 2, 4, 3, 5).reshape(x.shape)
    torch.testing.assert_close(model(shuffled), model(x), rtol=1e-4, atol=1e-5)


def test_parameters_of_the_variants() -> None:
    def count(**settings: bool) -> int:
        return sum(p.numel() for p in ActivatorBlock(5, 6, **settings).parameters())

    unit, norm, wide = 2 * (5 * 6 + 6) + 2 * 6 + 6 * 5 + 5, 2 * 5, 5 * 6 + 6 + 6 * 5 + 5
    assert count() == unit + norm + wide
    assert count(mlp=False) == unit + norm
    assert count(share_norm=False) == unit + 2 * norm + wide


def test_images_that_do_not_divide_are_named() -> None:
    with pytest.raises(ArgumentError, match="multiples of 4"):
        ActivatorViT(4, dim=8, hidden=8, depth=1)(torch.zeros(1, 3, 8, 6))
