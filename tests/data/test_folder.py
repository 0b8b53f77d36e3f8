"""Folders of images: what is read, and what bad ones are told."""

from pathlib import Path

import numpy as np
import pytest
import torch

from unbend._errors import ArgumentError
from unbend.data import Folder, source

Image = pytest.importorskip("PIL.Image")


def paint(root: Path, sizes: tuple[tuple[int, int], ...] = ((7, 5),), modes: tuple[str, ...] = ("L",)) -> Path:
    """Twelve images of two classes: `dark` ones below 100, `light` ones above."""
    for i in range(12):
        name = ("dark", "light")[i % 2]
        (root / name).mkdir(parents=True, exist_ok=True)
        w, h = sizes[i % len(sizes)]
        grey = np.full((h, w), 8 * i + 120 * (i % 2), dtype=np.uint8)
        Image.fromarray(grey).convert(modes[i % len(modes)]).save(root / name / f"{i}.png")
    return root


def test_classes_are_the_folders(tmp_path: Path) -> None:
    data = Folder(paint(tmp_path / "pics")).load()
    assert (data.name, data.classes, data.shape) == ("pics", 2, (1, 5, 7))
    for x, y in (data.train, data.test):
        assert torch.equal(x.mean((1, 2, 3)) > 0, y == 1)
    assert data.train[0].mean().abs() < 1e-5
    assert data.hash == source(tmp_path / "pics").load().hash


def test_other_files_are_counted_and_left_out(tmp_path: Path) -> None:
    paint(tmp_path)
    (tmp_path / "dark" / "notes.txt").write_text("seen at night")
    (tmp_path / "dark" / ".DS_Store").write_text("")
    data = Folder(tmp_path).load()
    assert len(data.train[0]) + len(data.test[0]) == 12
    assert "1 files that are no images" in data.about


def test_one_coloured_image_makes_all_coloured(tmp_path: Path) -> None:
    assert Folder(paint(tmp_path, modes=("L", "RGB", "RGBA", "P"))).load().shape == (3, 5, 7)


def test_mixed_sizes_are_refused_unless_a_size_is_given(tmp_path: Path) -> None:
    paint(tmp_path, sizes=((7, 5), (7, 5), (9, 9)))
    with pytest.raises(ArgumentError, match=r"got an image of 9 x 9; expected 7 x 5, as 8 of the 12 .*--image-size"):
        Folder(tmp_path).load()
    assert Folder(tmp_path, image_size=6).load().shape == (1, 6, 6)


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="got 0 folder inside; expected a folder for each class"):
        Folder(tmp_path).load()
    paint(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArgumentError, match=r"empty: got no images; expected files ending in \.bmp"):
        Folder(tmp_path).load()
    (tmp_path / "empty" / "a.png").write_bytes(b"not an image")
    with pytest.raises(ArgumentError, match=r"a\.png: got a file that is no image"):
        Folder(tmp_path).load()
    whole = (tmp_path / "dark" / "0.png").read_bytes()
    (tmp_path / "empty" / "a.png").write_bytes(whole[:44])
    with pytest.raises(ArgumentError, match=r"a\.png: got .*; expected a readable image"):
        Folder(tmp_path).load()
    (tmp_path / "empty" / "a.png").write_bytes(whole)
    with pytest.raises(ArgumentError, match=r"empty/a\.png: got the only example of class 'empty'"):
        Folder(tmp_path).load()
    Image.fromarray(np.zeros((5, 7), np.uint16)).save(tmp_path / "empty" / "b.png")
    with pytest.raises(ArgumentError, match=r"b\.png: got the pixel type I;16; expected 8 bits"):
        Folder(tmp_path).load()


def test_one_class_and_ready_made_splits(tmp_path: Path) -> None:
    paint(tmp_path / "data")
    (tmp_path / "one").mkdir()
    (tmp_path / "data" / "dark").rename(tmp_path / "one" / "dark")
    with pytest.raises(ArgumentError, match="got 1 folder inside"):
        Folder(tmp_path / "one").load()
    for name in ("train", "test"):
        paint(tmp_path / "split" / name)
    with pytest.raises(ArgumentError, match=r"got the folders test, train; expected .*--data .*train"):
        Folder(tmp_path / "split").load()
