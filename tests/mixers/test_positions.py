"""Positions told to attention: what turns, what stands still, what is added."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from unbend.mixers import AlibiBias, FourierPositionEmbedding, RotaryEmbedding, rotary_frequencies

DOUBLE = torch.float64


def scores(turn, t=40, start=0) -> torch.Tensor:
    """Scores of one query and one key placed everywhere: `(h, t, t)`."""
    heads = getattr(turn, "heads", 1)
    one = torch.Generator().manual_seed(0)
    q, k = (torch.randn(1, heads, 1, turn.dim, generator=one, dtype=DOUBLE).expand(-1, -1, t, -1) for _ in range(2))
    return (turn(q, start) @ turn(k, start).mT)[0]


@pytest.mark.parametrize("pairs", ["halves", "adjacent"])
def test_a_rotation_written_out(pairs) -> None:
    x = torch.randn(2, 3, 7, 6, dtype=DOUBLE)
    y = RotaryEmbedding(6, pairs=pairs)(x, 5)
    for m in range(7):
        for i in range(3):
            a, b = (i, i + 3) if pairs == "halves" else (2 * i, 2 * i + 1)
            z = torch.complex(x[:, :, m, a], x[:, :, m, b]) * torch.exp(torch.tensor(1j * (5 + m) * 10_000 ** (-i / 3)))
            torch.testing.assert_close(torch.complex(y[:, :, m, a], y[:, :, m, b]), z)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 300), st.sampled_from(["halves", "adjacent"]))
def test_rotary_scores_depend_on_the_distance_alone(start, apart, pairs) -> None:
    turn = RotaryEmbedding(10, pairs=pairs)
    q, k = torch.randn(2, 1, 1, 1, 10, dtype=DOUBLE).unbind()
    there = turn(q, start + apart) @ turn(k, start).mT
    torch.testing.assert_close(there, turn(q, apart) @ turn(k).mT)
    torch.testing.assert_close(turn(q, start).norm(), q.norm())


def test_without_gain_and_floor_fourier_is_rotary() -> None:
    x = torch.randn(2, 3, 9, 14, dtype=DOUBLE)
    for options in ({}, {"trained_length": 50}, {"base": 30.0, "pairs": "adjacent"}):
        fourier = FourierPositionEmbedding(14, 3, gain=0.0, dtype=DOUBLE, **options)
        torch.testing.assert_close(fourier(x, 3), RotaryEmbedding(14, **options)(x, 3))


def test_fourier_scores_know_more_than_the_distance_and_are_bounded() -> None:
    torch.manual_seed(0)
    fourier = FourierPositionEmbedding(16, 2, gain=0.3, dtype=DOUBLE)
    near, far = scores(fourier), scores(fourier, start=1000)
    assert float((near - far).abs().max()) > 0.1
    torch.testing.assert_close(scores(RotaryEmbedding(16)), scores(RotaryEmbedding(16), start=1000))
    assert float(scores(fourier, 60, 100_000).abs().max()) < 4 * float(near.abs().max())


def test_scores_are_almost_periodic() -> None:
    # With whole frequencies in a ratio of 1 to 10, twenty pi is a period of all of them and of what is mixed from them.
    fourier = FourierPositionEmbedding(4, 1, gain=0.5, base=100.0, dtype=DOUBLE)
    period = 2 * math.pi * 10 * 226  # near a whole number of tokens
    assert abs(period - round(period)) < 0.01
    x = torch.randn(1, 1, 5, 4, dtype=DOUBLE)
    torch.testing.assert_close(fourier(x, round(period)), fourier(x), atol=0.05, rtol=0)


def test_what_made_no_full_turn_in_training_stands_still() -> None:
    w, kept = rotary_frequencies(32), rotary_frequencies(32, trained_length=64)
    assert bool((kept[w < 2 * math.pi / 64] == 0).all())
    assert torch.equal(kept[w >= 2 * math.pi / 64], w[w >= 2 * math.pi / 64])
    still = int((kept == 0).sum())
    assert 0 < still < 16
    x = torch.randn(1, 2, 200, 32, dtype=DOUBLE)
    for turn in (RotaryEmbedding(32, trained_length=64), FourierPositionEmbedding(32, 2, 64, dtype=DOUBLE)):
        y = turn(x)
        assert torch.equal(y[..., 16 - still : 16], x[..., 16 - still : 16])
        assert torch.equal(y[..., 32 - still :], x[..., 32 - still :])
        assert not torch.equal(y[..., 1:, : 16 - still], x[..., 1:, : 16 - still])


def test_still_channels_of_the_released_code_count_twice() -> None:
    x = torch.randn(2, 1, 2, 5, 32, dtype=DOUBLE)
    paper, code = (FourierPositionEmbedding(32, 2, 64, 0.0, pad_sin=pad, dtype=DOUBLE) for pad in (0.0, 1.0))
    (q, k), (other_q, other_k) = (paper(x.flatten(0, 1)).unflatten(0, (2, 1)) for _ in range(2))
    other_q, other_k = code(x.flatten(0, 1)).unflatten(0, (2, 1))
    still = [i for i in range(32) if i % 16 >= paper.columns]
    once, twice = (a[..., still] @ b[..., still].mT for a, b in ((q, k), (other_q, other_k)))
    torch.testing.assert_close(twice, 2 * once)


def test_fewer_columns_lead_with_every_other_frequency() -> None:
    fourier = FourierPositionEmbedding(32, 2, gain=0.0, columns=8)
    assert fourier.cosines.shape == (2, 16, 8)
    assert torch.equal(fourier.cosines[1].nonzero()[:, 0], torch.arange(0, 16, 2))


def test_the_spread_of_the_series() -> None:
    torch.manual_seed(0)
    fourier = FourierPositionEmbedding(128, 8, gain=0.4)
    drawn = fourier.sines - torch.eye(64)
    assert float(drawn.std()) == pytest.approx(0.4 * (2 / 128) ** 0.5, rel=0.03)
    assert not list(fourier.parameters())


def test_alibi_written_out() -> None:
    rates = [2.0**-h for h in range(1, 9)]
    assert AlibiBias(8).rates == rates
    assert AlibiBias(12).rates == rates + [2 ** (-0.5 * h) for h in (1, 3, 5, 7)]
    bias = AlibiBias(8)(torch.zeros(1, 8, 3, 5, dtype=DOUBLE))
    for i in range(3):
        for j in range(5):
            assert bias[0, 2, i, j] == -rates[2] * abs(2 + i - j)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="dim: got 7; expected an even number"):
        RotaryEmbedding(7)
    with pytest.raises(ValueError, match="pairs: got half; expected one of halves, adjacent"):
        RotaryEmbedding(8, pairs="half")
    with pytest.raises(ValueError, match="base: got 0"):
        FourierPositionEmbedding(8, 2, base=0)
