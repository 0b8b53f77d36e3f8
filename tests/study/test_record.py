"""Records as lines, and lines from anywhere as records."""

import json
from functools import partial
from typing import Any

import pytest

from tests.study._made import record
from unbend.study._record import FORMAT, NewerFormatError, Record, cell_key, plain
from unbend.study._spec import Steps


def test_a_line_is_read_back_as_it_was() -> None:
    made = record("a", 3, accuracy=0.1 + 0.2, curves={"loss": [[0.0, 1.5], [1.0, 0.25]]}, params={"lr": 1e-3})
    assert Record.parse(made.line()) == made
    assert "\n" not in made.line()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", 3),
        ("seed", "0"),
        ("seed", True),
        ("seed", 1 << 60),
        ("metrics", {"accuracy": "high"}),
        ("metrics", {"accuracy": True}),
        ("metrics", [["accuracy", 1.0]]),
        ("curves", {"loss": [[0, 1, 2]]}),
        ("curves", {"loss": 1.0}),
        ("status", "fine"),
        ("budget", {"kind": "steps"}),
        ("error", {"type": 1}),
        ("env", {"torch": 2}),
        ("unheard-of", 1),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_by_name(field: str, value: Any) -> None:
    line = json.dumps({**json.loads(record("a", 0, accuracy=1.0).line()), field: value})
    with pytest.raises(ValueError, match=field):
        Record.parse(line)


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "3", '{"arm": "a"}', "NaN", '{"a":' * 5000, "[" * 100_000, '{"seed": ' + "9" * 10_000 + "}"],
)
def test_what_is_no_record_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        Record.parse(line)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(number: str) -> None:
    line = record("a", 0, accuracy=0.5).line().replace('"accuracy":0.5', f'"accuracy":{number}')
    assert number in line
    with pytest.raises(ValueError):
        Record.parse(line)


def test_a_later_format_is_told_apart_from_a_broken_line() -> None:
    line = json.dumps({"format": FORMAT + 1, "whatever": "comes"})
    with pytest.raises(NewerFormatError, match=f"format {FORMAT + 1}"):
        Record.parse(line)


def key(**changes: Any) -> str:
    named: dict[str, Any] = {
        "study": "s", "version": 1, "arm": "a", "params": {"width": 3, "lr": 0.1}, "data": "d", "data_hash": "h",
        "seed": 0, "budget": Steps(3),
    }  # fmt: skip
    return cell_key(**{**named, **changes})


def test_the_key_names_everything_that_the_cell_is() -> None:
    others = [
        key(), key(study="t"), key(version=2), key(arm="b"), key(params={}), key(data="e"), key(data_hash="i"),
        key(seed=1), key(budget=Steps(4)), key(dtype="float64"), key(threads=2),
    ]  # fmt: skip
    assert len(set(others)) == len(others)
    assert key() == key(params={"lr": 0.1, "width": 3})


def helper() -> None: ...


def test_parameters_have_one_text_each_time() -> None:
    assert plain(partial(helper, 1, two=2)) == plain(partial(helper, 1, two=2))
    assert plain(partial(helper, 1)) != plain(partial(helper, 2))
    assert plain(object()) == plain(object())
    assert plain({"f": helper, "n": (1, 2)}) == {"f": "tests.study.test_record.helper", "n": [1, 2]}


def test_a_file_of_the_library_may_be_renamed() -> None:
    from unbend.study._spec import Arm

    assert plain(Arm) == "unbend.study.Arm"
