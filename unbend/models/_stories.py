"""A trained story model and its tokenizer, from one file of arrays that is not trusted."""

import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import nn

from unbend._errors import ArgumentError
from unbend.models._transformer_base import Transformer

BEGIN, END = 1, 2
# The largest that a file may be, unpacked: far above any model of this kind, far below what harms a machine.
MOST_BYTES = 256 * 1024**2
_BYTE_0 = 3  # the token of byte 0, where a text has a character that is no token
_CONFIG = ("dim", "hidden", "depth", "heads", "kv_heads", "vocabulary", "max_length")
_MOST = 1 << 16


@dataclass(frozen=True)
class StoryTokenizer:
    """Text to tokens and back: pairs of pieces are merged as long as the whole is a piece, the best score first.

    Args:
        pieces: the bytes of each token; 0 to 2 are unknown, begin and end, then come the 256 bytes as `<0x41>`.
        scores: of each token; the higher is merged first.

    Behaviour:
        A text is read as if a blank stood before it; `decode` takes that blank away again. A character that is no
        piece becomes its UTF-8 bytes. Merging takes time t^2 in the characters.

    Examples:
        >>> spelled = [f"<0x{i:02X}>".encode() for i in range(256)]
        >>> tokenizer = StoryTokenizer((b"", b"", b"", *spelled, b" ", b"h", b"i", b"hi"), (0.0,) * 262 + (1.0,))
        >>> tokenizer.encode("hi!"), tokenizer.decode(tokenizer.encode("hi!"))
        ([1, 259, 262, 36], 'hi!')
    """

    pieces: tuple[bytes, ...]
    scores: tuple[float, ...]

    def encode(self, text: str) -> list[int]:
        """The tokens of `text`, after that of the beginning."""
        number = {piece: i for i, piece in enumerate(self.pieces) if i >= _BYTE_0 + 256}
        tokens: list[int] = []
        for character in f" {text}" if text else "":
            raw = character.encode()
            tokens += [number[raw]] if raw in number else [byte + _BYTE_0 for byte in raw]
        while True:
            merged = [
                (-self.scores[whole], i, whole)
                for i, (a, b) in enumerate(pairwise(tokens))
                if (whole := number.get(self.pieces[a] + self.pieces[b])) is not None
            ]
            if not merged:
                return [BEGIN, *tokens]
            _, at, whole = min(merged)
            tokens[at : at + 2] = [whole]

    def decode(self, tokens: list[int]) -> str:
        """The text of `tokens` up to the end of the story, or up to the next beginning."""
        text = b""
        for place, token in enumerate(tokens):
            if not 0 <= token < len(self.pieces):
                raise ArgumentError.of("tokens", token, f"whole numbers from 0 to {len(self.pieces) - 1}")
            if token in (BEGIN, END):
                if place:
                    break
                continue
            spelled = _BYTE_0 <= token < _BYTE_0 + 256
            text += bytes([token - _BYTE_0]) if spelled else self.pieces[token]
        return text.decode(errors="replace").removeprefix(" ")


def load_stories(path: str | Path) -> tuple[Transformer, StoryTokenizer]:
    """Read a small trained decoder of the Llama family, and its tokenizer, from an npz file.

    Args:
        path: a file with the arrays `config` (dim, hidden, depth, heads, kv_heads, vocabulary, max_length),
            `tok_embed`, `norm_attn`, `wq`, `wk`, `wv`, `wo`, `norm_ffn`, `w_gate`, `w_up`, `w_down` with one row for
            each block, `norm_out`, and the vocabulary as `vocab_bytes`, `vocab_offsets`, `vocab_scores`.

    Returns:
        The model, with RMS norms, rotary positions in adjacent pairs, grouped keys, SwiGLU and a tied output, and the
        tokenizer.

    Raises:
        ArgumentError: the file is none of this kind, an array has another shape than `config` says, holds a number
            that is not finite, or unpacks to more than 256 MB. Nothing in it is ever run, and no array is unpacked
            before its size is known.
    """
    arrays = _arrays(Path(path))
    config = _config(arrays, path)
    kind: dict[str, Any] = {"norm": "rms", "position": "rotary", "bend": "silu", "gated": True}
    made = Transformer(**config, **kind, bias=False, tied=True)
    _fill(made, arrays)
    return made.eval(), _tokenizer(arrays, config["vocabulary"], path)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an npz file: the sizes are read and added up before any of them is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = archive.infolist()
            if len(inside) > 64 or sum(part.file_size for part in inside) > MOST_BYTES:
                raise ArgumentError.of(
                    f"{path}", "a larger file", f"at most 64 arrays and {MOST_BYTES:,} bytes unpacked"
                )
            found: dict[str, NDArray[Any]] = {}
            for part in inside:
                with archive.open(part) as file:
                    found[part.filename.removesuffix(".npy")] = _array(file, part.file_size)
            return found
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError.of(
            f"{path}", f"a file that cannot be read ({error})", "an npz file of plain arrays"
        ) from None


