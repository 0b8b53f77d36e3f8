"""Activations as signals: the constant's share, the harmonics of known functions."""

import math

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.inspect import dc_fraction, harmonic_distortion


def test_share_of_the_constant() -> None:
    t = torch.arange(4096, dtype=torch.float64) * 2 * torch.pi / 64
    tone = torch.stack([t.cos(), 3 * t.cos(), 1e200 * t.cos()])
    torch.testing.assert_close(dc_fraction(tone.relu()), torch.full((3,), 4 / math.pi**2).double(), rtol=2e-3, atol=0)
    assert float(dc_fraction(tone).max()) < 1e-28
    assert dc_fraction(torch.stack([torch.ones(5), torch.zeros(5)])).tolist() == [1, 0]
    assert dc_fraction(torch.ones(2, 3, 5, 7), (2, 3)).shape == (2, 3)


def test_harmonics_of_known_functions() -> None:
    cube = harmonic_distortion(lambda x: x**3, 5, amplitude=2.0)
    torch.testing.assert_close(cube.amplitudes, torch.tensor([0, 6, 0, 2, 0, 0], dtype=torch.float64))
    assert cube.distortion == pytest.approx(1 / 3)
    assert harmonic_distortion(lambda x: 2 * x, 5).distortion == 0
    assert harmonic_distortion(lambda x: x * x, 5).distortion == math.inf


def test_a_rectifier_distorts_all_amplitudes_alike() -> None:
    """Distortion sqrt(1/4 - 2/pi^2) / (1/2) of its even harmonics, as the energy A^2 / 4 leaves them."""
    expected = math.sqrt(2 * (1 / 4 - 1 / math.pi**2 - 1 / 8)) * 2
    for amplitude in (0.1, 1.0, 50.0):
        found = harmonic_distortion(torch.relu, 2000, amplitude=amplitude, samples=1 << 14)
        assert found.distortion == pytest.approx(expected, rel=1e-4)
        assert float(found.amplitudes[0]) == pytest.approx(amplitude / math.pi, rel=1e-5)


def test_too_few_samples() -> None:
    with pytest.raises(ArgumentError, match="samples: got 20"):
        harmonic_distortion(torch.relu, 10, samples=20)
