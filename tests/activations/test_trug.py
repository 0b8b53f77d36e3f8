"""The truncated Gaussian mean: against SciPy, its symmetry, its slope, and its tails."""

import pytest
import torch
from hypothesis import given, strategies as st
from mpmath import mp
from scipy.stats import truncnorm

from unbend._errors import ArgumentError
from unbend.activations import TruG, bend, trug

ENDS = [(-1.0, 1.0, 1.0), (0.0, 4.0, 0.5), (0.0, 1.0, 0.9)]


@pytest.mark.parametrize(("low", "high", "s"), ENDS)
def test_mean_and_slope_are_those_of_the_truncated_law(low: float, high: float, s: float) -> None:
    x = torch.linspace(-6, 7, 53, dtype=torch.float64, requires_grad=True)
    y = trug(x, low, high, s)
    (slope,) = torch.autograd.grad(y.sum(), x)
    for at, mean, rise in zip(x.tolist(), y.tolist(), slope.tolist()):
        law = truncnorm((low - at) / s, (high - at) / s, loc=at, scale=s)
        assert mean == pytest.approx(law.mean(), abs=1e-8)
        assert rise == pytest.approx(law.var() / s**2, abs=1e-6)


@pytest.mark.parametrize("x", [-500.0, -40.0, -31.5, -30.5, 1e-9, 35.0, 1e5])
def test_far_out_it_agrees_with_forty_digits(x: float) -> None:
    with mp.workdps(40):
        # Far out the law is that of the distance from the end, whose mean is an integral without cancellation.
        t = abs(mp.mpf(x))
        weight = mp.quad(lambda d: mp.exp(-((d + t - 1) ** 2 - (t - 1) ** 2) / 2), [0, min(2, 60 / t), 2])
        first = mp.quad(lambda d: d * mp.exp(-((d + t - 1) ** 2 - (t - 1) ** 2) / 2), [0, min(2, 60 / t), 2])
        expected = float(mp.sign(x) * (1 - first / weight))
    assert float(trug(torch.tensor(x, dtype=torch.float64))) == pytest.approx(expected, abs=1e-10)


@given(x=st.floats(-40, 40), low=st.floats(-3, 0), width=st.floats(1, 20))
def test_odd_about_the_middle_and_within_the_ends(x: float, low: float, width: float) -> None:
    middle = low + width / 2
    at = torch.tensor([middle - x, middle + x], dtype=torch.float64)
    y = trug(at, low, low + width)
    assert float(y.sum()) == pytest.approx(2 * middle, abs=1e-9)
    assert low <= float(y.min()) <= float(y.max()) <= low + width


def test_wide_ends_leave_the_middle_alone() -> None:
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    torch.testing.assert_close(TruG(-12, 12)(x), x, atol=1e-12, rtol=0)


def test_name_and_bad_arguments() -> None:
    assert repr(bend("truncated_gaussian_trug", low=0.0)) == "TruG(0.0, 1.0, 1.0)"
    for bad in ((1.0, -1.0), (0.0, 0.1), (0.0, 99.0)):
        with pytest.raises(ArgumentError, match=r"high - low: got .*expected between 1 and 24"):
            TruG(*bad)
