"""Rational bends: the versions, the printed start, the fit, the certain outline, the trap of poles."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from unbend._errors import ArgumentError, UnbendError
from unbend.activations import PAU, RPAU, Rational, SafePAU, bend, fit_rational

X = torch.linspace(-4, 4, 801, dtype=torch.float64)


def test_without_a_denominator_it_is_a_polynomial() -> None:
    made = Rational((3, 4), init=((1.0, -2.0, 0.5, 0.25), (0.0, 0.0, 0.0, 0.0)))
    assert torch.allclose(made(X), 1 - 2 * X + 0.5 * X**2 + 0.25 * X**3, rtol=1e-12)
    assert made.facts.smooth == math.inf


def test_versions_agree_where_no_term_is_negative() -> None:
    numbers = ((0.1, 0.5, 0.9, 0.2), (0.4, 0.8))
    a, b, n = (Rational((3, 2), version, init=numbers) for version in "ABN")
    right, even = X[X >= 0], ((0.1, 0.5, 0.9, 0.2), (0.0, 0.8))
    assert torch.allclose(a(right), b(right), rtol=1e-13)
    assert torch.allclose(a(right), n(right), rtol=1e-13)
    assert not torch.allclose(a(X), b(X), rtol=1e-3)
    a, b, n = (Rational((3, 2), version, init=even) for version in "ABN")
    assert torch.allclose(a(X), b(X), rtol=1e-13)
    assert torch.allclose(a(X), n(X), rtol=1e-13)


def test_version_c_keeps_a_tenth_in_the_denominator() -> None:
    made = Rational((1, 1), "C", init=((1.0, 0.0), (0.5, 1.0)))
    assert float(made(torch.tensor(-0.5).double()).detach()) == pytest.approx(10.0)
    assert float(made(torch.tensor(0.5).double()).detach()) == pytest.approx(1 / 1.1)


def test_the_printed_start_is_near_to_leaky_relu() -> None:
    off = (PAU()(X) - torch.nn.functional.leaky_relu(X, 0.01)).abs()
    assert float(off.max()) < 0.12
    assert float(off[X.abs() <= 3].max()) < 0.04


def test_far_out_the_start_is_no_leaky_relu() -> None:
    made = PAU()
    assert made.facts.left is not None
    assert made.facts.left.slope == pytest.approx(1.52424124e-1 / 3.01830109e-1, rel=1e-6)


@pytest.mark.parametrize(("version", "error"), [("A", 1e-6), ("B", 1.5e-6), ("C", 1.5e-6), ("N", 1.5e-6)])
def test_fit_to_tanh(version: str, error: float) -> None:
    made = Rational(version=version, init=fit_rational(torch.tanh, version=version), dtype=torch.float64)
    x = torch.linspace(-3, 3, 20_001, dtype=torch.float64)
    assert float((made(x) - x.tanh()).abs().max()) < error


def test_version_c_fits_a_bend_by_name() -> None:
    x = torch.linspace(-3, 3, 2001, dtype=torch.float64)
    for name, error in (("gelu", 5e-4), ("silu", 5e-5), ("relu", 0.02)):
        assert float((Rational(version="C", init=name, dtype=torch.float64)(x) - bend(name)(x)).abs().max()) < error


def test_the_fit_to_a_ratio_is_the_ratio() -> None:
    def of(x: torch.Tensor) -> torch.Tensor:
        return (0.3 - x + 2 * x**2) / (1 + 0.5 * x.abs() + 0.25 * x**2)

    above, below = fit_rational(of, (2, 2), (-2, 1))
    assert above == pytest.approx((0.3, -1.0, 2.0), abs=1e-6)
    assert below == pytest.approx((0.5, 0.25), abs=1e-6)


def test_poles_are_named_and_have_no_bounds() -> None:
    made = Rational((1, 2), "N", init=((0.0, 1.0), (0.0, -1.0)))
    with pytest.raises(UnbendError, match=r"zero at -1, 1"):
        made.bounds(-0.5, 0.5)
    assert math.isfinite(float(made(torch.tensor(0.5)).detach()))


def test_a_pole_between_floats_is_found() -> None:
    # 1 - 2x + (1 - 2^-52) x^2 has two roots within 1.5e-8 of 1 on either side; no sampling sees them.
    made = Rational((1, 2), "N", init=((0.0, 1.0), (-2.0, 1 - 2.0**-52)), dtype=torch.float64)
    with pytest.raises(UnbendError, match="zero at 1, 1"):
        made.bounds(0.0, 2.0)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from("ABC"), st.integers(0, 10**6))
def test_bounds_enclose_whatever_the_coefficients(version: str, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(n, generator=random, dtype=torch.float64) * 3 for n in (6, 4 + (version == "C")))
    made = Rational(version=version, init=(tuple(a.tolist()), tuple(b.tolist())), dtype=torch.float64)
    centre = 4 * torch.randn(60, generator=random, dtype=torch.float64)
    width = 10 ** (4 * torch.rand(60, generator=random, dtype=torch.float64) - 3)
    low, high = made.bounds(centre - width, centre + width)
    lines = made.relax(centre - width, centre + width)
    x = centre + width * torch.linspace(-1, 1, 2001, dtype=torch.float64)[:, None]
    y = made(x).detach()
    assert bool((low <= y).all() & (y <= high).all())
    slack = 1e-12 * (1 + y.abs())
    assert bool((lines.lower(x) <= y + slack).all() & (y <= lines.upper(x) + slack).all())


def test_randomised_version_is_noisy_in_training_alone() -> None:
    torch.manual_seed(0)
    made = RPAU(spread=0.1)
    x = torch.linspace(-2, 2, 9)
    calm = made.eval()(x)
    assert torch.equal(calm, SafePAU()(x))
    drawn = torch.stack([made.train()(x) for _ in range(400)]).detach()
    assert float(drawn.std(0).min()) > 0
    # Every term is off by a tenth of its size at most.
    values = {name: float(p.detach()) for name, p in made.bend.named_parameters()}
    over = sum(abs(values[f"a{j}"]) * x.abs() ** j for j in range(6))
    under = 1 + sum(values[f"b{k}"] * x**k for k in range(1, 5)).abs()
    assert bool(((drawn - calm).abs() <= 0.1 * over / under * (1 + 1e-4)).all())
    assert torch.allclose(drawn.mean(0), calm, atol=0.02)


def test_coefficients_of_the_wrong_number_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"init: .*6 coefficients above and 4 below"):
        Rational(init=((1.0,), (1.0,)))
    with pytest.raises(ArgumentError, match="version"):
        Rational(version="D")
    with pytest.raises(ArgumentError, match="interval"):
        fit_rational(torch.tanh, interval=(1.0, -1.0))
