"""The property card, against what is known of bends."""

import math

import pytest

from unbend.activations import GELU, ReLU, bend, describe


def test_relu():
    card = describe(ReLU())
    assert (card.range, card.lipschitz, card.monotone, card.smooth) == ((0.0, math.inf), 1.0, "increasing", 0)
    assert (card.saturates, card.zero_centred, card.at_zero) == ((0.0, None), False, 0.0)


def test_gelu():
    card = describe(GELU())
    assert card.slope == (pytest.approx(-0.128904, abs=1e-6), pytest.approx(1.128904, abs=1e-6))
    assert (card.monotone, card.smooth, card.saturates) == (None, math.inf, (0.0, None))


def test_sigmoid_and_tanh():
    card = describe(bend("sigmoid"))
    assert card.lipschitz == pytest.approx(0.25)
    assert (card.range, card.saturates, card.at_zero) == ((0.0, 1.0), (0.0, 1.0), 0.5)
    assert not card.zero_centred
    assert describe(bend("tanh")).zero_centred


def test_selu_keeps_mean_and_variance():
    selu = bend("selu")
    card = describe(selu)
    assert card.zero_centred
    mean, square = selu.moments()
    assert (mean, square) == (pytest.approx(0, abs=1e-9), pytest.approx(1, abs=1e-9))
    assert card.saturates[0] == pytest.approx(-1.0507009873554805 * 1.6732632423543772)


def test_words():
    text = str(describe(bend("elliott", learned=False)))
    assert text.splitlines()[0] == "range        0 to 1"
    assert "2 continuous derivatives" not in text
    assert "saturates    left 0, right 1" in text
    assert "order        jumps" in str(describe(bend("sign")))
