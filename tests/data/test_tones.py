"""The tones are where their labels say, spread evenly, and on record."""

import pytest
import torch

from unbend.data import load


@pytest.mark.parametrize(("name", "digest"), [("tone-pitch", "a2cc60f5"), ("tone-strength", "ccdecdd1")])
def test_contents_are_the_same_on_every_machine(name: str, digest: str) -> None:
    data = load(name)
    assert data.hash.startswith(digest)
    assert data.shape == (1, 64)
    assert (data.train[1].bincount() - 375).abs().max() <= 8, "the classes are of one size"


def test_the_loudest_frequency_is_that_of_the_class() -> None:
    x, y = load("tone-pitch").train
    window = torch.hann_window(64)
    spectrum = torch.fft.rfft(x[:, 0] * window, n=512).abs()
    cycles = spectrum.argmax(1) / 8
    assert float(((cycles - 4) / 4).floor().eq(y).double().mean()) > 0.95


def test_the_loudness_is_that_of_the_class() -> None:
    x, y = load("tone-strength").train
    loudness = torch.stack([x[y == c].square().mean() for c in range(4)]).sqrt()
    assert bool((loudness.diff() > 0.2).all())
