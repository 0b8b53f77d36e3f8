"""The numbers of GELU to seven digits, curvatures in closed form, and normal moments in closed form."""

import math

import pytest
import torch
from scipy import special

from unbend.activations import GELU, Analysis, PReLU, ReLU, SiLU, Snake, analyse, bend

PHI0 = 1 / math.sqrt(2 * math.pi)


def near(value):
    return pytest.approx(value, abs=1e-7)


def density(x):
    return math.exp(-x * x / 2) * PHI0


def test_gelu_has_the_numbers_of_the_paper():
    found = analyse(GELU())
    assert isinstance(found, Analysis)
    ((x, y),) = found.stationary
    assert (x, y) == (near(-0.7517915246935645), near(-0.16997120747990369))
    assert found.value == (near(y), math.inf)
    assert [x for x, _ in found.inflections] == [near(-math.sqrt(2)), near(math.sqrt(2))]
    steepest = special.ndtr(math.sqrt(2)) + math.sqrt(2) * density(math.sqrt(2))
    assert found.slope == (near(1 - steepest), near(steepest))
    assert found.lipschitz == near(steepest)
    # f''' = (x^3 - 4 x) phi is zero at 0 and at +-2, where f'' = (2 - x^2) phi.
    assert found.curvature == (near(-2 * density(2)), near(2 * PHI0))
    assert found.slope_lipschitz == near(0.7978845608)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.7, 2.0), (-1.5, 0.3)])
def test_normal_means_are_the_closed_forms(mean, std):
    t = math.sqrt(1 + std**2)
    gelu = mean * special.ndtr(mean / t) + std**2 / t * density(mean / t)
    relu = mean * special.ndtr(mean / std) + std * density(mean / std)
    erf = special.erf(mean / math.sqrt(1 + 2 * std**2))
    for made, expected in ((GELU(), gelu), (ReLU(), relu), (bend("erf_sigmoid"), erf)):
        assert analyse(made, mean, std**2).mean == pytest.approx(expected, abs=1e-10)
    second = (mean**2 + std**2) * special.ndtr(mean / std) + mean * std * density(mean / std)
    assert analyse(ReLU(), mean, std**2).second_moment == pytest.approx(second, abs=1e-10)
    assert analyse(ReLU(), mean, std**2).variance == pytest.approx(second - relu**2, abs=1e-10)


def test_curvature_of_tanh_softplus_erf_and_silu():
    """tanh'' is at most 4 / (3 sqrt 3); softplus'' = s(1 - s) <= 1/4; erf'' = -4 x exp(-x^2) / sqrt(pi)."""
    top = 4 / (3 * math.sqrt(3))
    assert analyse(bend("tanh")).curvature == (near(-top), near(top))
    assert analyse(bend("softplus")).curvature == (pytest.approx(0, abs=1e-12), near(0.25))
    bell = 2 * math.sqrt(2 / math.pi) * math.exp(-0.5)
    assert analyse(bend("erf_sigmoid")).curvature == (near(-bell), near(bell))
    assert analyse(SiLU()).curvature[1] == near(0.5)
    assert analyse(SiLU()).slope_lipschitz == near(0.5)


def test_a_kink_has_infinite_curvature_on_its_side():
    assert analyse(ReLU()).curvature == (0.0, math.inf)
    assert analyse(PReLU(2.0)).curvature == (-math.inf, 0.0)
    assert analyse(ReLU()).slope_lipschitz == math.inf
    assert analyse(bend("elu")).curvature == (0.0, pytest.approx(1.0, abs=1e-6))
    assert analyse(bend("binary_step")).curvature == (-math.inf, math.inf)


def test_growing_and_periodic_curves():
    assert analyse(bend("square")).curvature == (2.0, 2.0)
    assert analyse(bend("triple_cubic")).curvature == (-math.inf, math.inf)
    assert analyse(Snake(2.0)).curvature == (near(-4), near(4))


def test_channels_are_refused():
    with pytest.raises(ValueError, match="a single curve"):
        analyse(PReLU(channels=2))


def test_curvature_bounds_the_second_difference():
    for name in ("mish", "golu", "softsign", "hard_swish", "phish"):
        found, made = analyse(bend(name)), bend(name)
        x, h = torch.linspace(-8, 8, 2001, dtype=torch.float64), 1e-3
        second = (made(x + h) - 2 * made(x) + made(x - h)) / h**2
        assert float(second.min()) >= found.curvature[0] - 1e-6, name
        assert float(second.max()) <= found.curvature[1] + 1e-6, name
