"""NPZ files: numbers and images, and what bad files are told."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from unbend._errors import ArgumentError, UnknownNameError
from unbend.data import Arrays


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


def test_arrays_of_numbers_and_of_images(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    y = np.arange(40) % 4
    numbers = Arrays(save(tmp_path / "a.npz", X=generator.normal(3, 2, (40, 5)), y=y)).load()
    assert (numbers.task, numbers.classes, numbers.shape) == ("classification", 4, (5,))
    for shape, expected in {
        (40, 6, 5): (1, 6, 5), (40, 3, 6, 5): (3, 6, 5), (40, 6, 5, 3): (3, 6, 5), (40, 6, 5, 1): (1, 6, 5),
    }.items():  # fmt: skip
        images = generator.integers(0, 255, shape, dtype=np.uint8)
        data = Arrays(save(tmp_path / "b.npz", images=images, labels=y)).load()
        assert data.shape == expected
        assert data.train[0].mean((0, 2, 3)).abs().max() < 1e-5
    named = Arrays(save(tmp_path / "c.npz", left=np.arange(40) / 7, right=generator.normal(0, 1, (40, 5))))
    with pytest.raises(ArgumentError, match=r"got the arrays left, right; expected targets under one of y, labels"):
        named.load()
    assert Arrays(named.path, "left").load().task == "regression"
    with pytest.raises(UnknownNameError, match=r"'lft'; did you mean left"):
        Arrays(named.path, "lft").load()


def test_bad_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    x, y = np.ones((8, 2)), np.arange(8) % 2
    x[5, 1] = np.nan
    for arrays, message in (
        ({"x": x, "y": y}, r"x\[5, 1\]: got nan; expected finite numbers"),
        ({"x": x[:7], "y": y}, r"got x of shape \(7, 2\) and y of shape \(8,\); expected"),
        ({"x": x[:, 0], "y": y}, r"got x of shape \(8,\)"),
        ({"x": np.ones((8, 2, 9, 9)), "y": y}, r"got images of shape \(2, 9, 9\); expected 1, 3 or 4 channels"),
        ({"x": x.astype(complex), "y": y}, r"x: got the type complex128; expected numbers"),
        ({"x": np.array([{"a": 1}] * 8), "y": y}, r"x\.npy: got an array of Python objects; .*can run code"),
    ):
        with pytest.raises(ArgumentError, match=message):
            Arrays(save(path, **arrays)).load()
    path.write_bytes(b"no zip")
    with pytest.raises(ArgumentError, match=r"a\.npz: got .*; expected an \.npz file"):
        Arrays(path).load()


def test_headers_that_promise_more_than_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", head.getvalue() + b"\0" * 1000)
    with pytest.raises(ArgumentError, match=r"x\.npy: got .* bytes for a shape of \(1000000000, 1000\)"):
        Arrays(path).load()


def test_archives_that_unpack_to_more_than_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbend.data._arrays.MOST_BYTES", 1 << 20)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((1000, 1000)), y=np.zeros(1000))
    assert path.stat().st_size < 1 << 15
    with pytest.raises(ArgumentError, match="GB when unpacked; expected at most"):
        Arrays(path).load()
