"""The small vision transformer: its patches, its places, its bends."""

import pytest
import torch
from torch import nn

from unbend._errors import ArgumentError
from unbend.data import Dataset
from unbend.mixers import SoftmaxAttention
from unbend.models import small_mixer_vit, small_vit


def images(shape: tuple[int, int, int] = (3, 8, 8)) -> Dataset:
    x = torch.randn(5, *shape, generator=torch.Generator().manual_seed(0))
    y = torch.arange(5) % 2
    return Dataset("i", "classification", (x, y), (x, y), classes=2)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (2, 7, 13), (1, 3, 3)])
@pytest.mark.parametrize("width", [3, 16])
def test_images_of_any_size(shape: tuple[int, int, int], width: int) -> None:
    data = images(shape)
    assert small_vit(nn.ReLU, data, width)(data.train[0]).shape == (5, 2)


def test_the_places_of_the_patches_matter_and_every_patch_is_seen() -> None:
    torch.manual_seed(0)
    data = images()
    model = small_vit(nn.GELU, data, 16)
    x = data.train[0]
    assert not torch.allclose(model(x), model(x.flip(-1)))
    model[0].place.data.zero_()
    turned = torch.cat([x[..., 4:], x[..., :4]], -1)  # whole patches change places
    torch.testing.assert_close(model(x), model(turned), rtol=1e-4, atol=1e-5)
    x = x.clone().requires_grad_()
    model(x)[:, 0].sum().backward()
    assert x.grad is not None
    assert bool((x.grad.abs().sum((0, 1)) > 0).all())


def test_the_bend_has_a_place_in_every_block() -> None:
    made = list[nn.Module]()

    def make() -> nn.Module:
        made.append(nn.PReLU())
        return made[-1]

    data = images()
    small_vit(make, data, 8)(data.train[0]).square().sum().backward()
    assert len(made) == 2
    assert all(bend.weight.grad is not None and bend.weight.grad.abs() > 0 for bend in made)


@pytest.mark.parametrize(("shape", "grid"), [((1, 8, 8), (8, 8)), ((3, 28, 28), (7, 7)), ((2, 7, 13), (4, 7))])
def test_the_mixer_is_an_argument(shape: tuple[int, int, int], grid: tuple[int, int]) -> None:
    made = list[tuple[int, tuple[int, int]]]()

    def make(width: int, size: tuple[int, int]) -> nn.Module:
        made.append((width, size))
        return SoftmaxAttention(width)

    data = images(shape)
    assert small_mixer_vit(make, data, 19)(data.train[0]).shape == (5, 2)
    assert made == [(16, grid)] * 2


@pytest.mark.parametrize("places", [True, False])
def test_places_may_be_left_out(places: bool) -> None:
    torch.manual_seed(0)
    data = images()
    model = small_mixer_vit(lambda width, _: SoftmaxAttention(width), data, 16, stream=8, places=places)
    order = torch.randperm(64)
    x = data.train[0]
    shuffled = x.flatten(2)[..., order].view_as(x)
    assert torch.allclose(model(x), model(shuffled), atol=1e-5) != places


def test_a_width_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="width: got 0"):
        small_vit(nn.ReLU, images(), 0)
