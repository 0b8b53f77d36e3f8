"""The catalogue, searched by what is known and by what is computed."""

import pytest

from unbend.activations import ClosedForm, catalogue


def test_all_of_it_when_nothing_is_asked():
    assert len(catalogue()) == 476
    assert catalogue()["mish"] == catalogue(kind="bend")["mish"]


def test_by_what_is_known():
    assert {entry.family for entry in catalogue(family="elu family").values()} == {"ELU family"}
    assert {entry.family for entry in catalogue(family="elu f").values()} == {"ELU family", "ReLU family"}
    assert all(entry.learned for entry in catalogue(learned=True).values())
    assert {entry.status for entry in catalogue(verified=False).values()} == {"T", "A"}
    assert len(catalogue(kind="gated")) == 11
    assert "pvlu" in catalogue(distinct=False)
    assert not set(catalogue(distinct=True)) & set(catalogue(distinct=False))


def test_by_year():
    assert {entry.year[:4] for entry in catalogue(year=2019).values()} == {"2019"}
    assert all("?" not in entry.year for entry in catalogue(year=(1900, 2000)).values())
    assert "sigmoid" in catalogue(year=(1970, 1979))


def test_by_what_is_computed():
    square = "Square-based and power"
    falling = catalogue(family=square, monotone=False)
    assert set(falling) | set(catalogue(family=square, monotone=True)) == set(catalogue(family=square))
    assert all(ClosedForm(name).facts.monotone is None for name in [*falling][:3])
    gated = catalogue(family="sigmoid-based", bounded=True, smooth=True, zero=True)
    assert "slope_varying_tanh" in gated
    assert "psigmoid" not in gated


def test_smoothness_by_a_number_of_derivatives():
    once, kinks = (catalogue(family="ELU family", smooth=least) for least in (1, 0))
    assert set(once) < set(kinks)
    assert "celu" in once
    assert set(catalogue(family="ELU family", smooth=True)) == set(catalogue(family="ELU family", smooth=2))


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="family: got elastic; expected one of Step and sigmoid"):
        catalogue(family="elastic")
    with pytest.raises(ValueError, match="Did you mean 'gated'"):
        catalogue(kind="gate")
