"""The rectifier's series: its error, and the spectra of one tone, of two, and of any."""

import math

import numpy as np
import pytest
import torch

from unbend._errors import ArgumentError
from unbend.special import relu_spectrum, relu_taylor


def test_one_tone_is_the_textbook_series() -> None:
    """relu(A cos t) = A/pi + A/2 cos t + 2A/pi sum (-1)^(m+1) / (4 m^2 - 1) cos 2mt."""
    amplitude = 1.7
    c = relu_spectrum([amplitude], [1], order=200)
    assert np.abs(c.imag).max() < 1e-14
    expected = np.zeros(len(c))
    expected[:2] = amplitude / math.pi, amplitude / 2
    m = np.arange(1, (len(c) - 1) // 2 + 1)
    expected[2 * m] = 2 * amplitude / math.pi * (-1.0) ** (m + 1) / (4 * m**2 - 1)
    assert np.abs(c.real - expected).max() < 1e-3
    assert np.abs(c[3::2]).max() < 1e-14, "an odd harmonic beyond the tone itself"


def test_the_mean_grows_with_the_amplitude_and_the_error_falls() -> None:
    for amplitude in (0.5, 1.0, 4.0):
        errors = [abs(relu_spectrum([amplitude], [3], order=k)[0].real - amplitude / math.pi) for k in (10, 40, 160)]
        assert errors[0] > 3 * errors[1] > 9 * errors[2]
        assert errors[2] < 1e-3 * amplitude


def test_energy_of_a_rectified_tone() -> None:
    c = np.abs(relu_spectrum([2.0], [1], order=400))
    assert c[0] ** 2 + (c[1:] ** 2).sum() / 2 == pytest.approx(2.0**2 / 4, rel=1e-3)


def test_two_tones_give_sums_and_differences_only() -> None:
    c = np.abs(relu_spectrum([1.0, 0.6], [7, 12], order=6))
    even = {abs(7 * i + 12 * j) for i in range(-12, 13) for j in range(-12, 13) if (i + j) % 2 == 0}
    assert c[7] == pytest.approx(0.5, abs=1e-14)
    assert c[12] == pytest.approx(0.3, abs=1e-14)
    assert max(c[m] for m in range(len(c)) if m not in even and m not in (7, 12)) < 1e-14
    assert min(c[m] for m in (0, 5, 14, 19, 24)) > 1e-2


def test_against_the_transform_of_the_rectified_signal() -> None:
    amplitudes, freqs, phases = [1.0, -0.7, 0.2], [2, 3, 11], [0.3, 1.0, -2.0]
    t = 2 * np.pi * np.arange(4096) / 4096
    x = sum(a * np.cos(w * t + p) for a, w, p in zip(amplitudes, freqs, phases))
    expected = np.fft.rfft(np.maximum(x, 0)) / 4096
    expected[1:] *= 2
    errors = [
        np.abs(relu_spectrum(amplitudes, freqs, k, phases=phases)[:60] - expected[:60]).max() for k in (5, 20, 80)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 4e-3


def test_the_polynomial_keeps_its_bound() -> None:
    x, order = np.linspace(-1, 1, 2001), 12
    scale = 2**-0.5
    g = np.abs(x**2 / scale**2 - 1)
    left_out = abs(np.prod([(0.5 - k) / (k + 1) for k in range(order + 1)]))
    bound = scale / 2 * left_out * g ** (order + 1) / np.maximum(1 - g, 1e-300)
    error = np.abs(relu_taylor(x, scale, order) - np.maximum(x, 0))
    assert (error <= bound + 1e-15).all()
    assert error[1000] == pytest.approx(0.28 * scale / math.sqrt(order), rel=0.1)


def test_of_tensors_with_gradients() -> None:
    x = torch.linspace(-1, 1, 9, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(relu_taylor(x, order=60).sum(), x)
    far = (x.detach().abs() > 0.4) & (x.detach().abs() < 0.9)
    torch.testing.assert_close(slope[far], (x.detach() > 0).double()[far], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1, 2]), "amplitudes, freqs: got"),
        (([], []), "amplitudes, freqs: got"),
        (([1.0], [0.5]), "freqs: got"),
        (([1.0], [-1]), "freqs: got"),
        (([1.0], [1], 0), "order: got"),
    ],
)
def test_bad_arguments(arguments: tuple, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        relu_spectrum(*arguments)
