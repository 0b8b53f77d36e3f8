"""A study that contradicts itself is refused where it is declared."""

from typing import Any

import pytest

from tests.study import _toys as toys
from unbend._errors import ArgumentError, UnknownNameError
from unbend.study import ACCURACY, Arm, Claim


def claim(**changes: Any) -> Claim:
    values: dict[str, Any] = {"text": "c", "metric": "accuracy", "a": "good", "relation": ">", "b": "fair"}
    return Claim(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {}}, "at least one arm"),
        ({"data": []}, "data: got .*each name once"),
        ({"data": ["x", "x"]}, "data: got .*each name once"),
        ({"metrics": [ACCURACY, ACCURACY]}, "metrics: got .*each name once"),
        ({"seeds": 0}, "seeds: got 0"),
        ({"minutes": 0}, "minutes: got 0"),
        ({"overlap": -1}, "overlap: got -1"),
        ({"claims": [claim(margin=-0.1)]}, "margin of claim 'c': got -0.1"),
    ],
)
def test_a_wrong_value_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        toys.study(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claims": [claim(a="god")]}, "arm in claim 'c' 'god'; did you mean good"),
        ({"claims": [claim(metric="acuracy")]}, "metric in claim 'c' 'acuracy'; did you mean accuracy"),
        ({"claims": [claim(data=("z",))]}, "data set in claim 'c' 'z'"),
        ({"reference": "god"}, "did you mean good"),
        ({"baselines": ["far"]}, "did you mean fair"),
    ],
)
def test_a_name_that_nothing_has_suggests_the_nearest(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        toys.study(**changes)


def test_an_arm_is_a_callable_with_its_parameters() -> None:
    arm = Arm(dict, {"width": 3})
    assert arm(height=4) == {"width": 3, "height": 4}
    assert arm(width=5) == {"width": 5}
    assert toys.study(arms={"good": dict, "fair": arm}).arm("good") == Arm(dict)
    with pytest.raises(UnknownNameError, match="did you mean good"):
        toys.study().arm("god")
