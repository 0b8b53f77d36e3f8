"""The two ways to run the contract, for outsiders' classes too."""

import pytest
import torch
from torch import nn

from tests.testing._broken import Curve, DropsNan, Overflows, Scale
from unbend._contract import Example
from unbend._errors import ArgumentError, UnknownNameError
from unbend.testing import KINDS, ContractError, Skip, Subject, check, contract, kind, poisoned

test_a_class_of_ones_own = contract(Scale)
test_an_instance_of_a_bend = contract(Curve(lean=True), skip={"dual_kernels_agree": "the class has shown it"})
test_a_module_of_torch = contract(
    nn.Linear,
    Example({"in_features": 5, "out_features": 7}),
    skip={"extremes_are_finite": "a sum of five products"},
)


def test_every_broken_check_is_named_at_once() -> None:
    class Both(DropsNan):
        def forward(self, x):
            return Overflows.forward(self, x.nan_to_num(0.0))

    with pytest.raises(ContractError) as error:
        check(Both)
    assert {line.split(":")[0] for line in str(error.value).splitlines()} == {
        *("nan_is_not_dropped", "extremes_are_finite", "copies_are_equal_and_apart"),
    }, "a class within a function does not pickle either"


def test_the_outcome_tells_measures_and_reasons() -> None:
    outcome = check(Curve)
    assert outcome["Curve-bounds_enclose"].startswith("holds: bounds lose at most")
    assert outcome["Curve-keywords_place_it"] == "skipped: it holds no tensors"


def test_an_instance_is_not_changed() -> None:
    made = Scale(5)
    before = made.weight.clone()
    check(made, only="gradients_are_right")
    assert torch.equal(made.weight, before)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: check(Scale, only="nan_is_not_droped"), UnknownNameError, "did you mean nan_is_not_dropped"),
        (lambda: contract(Scale, skip={"compile": "slow"}), UnknownNameError, "unknown check in skip 'compile'"),
        (lambda: check(dict), ArgumentError, "subject: got dict; expected a class of a kind that is known"),
        (lambda: kind("bend", lambda cls: False), ArgumentError, "a name that no kind has yet"),
    ],
)
def test_wrong_use_is_explained(call, error, says) -> None:
    with pytest.raises(error, match=says):
        call()


def test_another_kind_is_a_few_lines(monkeypatch) -> None:
    monkeypatch.setattr("unbend.testing._suite.KINDS", dict(KINDS))
    counter = kind("counter", lambda cls: hasattr(cls, "count"))

    @counter.check
    def counts_up(subject: Subject) -> str:
        """A counter ends at its start plus one."""
        made = subject.build()
        if made.start < 0:
            raise Skip("it counts down")
        assert made.count() == made.start + 1
        return f"from {made.start}"

    class Counter:
        start = 3

        def count(self) -> int:
            return self.start + 1

    assert check(Counter) == {"Counter-counts_up": "holds: from 3"}
    Counter.count = lambda self: self.start
    with pytest.raises(ContractError, match=r"^counts_up: Counter: A counter ends at its start plus one\."):
        check(Counter)
    Counter.start = -1
    assert check(Counter) == {"Counter-counts_up": "skipped: it counts down"}


def test_poison_is_everywhere_and_ends() -> None:
    real = torch.empty
    with poisoned():
        for fresh in (torch.empty(3), torch.empty_like(torch.ones(2)), torch.ones(2).new_empty(2)):
            assert bool(fresh.isnan().all())
        assert bool((torch.empty(3, dtype=torch.int64) == 101).all())
        assert torch.empty(3, device="meta").is_meta
    assert torch.empty is real
