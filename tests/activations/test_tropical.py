"""Tropical polynomials: convex, of straight pieces; their differences; the kinks that the outline lists."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from unbend.activations import TropicalActivation, TropicalRationalActivation

X = torch.linspace(-5, 5, 1001, dtype=torch.float64)


def test_at_the_start_it_is_a_rectifier() -> None:
    for degree in (1, 6):
        made = TropicalActivation(degree, dtype=torch.float64)
        assert torch.allclose(made(X), math.sqrt(2) * X.relu() + math.sqrt(2) / degree)
        assert made.facts.turns == ()


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=2, max_size=8))
def test_it_is_convex_with_slopes_from_zero_to_root_two(offsets: list[float]) -> None:
    made = TropicalActivation(len(offsets) - 1, dtype=torch.float64)
    with torch.no_grad():
        for p, c in zip(made.parameters(), offsets, strict=True):
            p.fill_(c)
    facts = made.facts
    assert facts.monotone == "increasing"
    assert facts.slope == (pytest.approx(0.0, abs=1e-12), pytest.approx(math.sqrt(2)))
    y = made(4 * X).detach()
    assert float(y.diff(n=2).min()) >= -1e-12
    lines = torch.stack([k * 4 * X + c for k, c in enumerate(offsets)])
    assert torch.allclose(y, math.sqrt(2) / made.degree * lines.amax(0), rtol=1e-12)


def test_lines_that_are_never_greatest_make_no_kink() -> None:
    made = TropicalActivation(2, dtype=torch.float64)
    with torch.no_grad():
        made.c1.fill_(-5.0)
    assert made.facts.breaks == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
    with torch.no_grad():
        made.c1.fill_(3.0)
    assert sorted({round(x, 9) for x in made.facts.breaks}) == [-2.0, 2.0]


def test_an_offset_learns_only_where_its_line_is_greatest() -> None:
    made = TropicalActivation(2, dtype=torch.float64)
    with torch.no_grad():
        made.c1.fill_(3.0)
    x = torch.tensor([-3.0, 0.0, 0.5, 3.0], dtype=torch.float64)
    grads = torch.autograd.grad(made(x).sum(), list(made.parameters()))
    assert [float(g) for g in grads] == pytest.approx([math.sqrt(2) / 2 * n for n in (1, 2, 1)])


def test_differences_can_be_anything() -> None:
    # |x| clipped at 1, twice over: max(x, -x) - max(x - 1, -x - 1, 0) for |x| beyond 1 goes on at 1.
    made = TropicalRationalActivation(2, dtype=torch.float64)
    values = {"p": (1, -1, 0), "a": (0, 0, -9), "q": (1, -1, 0), "b": (-1, -1, 0)}
    with torch.no_grad():
        for letter, numbers in values.items():
            for k, number in enumerate(numbers):
                made.get_parameter(f"{letter}{k}").fill_(number)
    assert torch.allclose(made(X), X.abs().clamp(max=1))
    assert sorted({round(x, 9) for x in made.facts.turns}) == [0.0]
    assert float(made.bounds(-7.0, 0.5)[1].detach()) == pytest.approx(1.0, abs=1e-5)


def test_where_both_parts_run_alike_far_bounds_promise_nothing() -> None:
    made = TropicalRationalActivation(1, dtype=torch.float64)
    with torch.no_grad():
        for name, number in {"p0": 1, "p1": -1, "q0": 1, "q1": -1, "a0": 0.5, "a1": 0, "b0": 0, "b1": 0.25}.items():
            made.get_parameter(name).fill_(number)
    low, high = made.bounds(-1e30, 1e30)
    assert (float(low), float(high)) == (-math.inf, math.inf)
    low, high = made.bounds(-3.0, 3.0)
    assert -0.26 < float(low) < float(high) < 0.51
