"""A folder of images: one sub-folder for each class."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbend._errors import ArgumentError, at_least, extra
from unbend.data._arrays import scale, shown
from unbend.data._dataset import Dataset
from unbend.data._goal import dataset, goal

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
MOST_PIXELS = 1 << 26
MOST_BYTES = 2 << 30
_GREY, _COLOUR = frozenset({"1", "L", "LA"}), frozenset({"P", "RGB", "RGBA", "CMYK", "YCbCr", "PA"})


@dataclass(frozen=True)
class Folder:
    """Images in `path/<class>/<image>`.

    All images are of one size, unless `image_size` cuts each to a square: its shorter side is resized, its longer
    side cropped to the middle. Grey images among coloured ones become coloured, and transparency is dropped.

    Args:
        path: the folder that holds a folder for each class.
        image_size: side of the square that every image is made into, in pixels.
        test_fraction: share of each class to test on.
    """

    path: Path
    image_size: int | None = None
    test_fraction: float = 0.25

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def load(self) -> Dataset:
        """Read every image; other files are counted in `about`, and left out."""
        if self.image_size is not None:
            at_least(4, image_size=self.image_size)
        files, labels, others = self._files()
        kinds = [_kind(file) for file in files]
        colour = any(mode in _COLOUR for mode, _ in kinds)
        size = (self.image_size, self.image_size) if self.image_size else self._one_size(files, [s for _, s in kinds])
        channels = 3 if colour else 1
        bytes_ = len(files) * channels * size[0] * size[1] * 4
        if bytes_ > MOST_BYTES:
            raise ArgumentError.of(
                f"{self.path}", f"{len(files):,} images of {size[0]} x {size[1]}, {bytes_ / 2**30:.1f} GB of numbers",
                f"at most {MOST_BYTES >> 30} GB", "Make them smaller: --image-size 32",
            )  # fmt: skip
        images = np.stack([_pixels(file, "RGB" if colour else "L", size) for file in files])
        images = np.moveaxis(images, 3, 1) if colour else images[:, None]
        target = np.array(labels, dtype=object)
        aim = goal(
            f"{self.path}", target, lambda row: f"{files[row].relative_to(self.path)}",
            task=None, test_fraction=self.test_fraction,
        )  # fmt: skip
        about = f"{self.path.name}: images of {shown(images.shape[1:])}, standardised"
        about += f"; {others} files that are no images left out" if others else ""
        return dataset(self.name, about, scale(images, aim.train), aim)

    def _files(self) -> tuple[list[Path], list[str], int]:
        folders = sorted(entry for entry in self.path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        names = [folder.name for folder in folders]
        if names and {name.lower() for name in names} <= {"train", "test", "val", "valid", "validation"}:
            raise ArgumentError.of(
                f"{self.path}", f"the folders {', '.join(names)}", "a folder for each class",
                f"Name the one to use, as --data {self.path / names[-1]}; it is split into training and test images",
            )  # fmt: skip
        if len(folders) < 2:
            raise ArgumentError.of(
                f"{self.path}", f"{len(folders)} folder inside", "a folder for each class, at least two"
            )
        files, labels, others = list[Path](), list[str](), 0
        for folder in folders:
            entries = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
            images = [entry for entry in entries if entry.suffix.lower() in SUFFIXES]
            if not images:
                raise ArgumentError.of(f"{folder}", "no images", f"files ending in {', '.join(sorted(SUFFIXES))}")
            files += images
            labels += [folder.name] * len(images)
            others += len(entries) - len(images)
        return files, labels, others

    def _one_size(self, files: list[Path], sizes: list[tuple[int, int]]) -> tuple[int, int]:
        count = Counter(sizes).most_common()
        if len(count) > 1:
            odd = files[next(i for i, size in enumerate(sizes) if size != count[0][0])]
            (w, h), (v, u) = count[0][0], sizes[files.index(odd)]
            raise ArgumentError.of(
                f"{odd}", f"an image of {v} x {u}", f"{w} x {h}, as {count[0][1]} of the {len(files)} images are",
                "Make all the same size: --image-size 32",
            )  # fmt: skip
        return count[0][0]


def _kind(file: Path) -> tuple[str, tuple[int, int]]:
    image = extra("PIL.Image", "data")
    try:
        with image.open(file) as picture:
            mode, size = picture.mode, picture.size
    except (OSError, image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise _unreadable(file, error) from error
    if mode not in _GREY | _COLOUR:
        raise ArgumentError.of(f"{file}", f"the pixel type {mode}", "8 bits for each channel", "Convert it to 8 bits")
    if size[0] * size[1] > MOST_PIXELS:
        raise ArgumentError.of(f"{file}", f"{size[0]} x {size[1]} pixels", f"at most {MOST_PIXELS:,} pixels")
    return mode, size


def _pixels(file: Path, mode: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    image, ops = extra("PIL.Image", "data"), extra("PIL.ImageOps", "data")
    try:
        with image.open(file) as picture:
            flat = picture.convert(mode)
            return np.asarray(flat if flat.size == size else ops.fit(flat, size), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> ArgumentError:
    reason = "a file that is no image" if "cannot identify" in str(error) else f"{error}".split("\n")[0]
    return ArgumentError.of(f"{file}", reason, "a readable image", "Remove it, or save it anew")
