"""The paper's counts of time and space."""

import pytest

from unbend.mixers import LambdaCost, lambda_cost

SIZES = {"b": 2, "n": 30, "m": 42, "k": 5, "d": 21, "h": 7}


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("self_attention", {}, LambdaCost(2 * 30 * 42 * (35 + 21), 2 * 30 * 42 * 7)),
        ("linear_attention", {}, LambdaCost(2 * 30 * 5 * 21, 2 * 5 * 21)),
        ("lambda", {}, LambdaCost(2 * 30 * 42 * 5 * 3, 30 * 42 * 5 + 2 * 30 * 5 * 3)),
        ("lambda", {"u": 4}, LambdaCost(2 * 30 * 42 * 5 * 3 * 4, 30 * 42 * 5 * 4 + 2 * 30 * 5 * 3)),
        ("lambda_conv", {"r": 3}, LambdaCost(2 * 30 * 9 * 5 * 3, 9 * 5 + 2 * 30 * 5 * 3)),
    ],
    ids=str,
)
def test_counts_are_those_of_the_table(kind, more, expected) -> None:
    assert lambda_cost(kind, **SIZES, **more) == expected


def test_one_attention_map_of_the_introduction_takes_64_gigabytes() -> None:
    cost = lambda_cost("self_attention", b=128, n=64**2, m=64**2, k=16, d=128, h=8)
    assert cost.space * 4 == 64 * 2**30


def test_more_heads_make_a_lambda_layer_cheaper_and_attention_dearer() -> None:
    few, many = ({**SIZES, "h": h} for h in (1, 7))
    assert lambda_cost("lambda", **few).time == 7 * lambda_cost("lambda", **many).time
    assert lambda_cost("self_attention", **many).time > lambda_cost("self_attention", **few).time


def test_the_table_is_shared_by_the_batch() -> None:
    one, four = (lambda_cost("lambda", **{**SIZES, "b": b}).space for b in (1, 4))
    assert four - 4 * one == -3 * 30 * 42 * 5


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"kind: got lamda; .* Did you mean 'lambda'"):
        lambda_cost("lamda", **SIZES)
    with pytest.raises(ValueError, match="d: got 21; expected a multiple of h=2"):
        lambda_cost("lambda", **{**SIZES, "h": 2})
    with pytest.raises(ValueError, match="r: got None"):
        lambda_cost("lambda_conv", **SIZES)
    with pytest.raises(ValueError, match="m: got 0"):
        lambda_cost("lambda", **{**SIZES, "m": 0})
