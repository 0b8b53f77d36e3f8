"""XNet: its parameters, and the discretised Cauchy integral as one of its settings."""

import cmath
import math

import pytest
import torch

from unbend._errors import ArgumentError
from unbend.models import XNet


def test_number_of_parameters() -> None:
    assert sum(p.numel() for p in XNet(3, 11, 2).parameters()) == (3 + 2 + 4) * 11 + 2


def test_it_can_be_a_cauchy_integral() -> None:
    """Units at sixteen pairs of poles around a circle reproduce 1 / (1 + x^2 / 4) and sin on [-1, 1]."""
    m = 32
    turns = [math.pi * (2 * k + 1) / m for k in range(m // 2)]
    poles = [1.5 * cmath.exp(1j * turn) for turn in turns]
    # The error falls with |x| over the radius, and with the radius over the distance of the function's own poles.
    for function, ratio in ((lambda z: 1 / (1 + z * z / 4), 1.5 / 2), (cmath.sin, 1 / 1.5)):
        net = XNet(1, len(poles), 1).double()
        with torch.no_grad():
            net.enter.weight.fill_(1)
            net.enter.bias.copy_(torch.tensor([-pole.real for pole in poles], dtype=torch.float64))
            net.leave.weight.fill_(1)
            net.leave.bias.zero_()
            strengths = [-2 * pole * function(pole) / m for pole in poles]
            net.kernels.lambda1.copy_(torch.tensor([s.real for s in strengths], dtype=torch.float64))
            even = [-s.imag * pole.imag for s, pole in zip(strengths, poles)]
            net.kernels.lambda2.copy_(torch.tensor(even, dtype=torch.float64))
            net.kernels.d.copy_(torch.tensor([pole.imag for pole in poles], dtype=torch.float64))
        x = torch.linspace(-1, 1, 201, dtype=torch.float64)
        expected = torch.tensor([function(complex(v)).real for v in x.tolist()], dtype=torch.float64)
        error = float((net(x[:, None])[:, 0] - expected).abs().max().detach())
        assert error < 2 * ratio**m, f"the error is {error:.3g}, its bound {2 * ratio**m:.3g}"


def test_bad_input() -> None:
    with pytest.raises(ArgumentError, match="x: got"):
        XNet(3, 5, 1)(torch.zeros(2, 4))
    with pytest.raises(ArgumentError, match="width: got"):
        XNet(3, 0, 1)
