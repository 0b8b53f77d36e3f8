"""Scikit-learn's handwritten digits: as they are, enlarged, and pasted at places of their own."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbend.data._about import about
from unbend.data._dataset import Dataset

# Neighbouring rows are by the same hand: a support vector machine is right on 0.99 of rows drawn at random, on 0.965 of
# the last ones. So the end of the table is the honest test.
_TEST = 600
_FIELD, _DIGIT, _COPIES = 24, 8, 4


def digits() -> Dataset:
    """8 x 8 images of handwritten digits.

    1,797 digits of 13 writers in 17 grey values, as scikit-learn ships them (UCI Optical Recognition of Handwritten
    Digits, test part; CC BY 4.0). Grey values / 16, less 0.306, over 0.375. The last 600 rows are the test set.
    """
    return _dataset("digits", _images(), 0.306, 0.375)


def digits16() -> Dataset:
    """The digits enlarged to 16 x 16.

    1,797 digits of 13 writers in 17 grey values, as scikit-learn ships them (UCI Optical Recognition of Handwritten
    Digits, test part; CC BY 4.0). Grey values / 16, enlarged bilinearly, less 0.306, over 0.318. The last 600 rows are
    the test set.
    """
    import torch

    # Bilinear weights at factor two are 1/4 and 3/4: the result is exact, and its hash the same on every machine.
    images = torch.nn.functional.interpolate(torch.from_numpy(_images()), scale_factor=2.0, mode="bilinear")
    return _dataset("digits16", images.numpy(), 0.306, 0.318)


def shifted_digits() -> Dataset:
    """Digits at random places of a 24 x 24 field; the places of the test set are none of training's.

    1,797 digits of 13 writers in 17 grey values, 8 x 8 pixels, as scikit-learn ships them (UCI Optical Recognition of
    Handwritten Digits, test part; CC BY 4.0). Each training digit is pasted at 4 places, and each test digit, the last
    600 rows, at one. Of the 289 places (top, left) those with (3 top + left) mod 4 = 0, 73 of them, are for the test
    set, and the other 216 for training. Grey values / 16, less 0.034, over 0.158.
    """
    images, places = _images(), offsets()
    split = len(images) - _TEST
    rows = [*np.tile(np.arange(split), _COPIES), *range(split, len(images))]
    field = np.zeros((len(rows), 1, _FIELD, _FIELD), np.float32)
    for i, (row, here) in enumerate(zip(rows, field)):
        top, left = _pick(i, places["train" if row < split else "test"])
        here[:, top : top + _DIGIT, left : left + _DIGIT] = images[row]
    return _dataset("shifted-digits", field, 0.034, 0.158, np.array(rows))


def offsets() -> dict[str, list[tuple[int, int]]]:
    """Where `shifted_digits` pastes: places `(top, left)` for `train`, and others for `test`."""
    free = range(_FIELD - _DIGIT + 1)
    places = [(top, left) for top in free for left in free]
    return {
        "train": [place for place in places if (3 * place[0] + place[1]) % 4],
        "test": [place for place in places if not (3 * place[0] + place[1]) % 4],
    }


def _pick(i: int, places: list[tuple[int, int]]) -> tuple[int, int]:
    # A digest is random enough, and the same for ever; the stream of a random generator may change between versions.
    return places[int.from_bytes(hashlib.sha256(f"{i}".encode()).digest()[:8]) % len(places)]


def _dataset(
    name: str, images: NDArray[np.float32], mean: float, deviation: float, rows: NDArray[np.int64] | None = None
) -> Dataset:
    """Mean and deviation are those of the training pixels, rounded: their last bits differ between machines."""
    import torch

    labels = _raw()[:, 64].astype(np.int64)
    x = torch.from_numpy((images - np.float32(mean)) / np.float32(deviation))
    y = torch.from_numpy(labels if rows is None else labels[rows])
    split = len(x) - _TEST
    return Dataset(
        name, "classification", (x[:split], y[:split]), (x[split:], y[split:]), classes=10, about=about(name)
    )


def _images() -> NDArray[np.float32]:
    return _raw()[:, :64].reshape(-1, 1, 8, 8) / np.float32(16)


def _raw() -> NDArray[np.float32]:
    """The table of scikit-learn's `load_digits`, read from its file: importing the package costs over a second."""
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    return np.loadtxt(Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",", dtype=np.float32)
