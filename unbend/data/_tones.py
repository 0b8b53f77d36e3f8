"""Pairs of tones, to be told by the frequency or by the amplitude of the louder one."""

import numpy as np

from unbend.data._about import about
from unbend.data._dataset import Dataset

_LENGTH, _ROWS, _CLASSES = 64, 2000, 4


def tone_pitch() -> Dataset:
    """A tone under a softer one, both of any amplitude and phase: which of four bands of frequency is it in?

    2,000 signals of 64 samples: amplitude 0.5 to 2 and 4 to 20 cycles in the window, in four bands of 4; the other tone
    has a third to two thirds of that amplitude, and 2 to 30 cycles. The numbers are evenly spread, not random; to four
    decimals. Every fourth signal is in the test set.
    """
    return _tones("tone-pitch", 0)


def tone_strength() -> Dataset:
    """A tone under a softer one, both of any frequency and phase: which of four bands of amplitude is it in?

    The signals of tone-pitch: 2,000 of 64 samples, amplitude 0.5 to 2 in four bands of 0.375, 4 to 20 cycles in the
    window, and another tone with a third to two thirds of that amplitude and 2 to 30 cycles. Every fourth signal is in
    the test set.
    """
    return _tones("tone-strength", 1)


def _tones(name: str, what: int) -> Dataset:
    import torch

    # Multiples of powers of a number, modulo one, spread evenly in six dimensions: the root of x^7 = x + 1.
    base = 1.1127756842787053
    u = np.arange(1, _ROWS + 1)[:, None] * base ** -np.arange(1.0, 7.0) % 1
    cycles, amplitude = 4 + 16 * u[:, :1], 0.5 + 1.5 * u[:, 1:2]
    other = amplitude * (1 + u[:, 2:3]) / 3
    t = 2 * np.pi * np.arange(_LENGTH) / _LENGTH
    x = amplitude * np.cos(cycles * t + 2 * np.pi * u[:, 3:4])
    x += other * np.cos((2 + 28 * u[:, 4:5]) * t + 2 * np.pi * u[:, 5:6])
    inputs = torch.from_numpy(np.round(x, 4).astype(np.float32))[:, None]
    y = torch.from_numpy((_CLASSES * u[:, what]).astype(np.int64))
    held = torch.arange(_ROWS) % 4 == 3
    train, test = (inputs[~held], y[~held]), (inputs[held], y[held])
    return Dataset(name, "classification", train, test, classes=_CLASSES, about=about(name))
