"""Duplicates: found by what is computed, and written down in the catalogue."""

import pytest
import torch

import unbend
from unbend._errors import UnknownNameError
from unbend.activations import ClosedForm, catalogue, coincide, duplicates, relatives

FOUND = {each.name: each for each in duplicates()}


def test_the_column_of_the_catalogue_holds_what_is_found_and_nothing_else():
    written = {entry.name: entry.alias_of for entry in catalogue().values() if entry.alias_of}
    assert written == {name: str(each) for name, each in FOUND.items() if name in catalogue()}


@pytest.mark.parametrize("name", FOUND)
def test_an_alias_computes_what_its_other_name_does(name):
    x = torch.linspace(-5, 5, 2 * 61, dtype=torch.float64) + 0.003
    alias, other = (unbend.bend(each).double() for each in (name, FOUND[name].of))
    torch.testing.assert_close(alias(x), other(x), rtol=1e-6, atol=1e-6)


def test_no_alias_is_an_alias_of_itself_in_the_end():
    for name in FOUND:
        seen = [name]
        while seen[-1] in FOUND:
            seen.append(FOUND[seen[-1]].of)
            assert len(set(seen)) == len(seen), seen


@pytest.mark.parametrize(
    ("name", "of", "how"),
    [
        ("silu", "swish", "case"),
        ("expexpish", "golu", "case"),
        ("calu", "atlu", "same"),
        ("siglu", "trelu", "case"),
        ("polylu", "polu", "case"),
        ("squared_relu", "repu", "case"),
        ("felu", "elu", "same"),
        ("gelu_tanh", "sielu", "same"),
        ("vlu", "pvlu", "same"),
        ("scaled_logistic", "psigmoid", "same"),
        ("wig", "glu", "same"),
        ("drlu_delay", "displaced_relu", "affine"),
        ("positive_prelu", "sloped_relu", "family"),
        ("sloped_relu", "positive_prelu", "family"),
        ("agumb", "aranda_ordaz", "family"),
        ("aranda_ordaz", "agumb", "family"),
    ],
)
def test_the_pairs_that_are_known(name, of, how):
    assert coincide(name, of).how == how


@pytest.mark.parametrize(
    ("also", "name"),
    [("fplus", "polylu"), ("ReQU", "squared_relu"), ("relu2", "squared_relu"), ("TeLU", "tanhexp")],
)
def test_names_of_the_literature_that_have_no_entry(also, name):
    assert repr(unbend.bend(also)) == repr(ClosedForm(name))


def test_known_names_are_those_functions():
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    known = {
        "fplus": torch.where(x >= 0, x, x / (1 - x)),
        "requ": x.relu() ** 2,
        "telu": x * x.exp().tanh(),
        "hard_tanh": x.clip(-1, 1),
        "quick_gelu": x * (1.702 * x).sigmoid(),
        "linear": x,
    }
    for name, y in known.items():
        torch.testing.assert_close(unbend.bend(name).double()(x), y)


def test_oplu_sorts_groups_of_two():
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    high, low = unbend.bend("oplu")(x).chunk(2, 1)
    torch.testing.assert_close(torch.stack([low, high], 2), torch.stack(x.chunk(2, 1), 2).sort(2).values)


def test_a_line_before_and_after_is_found():
    found = coincide("sigmoid", "tanh")
    assert (found.how, found.line) == ("affine", (0.5, 0.5, 0.0, 0.5))
    a, b, c, d = coincide("softplus", "logsigmoid").line
    x = torch.linspace(-4, 4, 51)
    torch.testing.assert_close(a * ClosedForm("logsigmoid")(b * x + c) + d, ClosedForm("softplus")(x))


def test_all_that_a_bend_is_between_two_lines():
    found = relatives("sigmoid")
    assert {"tanh", "bipolar_sigmoid", "psigmoid", "slope_varying_tanh", "scaled_tanh"} <= set(found)
    assert not {"sigmoid", "softsign", "probit", "silu", "arctan"} & set(found)


@pytest.mark.parametrize(("name", "of"), [("celu", "mpelu"), ("gelu", "gelu_tanh"), ("sine", "tanh"), ("prelu", "elu")])
def test_what_is_only_near_or_another_family_is_no_duplicate(name, of):
    found = coincide(name, of)
    assert found is None or found.how != "same"


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean"):
        coincide("mishh", "mish")
