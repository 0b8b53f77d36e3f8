"""Text: windows of characters, and what bad files are told."""

import random
from pathlib import Path

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.data import Text, source


def write(tmp_path: Path, text: str | bytes, name: str = "t.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def prose(length: int) -> str:
    letters = random.Random(0)
    return "".join(letters.choice("abcdé ∀\n") for _ in range(length))


def test_targets_are_the_next_characters(tmp_path: Path) -> None:
    text = prose(5_003)
    data = Text(write(tmp_path, text), context=16).load()
    assert (data.task, data.classes, data.shape) == ("next-token", 8, (16,))
    x, y = data.train
    assert torch.equal(x.flatten()[1:], y.flatten()[:-1])
    symbols = sorted(set(text))
    assert "".join(symbols[i] for i in x.flatten()) == text[: x.numel()]
    held_out = "".join(symbols[i] for i in data.test[0].flatten())
    assert text[4503:].startswith(held_out)
    assert len(held_out) == 16 * (499 // 16)


def test_any_file_can_be_read_as_text(tmp_path: Path) -> None:
    path = write(tmp_path, prose(3_000), "code.py")
    assert source(path, task="next-token").load().task == "next-token"


def test_bad_texts(tmp_path: Path) -> None:
    for text, options, message in (
        ("", {}, r"t\.txt: got 0 characters; expected at least 2,000"),
        ("short", {}, r"got 5 characters"),
        ("a" * 3000, {}, r"got only the character 'a'"),
        ("\n".join(["a" * 1000] * 3) + "\0", {}, r"line 3: got a zero byte"),
        (b"\n" + b"a" * 3000 + b"\xff", {}, r"line 2, byte 3001: got b'\\xff'; expected text in UTF-8"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 2500))), {}, r"got 2,500 different characters; expected at most"),
        (prose(3000), {"context": 400}, r"got 300 characters in one part of the split; expected more than 400"),
        (prose(3000), {"test_fraction": 0.0}, r"test_fraction: got 0\.0"),
        (prose(3000), {"context": 0}, r"context: got 0; expected a whole number >= 1"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            Text(write(tmp_path, text), **options).load()
        assert "\n" not in str(caught.value)
