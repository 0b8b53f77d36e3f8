"""CRReLU: its correction, its turns, its kink."""

import math

import pytest
import torch
from scipy import integrate

from unbend.activations import CRReLU, crrelu, entropy_correction

X = torch.linspace(-9, 9, 1801, dtype=torch.float64)


def correction(x, eps=1.0):
    return crrelu(x, eps) - x.relu()


def test_the_correction_is_an_odd_wave_of_known_height_and_energy():
    y = correction(X, 0.7)
    torch.testing.assert_close(y, -y.flip(0))
    assert float(y.max()) == pytest.approx(0.7 * math.exp(-0.5), abs=1e-9)
    assert float(X[y.argmax()]) == pytest.approx(1.0)
    density = torch.exp(-X * X / 2) / math.sqrt(2 * math.pi)
    assert integrate.simpson((y**2 * density).numpy(), x=X.numpy()) == pytest.approx(0.49 / (3 * math.sqrt(3)))


def test_without_it_there_is_relu():
    assert torch.equal(crrelu(X, 0.0), X.relu())


def test_it_is_what_the_calculation_gives_for_relu():
    found = entropy_correction(torch.relu)(X)
    torch.testing.assert_close(found, -correction(X) / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("eps", [-6.0, -2.0, -1.1, -0.5, -0.01, 0.01, 2.0, 2.3, 6.0])
def test_turns_are_complete(eps):
    facts = CRReLU(eps, trainable=False).facts
    x = torch.linspace(-5.0123, 5.0456, 200_001, dtype=torch.float64)
    step = crrelu(x, eps).diff()
    step = torch.where(step.abs() > 1e-15, step, 0.0)
    crossings = x[1:-1][step[1:] * step[:-1] < 0]
    assert len(crossings) == len(facts.turns)
    assert list(facts.turns) == pytest.approx(crossings.tolist(), abs=1e-3)


def test_the_slope_jumps_by_one_at_zero():
    facts = CRReLU(0.01, trainable=False).facts
    assert facts.smooth == 0
    assert 0.0 in facts.breaks
    assert facts.slope[1] == pytest.approx(1.01)


def test_far_out_nothing_is_lost():
    x = torch.tensor([-1e30, 1e30], requires_grad=True)
    made = CRReLU()
    made(x).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]
    assert float(made.eps.grad) == 0
    assert made.slope(x.detach()).tolist() == [0.0, 1.0]
