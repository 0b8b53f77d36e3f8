"""RemoveDC: a projection onto signals without a mean."""

import torch

from unbend.layers import RemoveDC


def test_it_is_a_projection() -> None:
    x = torch.randn(3, 5, 64, dtype=torch.float64)
    y = RemoveDC()(x)
    assert float(y.mean(-1).abs().max()) < 1e-15
    torch.testing.assert_close(RemoveDC()(y), y)
    torch.testing.assert_close(RemoveDC()(x + 7), y)


def test_pooling_reads_the_amplitude_of_a_tone_only_with_its_constant() -> None:
    """The mean of relu(A cos) is A / pi, linear in A; the tone itself, and what is left of the other, have none."""
    t = torch.arange(640, dtype=torch.float64) * 2 * torch.pi / 64
    amplitude = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
    tones = amplitude[:, None] * t.cos()
    pooled = tones.relu().mean(-1)
    torch.testing.assert_close(pooled, amplitude / torch.pi, rtol=1e-3, atol=0)
    assert float(tones.mean(-1).abs().max()) < 1e-14
    assert float(RemoveDC()(tones.relu()).mean(-1).abs().max()) < 1e-14
