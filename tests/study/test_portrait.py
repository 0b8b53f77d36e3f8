"""Portraits: everything of the room is there once, with what is known of it, and nothing more certain than it is."""

import math

import pytest
import torch

from unbend._errors import UnknownNameError
from unbend.activations import Bend, bend, catalogue
from unbend.activations._names import names
from unbend.study import _portrait
from unbend.study._portrait import portraits
from unbend.study._portrait_words import PROPERTIES, fact_rows, number, parameters_text, properties, year_of


@pytest.fixture(scope="module")
def everything():
    return portraits(faces=False)


def test_every_entry_and_every_class_is_there_once(everything):
    known = [{portrait.name, *portrait.aliases} for portrait in everything]
    for entry in catalogue().values():
        assert sum(entry.name in each for each in known) == 1, entry.name
    classes = {made for made in names().values() if isinstance(made, type) and issubclass(made, Bend)}
    assert {made.__name__ for made in classes} == {p.title for p in everything if p.kind == "class"}


def test_names_make_the_bend_that_is_described(everything):
    for portrait in everything:
        if portrait.kind == "class":
            assert type(bend(portrait.name)).__name__ == portrait.title
        elif portrait.kind == "closed form":
            assert bend(portrait.name).extra_repr() == f"name='{portrait.name}'" or portrait.name == "mish"


def test_doubtful_formulas_say_so(everything):
    entries = catalogue()
    for portrait in everything:
        if portrait.kind not in ("class", "layer"):
            assert portrait.verified == (entries[portrait.name].status in "VSK"), portrait.name
            assert ("unverified" in properties(portrait)) != portrait.verified


def test_a_class_takes_what_the_catalogue_knows_of_it():
    (golu,) = portraits(["expexpish"], faces=False)
    assert (golu.name, golu.title, golu.year, golu.family) == ("golu", "GoLU", "2025", "Self-gated")
    assert golu.paper is not None
    assert golu.paper[1] == "2502.03654"
    assert golu.code == 'unbend.bend("golu")'


def test_duplicates_say_of_what():
    entries = catalogue().values()
    same = {entry.name: entry.alias_of for entry in entries if entry.alias_of}
    assert same
    for portrait in portraits(faces=False):
        if portrait.kind not in ("class", "layer"):
            assert portrait.same == same.get(portrait.name, "")
            assert ("distinct" in properties(portrait)) == (portrait.name not in same)


def test_recorded_claims_are_found_by_either_arm(monkeypatch):
    claim = {"claim": "golu wins", "verdict": "holds", "a": "golu", "b": "mish", "low": 0.1, "high": 0.2, "seeds": 8}
    other = {**claim, "claim": "no bend", "a": "softmax", "b": "linear"}
    recorded = {
        "golu": {"paper": "golu", "date": "2026-01-01", "claims": [claim]},
        "lambda": {"paper": "lambda", "date": "2026-01-01", "claims": [other]},
    }
    monkeypatch.setattr(_portrait._ledger, "verdicts", lambda: recorded)
    found = [_portrait._findings([name]) for name in ("GoLU", "mish", "relu", "softmax")]
    assert [len(findings) for findings in found] == [1, 1, 0, 0]
    assert (found[0][0].study, found[0][0].verdict) == ("golu", "holds")


def test_facts_in_words():
    relu, snake, step = portraits(["relu", "snake", "binary_step"])
    told = dict(fact_rows(relu))
    assert told["values"] == "[0, ∞)"
    assert (told["at −∞"], told["at +∞"]) == ("→ 0", "→ x")
    assert (told["smoothness"], told["curvature"]) == ("kinks", "convex")
    assert told["Gaussian gain"] == number(math.sqrt(2))
    assert {"monotone", "below", "zero", "convex", "contraction", "identity", "saturates"} <= properties(relu)
    assert not {"bounded", "smooth", "odd", "trainable"} & properties(relu)
    assert dict(fact_rows(snake))["at +∞"] == "periodic"
    assert "trainable" in properties(snake)
    assert parameters_text(snake) == "a = 1 (trained)"
    assert dict(fact_rows(step))["smoothness"] == "jumps"
    assert dict(fact_rows(step))["Lipschitz constant"] == "∞"
    assert "bounded" in properties(step)


def test_properties_are_those_that_are_listed(everything):
    assert set().union(*map(properties, everything)) <= set(PROPERTIES)


def test_years_are_read_from_what_is_printed(everything):
    by_name = {portrait.name: portrait for portrait in everything}
    assert year_of(by_name["binary_step"]) == 1943
    assert year_of(by_name["sigmoid"]) == 1970
    assert all(1800 < (year_of(portrait) or 1950) < 2030 for portrait in everything)


def test_fans_show_what_a_parameter_does():
    golu, elu, relu = portraits(["golu", "elu", "relu"])
    assert relu.faces.fans == {}
    assert list(golu.faces.fans["gamma"]) == [0.5, 0.75, 1.5, 2.0]
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    torch.testing.assert_close(golu.faces.fans["gamma"][2.0], bend("golu", gamma=2.0)(x), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(elu.faces.fans["a"][0.5][0], torch.tensor(-5.0).double().expm1() / 2)


def test_two_processes_compute_the_same(monkeypatch):
    monkeypatch.setattr(_portrait, "_ENOUGH", 1)
    alone, together = portraits(["golu", "mish"], jobs=1), portraits(["golu", "mish"], jobs=2)
    for a, b in zip(alone, together, strict=True):
        assert fact_rows(a) == fact_rows(b)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean mish"):
        portraits(["mihs"], faces=False)