def _array(file: IO[bytes], size: int) -> NDArray[Any]:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array format {version}")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, columns, kind = read(file)
    if kind.hasobject or columns or kind.kind not in "fiu":
        raise ValueError(f"an array of {kind}, Fortran order: {columns}")
    count = int(np.prod(shape, dtype=object))
    if count * kind.itemsize > size:
        raise ValueError(f"an array of {shape} in {size} bytes")
    raw = file.read(count * kind.itemsize)
    return np.frombuffer(raw, kind, count).reshape(shape)


def _config(arrays: dict[str, NDArray[Any]], path: str | Path) -> dict[str, int]:
    """The sizes of the model; every array is held to them before anything is made."""
    given = arrays.get("config", np.zeros(0, np.int32))
    if given.shape != (len(_CONFIG),) or given.dtype.kind not in "iu":
        raise ArgumentError.of(
            f"{path}: config", f"{given.dtype} {given.shape}", f"whole numbers: {', '.join(_CONFIG)}"
        )
    config = {str(name): int(value) for name, value in zip(_CONFIG, given)}
    for name, value in config.items():
        if not 1 <= value <= _MOST:
            raise ArgumentError.of(f"{path}: config: {name}", value, f"a number from 1 to {_MOST}")
    for name, shape in _shapes(**config).items():
        found = arrays.get(name)
        if found is None or found.dtype.kind != "f" or found.shape != shape:
            got = "nothing" if found is None else f"{found.dtype} {found.shape}"
            raise ArgumentError.of(f"{path}: {name}", got, f"floating numbers {shape}, as config says")
        if not np.isfinite(found).all():
            raise ArgumentError.of(f"{path}: {name}", "a number that is not finite", "finite numbers")
    return config


def _shapes(
    dim: int, hidden: int, depth: int, heads: int, kv_heads: int, vocabulary: int, **others: int
) -> dict[str, tuple[int, ...]]:
    shared = dim // heads * kv_heads
    blocks = {
        "norm_attn": (dim,),
        "wq": (dim, dim),
        "wk": (shared, dim),
        "wv": (shared, dim),
        "wo": (dim, dim),
        "norm_ffn": (dim,),
        "w_gate": (hidden, dim),
        "w_up": (hidden, dim),
        "w_down": (dim, hidden),
    }
    whole = {"tok_embed": (vocabulary, dim), "norm_out": (dim,), "vocab_scores": (vocabulary,)}
    return whole | {name: (depth, *shape) for name, shape in blocks.items()}


@torch.no_grad()
def _fill(model: Transformer, arrays: dict[str, NDArray[Any]]) -> None:
    def put(into: nn.Module | None, found: NDArray[Any]) -> None:
        assert into is not None
        into.get_parameter("weight").copy_(torch.from_numpy(found.astype(np.float32)))

    put(model.embed, arrays["tok_embed"])
    put(model.norm, arrays["norm_out"])
    for row, block in enumerate(model.blocks):
        for name, inside in _PLACES.items():
            put(block.get_submodule(inside), arrays[name][row])


_PLACES = {
    "norm_attn": "norm_mixer",
    "wq": "mixer.to_q",
    "wk": "mixer.to_k",
    "wv": "mixer.to_v",
    "wo": "mixer.out",
    "norm_ffn": "norm_ff",
    "w_gate": "ff.into",
    "w_up": "ff.value",
    "w_down": "ff.out",
}


def _tokenizer(arrays: dict[str, NDArray[Any]], tokens: int, path: str | Path) -> StoryTokenizer:
    raw, ends, scores = (arrays.get(f"vocab_{name}", np.zeros(0)) for name in ("bytes", "offsets", "scores"))
    if raw.dtype != np.uint8 or ends.shape != (tokens + 1,) or ends.dtype.kind not in "iu" or scores.shape != (tokens,):
        raise ArgumentError.of(
            f"{path}: vocab", f"{raw.dtype}, {ends.shape}, {scores.shape}", f"{tokens} pieces of bytes"
        )
    if (
        not (np.diff(ends.astype(np.int64)) >= 0).all()
        or ends[0] != 0
        or ends[-1] != len(raw)
        or tokens < _BYTE_0 + 256
    ):
        raise ArgumentError.of(f"{path}: vocab_offsets", ends, f"rising from 0 to {len(raw)}, 259 pieces at least")
    text = raw.tobytes()
    pieces = tuple(text[int(a) : int(b)] for a, b in pairwise(ends))
    return StoryTokenizer(pieces, tuple(float(score) for score in scores))
