"""The story model: its greedy text and logits, its tokenizer, and files that are not what they say."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from tests._shared import shared
from unbend.models import StoryTokenizer, load_stories

NAME = "stories260k/stories260k.npz"


@pytest.fixture(scope="module")
def loaded():
    path = shared(NAME)
    return *load_stories(path), np.load(path, allow_pickle=False)


def test_logits_and_greedy_text_are_those_of_the_file(loaded) -> None:
    model, tokenizer, file = loaded
    ids = torch.from_numpy(file["greedy_ids"]).long()[None]
    with torch.no_grad():
        logits = model(ids)[0]
    np.testing.assert_allclose(logits[:16], file["logits_first16"], atol=5e-5)
    assert torch.equal(logits[:-1].argmax(-1), ids[0, 1:])
    assert torch.equal(model.generate(ids[:, :1], 60), ids[:, :61])
    assert tokenizer.decode(ids[0].tolist()).startswith("Once upon a time, there was a little girl named Lily. She")


def test_number_of_weights(loaded) -> None:
    assert sum(p.numel() for p in loaded[0].parameters()) == 260_032


def test_text_goes_to_tokens_and_back(loaded) -> None:
    _, tokenizer, file = loaded
    start = tokenizer.encode("Once upon a time, there was a little girl named Lily.")
    assert start == file["greedy_ids"][: len(start)].tolist()
    for text in ("", " two  blanks ", "naïve café, 日本 🙂", "line\nbreak"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40))
def test_every_text_comes_back(text) -> None:
    raw = tuple(f"<0x{i:02X}>".encode() for i in range(256))
    pieces = (b"<unk>", b"<s>", b"</s>", *raw, b" ", b"a", b"b", b"ab", b" ab", b"aab")
    tokenizer = StoryTokenizer(pieces, (0.0,) * 262 + (1.0, 2.0, 3.0))
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert tokens[0] == 1


def test_the_best_score_is_merged_first() -> None:
    raw = tuple(f"<0x{i:02X}>".encode() for i in range(256))
    pieces = (b"", b"", b"", *raw, b" ", b"a", b"b", b"ab", b"ba")
    for scores, merged in (((2.0, 1.0), [262, 260]), ((1.0, 2.0), [260, 263])):
        assert StoryTokenizer(pieces, (0.0,) * 262 + scores).encode("aba")[2:] == merged


def tiny(**changes) -> dict[str, np.ndarray]:
    """The arrays of a model of two blocks, width 4."""
    random = np.random.default_rng(0)
    shapes = {"norm_attn": (4,), "wq": (4, 4), "wk": (2, 4), "wv": (2, 4), "wo": (4, 4), "norm_ffn": (4,)}
    shapes |= {"w_gate": (3, 4), "w_up": (3, 4), "w_down": (4, 3)}
    arrays = {name: random.standard_normal((2, *shape)).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {"tok_embed": np.ones((260, 4), np.float32), "norm_out": np.ones(4, np.float32)}
    arrays |= {"config": np.array([4, 3, 2, 2, 1, 260, 9], np.int32), "vocab_scores": np.zeros(260, np.float32)}
    arrays |= {"vocab_bytes": np.full(260, 65, np.uint8), "vocab_offsets": np.arange(261, dtype=np.int32)}
    return {name: array for name, array in {**arrays, **changes}.items() if array is not None}


def test_a_file_of_our_own_loads(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", **tiny())
    model, _ = load_stories(tmp_path / "a.npz")
    assert model(torch.tensor([[1, 5, 7]])).shape == (1, 3, 260)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"config": None}, "config: got int32"),
        ({"config": np.array([4, 3, 2, 2, 1, 260, 0])}, "config: max_length: got 0"),
        ({"config": np.array([60_000, 3, 2, 2, 1, 260, 9])}, "tok_embed: got float32"),
        ({"wq": None}, "wq: got nothing"),
        ({"wo": np.ones((2, 4, 5))}, "wo: got float64"),
        ({"w_up": np.full((2, 3, 4), np.nan, np.float32)}, "w_up: got a number that is not finite"),
        ({"wk": np.array([{"a": 1}], object)}, "cannot be read"),
        ({"vocab_offsets": np.arange(261)[::-1].copy()}, "vocab_offsets"),
        ({"vocab_offsets": np.arange(9)}, "vocab: got"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_wrong_is_named(tmp_path, changes, says) -> None:
    np.savez(tmp_path / "a.npz", **tiny(**changes))
    with pytest.raises(ValueError, match=says):
        load_stories(tmp_path / "a.npz")


def test_nothing_is_run_and_nothing_large_is_unpacked(tmp_path) -> None:
    bad = tmp_path / "a.npz"
    bad.write_bytes(pickle.dumps({"config": 1}))
    with pytest.raises(ValueError, match="an npz file of plain arrays"):
        load_stories(bad)
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.npy", bytes(300_000_000))
    assert bad.stat().st_size < 1_000_000
    with pytest.raises(ValueError, match="got a larger file"):
        load_stories(bad)
    header = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
    header += b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("config.npy", header + bytes(16))
    with pytest.raises(ValueError, match="an array of"):
        load_stories(bad)
