"""Design spaces: what each draws is in it, costs are as asked for, and distributions are counted right."""

from typing import Any

import numpy as np
import pytest
import torch

from unbend._errors import ArgumentError, UnbendError
from unbend.models import AnyNet, DesignSpace, edf
from unbend.study import count_operations

KINDS = ("A", "B", "C", "D", "E", "regnet")


def drawn(kind: Any, count: int = 200, **more: Any) -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    space = DesignSpace(kind, **{"stages": 3, "depth": 5, "width": 128, **more})
    return [space.sample(generator) for _ in range(count)]


def rises(values: tuple[int, ...]) -> bool:
    return list(values) == sorted(values)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_obey_the_rules_of_their_space_and_no_more(kind: str) -> None:
    plans = drawn(kind, groups=(1, 4))
    rules = {
        "bottlenecks": [len(set(plan["bottlenecks"])) == 1 for plan in plans],
        "groups": [len(set(plan["groups"])) == 1 for plan in plans],
        "widths": [rises(plan["widths"]) for plan in plans],
        "depths": [rises(plan["depths"]) for plan in plans],
    }
    bound = {"A": 0, "B": 1, "C": 2, "D": 3, "E": 4, "regnet": 3}[kind]
    for number, (name, kept) in enumerate(rules.items()):
        # A group of 4 inside blocks 2 wide is cut to what fits.
        assert all(kept) or number >= bound or name == "groups", name
        assert number < bound or not all(kept), name
    for plan in plans:
        assert len(plan["widths"]) == len(plan["depths"]) == 3
        assert 1 <= min(plan["depths"]) <= max(plan["depths"]) <= 5
        assert max(plan["widths"]) <= 128 + 4


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_can_be_built_as_it_is(kind: str) -> None:
    for plan in drawn(kind, 3):
        net = AnyNet(**plan, num_classes=0, stem=4, device="meta")
        assert {name: net.plan[name] for name in plan} == plan


def test_draws_repeat_themselves_by_seed() -> None:
    assert drawn("A", 5) == drawn("A", 5)
    torch.manual_seed(3)
    first = DesignSpace("A").sample()
    torch.manual_seed(3)
    assert DesignSpace("A").sample() == first


def test_sizes_are_drawn_evenly_by_their_logarithm() -> None:
    depths = [depth for plan in drawn("A", 700, depth=15) for depth in plan["depths"]]
    shares = [sum(low <= depth < 2 * low for depth in depths) / len(depths) for low in (1, 2, 4, 8)]
    np.testing.assert_allclose(shares, 0.25, atol=0.04)


def test_cost_is_within_what_was_asked_for() -> None:
    generator = torch.Generator().manual_seed(0)
    space, options = DesignSpace("A", stages=2, depth=3, width=32), {"strides": (1, 2), "stem": 8, "in_chans": 1}
    for _ in range(5):
        plan = space.sample_within(2e5, 4e5, (9, 13), generator, num_classes=5, **options)
        net = AnyNet(**plan, num_classes=5, **options)
        assert 2e5 <= count_operations(net, torch.randn(1, 1, 9, 13)).matrix / 2 <= 4e5


def test_a_space_that_holds_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbend.models._design_space._TRIES", 20)
    with pytest.raises(UnbendError, match="none of 20 draws takes from 1 to 2"):
        DesignSpace("A").sample_within(1, 2, (32, 32))
    with pytest.raises(UnbendError, match="none of 20 draws fits"):
        DesignSpace("regnet", stages=9, depth=1, width=8).sample()


def test_distribution_of_errors() -> None:
    errors = torch.rand(37, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    at = torch.linspace(-0.1, 1.1, 51)
    expected = [(errors < float(e)).double().mean() for e in at]
    torch.testing.assert_close(edf(errors, at), torch.tensor(expected, dtype=torch.float32))
    assert edf(errors, errors.min()[None]) == 0, "an error is not below itself"
    grid = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    area = 1 - edf(errors, grid).double().mean()
    torch.testing.assert_close(area, errors.mean(), atol=1e-4, rtol=0)
    with pytest.raises(ArgumentError, match="errors"):
        edf([], [0.1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "F"}, "kind: got F"),
        ({"kind": "A", "width": 12}, "a multiple of 8"),
        ({"kind": "A", "groups": ()}, "groups"),
    ],
)
def test_bad_arguments_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        DesignSpace(**given)
