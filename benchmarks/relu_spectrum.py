"""The predicted spectrum of a rectified signal against the transform of 65,536 of its samples."""

import numpy as np
from _measure import Call, main

from unbend.special import relu_spectrum

SAMPLES = 1 << 16
SIGNALS = {"1 tone": ([1.0], [1]), "3 tones": ([1.0, 0.7, 0.2], [2, 3, 11])}
ITEMS = [f"{signal}, order {order}" for signal in SIGNALS for order in (20, 80)]


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where the first harmonics differ by more than the order explains."""
    signal, order = item.split(", order ")
    amplitudes, freqs = SIGNALS[signal]

    def ours() -> np.ndarray:
        return relu_spectrum(amplitudes, freqs, int(order))

    def theirs() -> np.ndarray:
        t = 2 * np.pi * np.arange(SAMPLES) / SAMPLES
        x = sum(a * np.cos(w * t) for a, w in zip(amplitudes, freqs))
        return np.fft.rfft(np.maximum(x, 0)) / SAMPLES * 2

    if check and np.abs(ours()[1:30] - theirs()[1:30]).max() > 0.1 * sum(amplitudes) / int(order) ** 0.5:
        raise SystemExit(f"{item}: the two spectra differ; nothing is timed")
    return ours, theirs


if __name__ == "__main__":
    main("relu-spectrum", {"numpy fft": True}, ITEMS, sides)
