"""The digits are scikit-learn's, enlarged exactly, and shifted to places that training has not seen."""

import pytest
import torch
from sklearn.datasets import load_digits

from unbend.data import Dataset, digits, digits16, load, shifted_digits
from unbend.data._digits import offsets

# A changed hash makes every stored cell another cell: change it only together with a reason in the commit.
HASHES = {"digits": "a0ce0d35", "digits16": "eed2ca15", "shifted-digits": "f5bc8923"}


def pixels(data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Train and test images, background zero."""
    train, test = data.train[0], data.test[0]
    return train - train.min(), test - test.min()


def test_digits_are_those_of_scikit_learn() -> None:
    theirs, data = load_digits(), digits()
    x, y = (torch.cat([data.train[i], data.test[i]]) for i in (0, 1))
    assert torch.equal(y, torch.from_numpy(theirs.target))
    grey = torch.from_numpy(theirs.images).float()[:, None]
    scaled = (x - x.min()) / (x.max() - x.min()) * 16
    torch.testing.assert_close(scaled, grey, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", HASHES)
def test_contents_are_the_same_on_every_machine(name: str) -> None:
    data = load(name)
    assert data.hash.startswith(HASHES[name])
    assert abs(float(data.train[0].mean())) < 0.01
    assert abs(float(data.train[0].std()) - 1) < 0.01
    assert data.classes == 10


def test_enlarging_weighs_the_four_nearest_pixels() -> None:
    (small, _), (large, _) = pixels(digits()), pixels(digits16())
    assert large.shape[1:] == (1, 16, 16)
    near = small[:, 0, 3:5, 3:5].flatten(1) @ torch.tensor([9.0, 3.0, 3.0, 1.0]) / 16
    scale = (large.sum() / small.sum() / 4).item()
    torch.testing.assert_close(large[:, 0, 7, 7], near * scale, atol=5e-3, rtol=0)


def test_test_places_are_none_of_the_training_places() -> None:
    places = offsets()
    assert not set(places["train"]) & set(places["test"])
    assert len(places["train"]) + len(places["test"]) == 17 * 17
    data = shifted_digits()
    for images, allowed in zip(pixels(data), (places["train"], places["test"])):
        inside = torch.zeros(24, 24, 289, dtype=torch.bool)
        for i, (top, left) in enumerate(allowed):
            inside[top : top + 8, left : left + 8, i] = True
        # A place explains an image when no ink lies outside of it.
        outside = images[:, 0].flatten(1).gt(1e-6).float() @ (~inside).flatten(0, 1).float()
        assert (outside[:, : len(allowed)] == 0).any(1).all()


def test_shifted_digits_are_the_digits() -> None:
    small, shifted = digits(), shifted_digits()
    (_, a), (_, b) = pixels(small), pixels(shifted)
    torch.testing.assert_close(a.sum((1, 2, 3)) / a.sum() * len(a), b.sum((1, 2, 3)) / b.sum() * len(b))
    assert torch.equal(shifted.train[1], small.train[1].repeat(4))
