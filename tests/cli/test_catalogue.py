"""`list`, `show` and `papers`: what they say, for people and for machines."""

import json
import re

import pytest
from typer.testing import CliRunner

from unbend._errors import ArgumentError, UnknownNameError
from unbend._rooms import METHOD_ROOMS, exports
from unbend.activations import ClosedForm, catalogue
from unbend.cli import app
from unbend.study._bends import _is_class
from unbend.study._show import show

ENTRIES = catalogue().values()


def run(*args: str) -> str:
    done = CliRunner().invoke(app(), args, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_papers_as_json_has_the_keys_that_machines_rely_on():
    rows = json.loads(run("papers", "--json"))
    assert len(rows) == 223
    keys = {"number", "name", "title", "arxiv", "room", "public", "study", "verdicts", "version", "date", "benchmarks"}
    assert all(set(row) == keys for row in rows)
    (first,) = [row for row in rows if row["name"] == "lambda"]
    assert "unbend.mixers.LambdaLayer" in first["public"]
    assert first["study"] == "lambda"
    assert {claim["verdict"] for claim in first["verdicts"]} <= {"holds", "does not hold", "inconclusive", "not run"}
    assert all(set(claim) == {"claim", "verdict", "low", "high", "seeds"} for claim in first["verdicts"])
    assert all(set(row) == {"peer", "item", "ratio"} for row in first["benchmarks"])
    assert first["date"]


def test_papers_without_an_implementation_are_shown_as_such():
    rows = json.loads(run("papers", "--json"))
    assert [row for row in rows if not row["public"]]
    assert "not yet" in run("papers")


def test_papers_of_one_room():
    rows = json.loads(run("papers", "--room", "mixers", "--json"))
    assert {row["room"] for row in rows} == {"mixers"}
    with pytest.raises(UnknownNameError, match="did you mean mixers"):
        run("papers", "--room", "mixer")


def test_list_counts_what_the_rooms_export():
    rows = {row["room"]: row["names"] for row in json.loads(run("list", "--json"))}
    assert rows["mixers"] == len(exports("mixers"))
    assert rows["activations"] > 400
    assert set(rows) <= set(METHOD_ROOMS)


def test_list_of_a_room_names_the_catalogue_too():
    names = {row["name"] for row in json.loads(run("list", "activations", "--json"))}
    assert {"GoLU", "mish", "softmodulus_q"} <= names


@pytest.mark.parametrize("name", ["golu", "GoLU", "activations.GoLU", "unbend.mixers.LambdaLayer", "lambda", "mish"])
def test_show_finds(name):
    cards = show(name)
    assert cards
    assert all("Formula" in card.sections for card in cards if card.dotted.rpartition(".")[2][0].isupper())
    assert "Formula" in run("show", name)


def test_show_suggests_the_nearest_name():
    with pytest.raises(UnknownNameError, match="did you mean"):
        show("LambdaLayr")


def test_list_counts_distinct_bends_and_aliases():
    rows = json.loads(run("list", "activations", "--json"))
    made = {row["name"]: row for row in rows}
    assert made["pvlu"]["alias_of"] == "vlu"
    assert made["pvlu"]["summary"].startswith("= vlu; ")
    told = run("list", "activations")
    distinct, aliases = (int(re.search(rf"(\d+) {what}", told)[1]) for what in ("distinct bends", "entries"))
    assert distinct >= 450
    assert aliases == sum(bool(e.alias_of) and ("(" not in e.alias_of or _is_class(e.name)) for e in ENTRIES)


def test_a_bend_that_is_unverified_says_so_wherever_it_appears():
    (row,) = [row for row in json.loads(run("list", "activations", "--json")) if row["name"] == "arctan_gr"]
    assert "UNVERIFIED" in row["summary"]
    assert "UNVERIFIED" in run("show", "arctan_gr")
    assert "UNVERIFIED" in ClosedForm("arctan_gr").__doc__


def test_show_computes_what_can_be_known_of_a_bend():
    (card,) = json.loads(run("show", "mish", "--json"))
    assert {"Formula", "Derivative", "Facts", "Family", "Status"} <= set(card["sections"])
    assert card["sections"]["Derivative"].startswith("dy/dx = x*(1 - tanh(softplus(x))**2)*sigmoid(x)")
    assert card["latex"]["latex"] == r"x \tanh{\left(\operatorname{softplus}\left(x\right) \right)}"
    (card,) = json.loads(run("show", "GoLU", "--json"))
    assert "analytic" in card["sections"]["Facts"]
    assert run("show", "mish", "--latex").startswith("y = x \\tanh")


@pytest.mark.parametrize(
    ("name", "told"),
    [("quick_gelu", "gelu_sigmoid"), ("calu", "ATLU"), ("wig", "glu"), ("vaf_volatility", "UNVERIFIED")],
)
def test_show_finds_entries_by_any_name(name, told):
    assert told in run("show", name)


def test_latex_of_what_has_no_formula_is_refused():
    with pytest.raises(ArgumentError, match="Leave out --latex"):
        run("show", "LambdaLayer", "--latex")
