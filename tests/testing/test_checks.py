"""Every check can fail: for each there is a class that breaks just that, and its name is in the error."""

import re

import pytest

from tests.testing import _broken as broken
from unbend.testing import ContractError, check, checks_of

MODULES = {
    "empty_batch": [broken.NoEmptyBatch],
    "rows_are_independent": [broken.CentredOverTheBatch, broken.SwappedAxes],
    "non_contiguous": [broken.ReadsRawMemory],
    "gradients_are_right": [broken.WrongGradient],
    "second_gradients_are_right": [broken.WrongSecondGradient],
    "float32_is_accurate": [broken.Cancels],
    "bfloat16_is_accurate": [broken.WidensItsOutput],
    "extremes_are_finite": [broken.Overflows],
    "nan_is_not_dropped": [broken.DropsNan, broken.SpreadsNan],
    "state_survives_saving": [broken.KeepsStateToItself],
    "copies_are_equal_and_apart": [broken.HoldsALambda, broken.SharesWithItsCopy],
    "keywords_place_it": [broken.IgnoresDtype, broken.IgnoresDevice],
    "every_parameter_counts": [broken.HasAnIdleParameter],
    "leaves_no_trace": [broken.WritesIntoItsInput, broken.DrawsRandomNumbers, broken.CountsItsCalls],
    "writes_all_its_memory": [broken.ForgetsToFill],
    "compiles": [broken.BranchesOnValues],
    "exports_to_a_graph": [broken.BranchesOnValues],
    "maps_over_a_batch": [broken.BranchesOnValues],
    "is_counted": [broken.HasNoBuiltins],
    "takes_parameters_from_outside": [broken.KeepsAHandle],
    "repr_rebuilds": [broken.HidesItsArguments],
}
BENDS = {
    "is_elementwise": [broken.centred],
    "formula_is_the_code": [broken.wrong_formula],
    "extremes_follow_the_formula": [broken.saturates],
    "slope_is_the_derivative": [broken.wrong_slope],
    "ranges_are_tight": [broken.forgets_a_turn, broken.misplaces_a_break],
    "shape_is_as_told": [broken.wrong_period],
    "tails_are_as_told": [broken.wrong_tail],
    "landmarks_are_complete": [broken.forgets_a_turn, broken.forgets_a_break],
    "smoothness_is_as_told": [broken.too_smooth, broken.too_rough],
    "fixed_points_are_complete": [broken.loses_fixed_points],
    "lean_backward_is_the_same": [broken.wrong_slope],
    "lean_keeps_one_tensor": [broken.Greedy],
    "large_inputs_are_the_same": [broken.wrong_slope],
    "exports_plain_operators": [broken.opaque],
    "exports_to_onnx": [broken.opaque],
    "cost_is_counted": [broken.no_operation],
    "its_name_finds_it": [broken.misnamed],
    "bounds_enclose": [broken.forgets_a_turn, broken.loose],
    "lines_enclose": [broken.forgets_a_break, broken.loose],
    "bounds_round_outward": [broken.RoundsToNearest],
    "gaussian_means_agree": [broken.hides_a_kink],
    "dual_kernels_agree": [broken.wrong_dual],
}
MIXERS = {
    "padding_never_reaches_a_token": [broken.IgnoresPadding, broken.MultipliesByTheMask],
    "padding_at_the_end_is_a_shorter_input": [broken.CountsPaddedTokens],
    "later_tokens_change_nothing_earlier": [broken.LooksAhead],
    "steps_equal_the_whole": [broken.StepsTooFar, broken.GrowsItsState],
    "states_are_kept_wide": [broken.KeepsNarrowStates],
    "chunks_equal_the_whole": [broken.ForgetsBetweenChunks],
    "takes_any_length": [broken.HasATable],
    "cost_grows_linearly": [broken.IsQuadratic],
}
BROKEN = [(name, cls) for kind in (MODULES, BENDS, MIXERS) for name, classes in kind.items() for cls in classes]


@pytest.mark.parametrize(("name", "cls"), BROKEN, ids=lambda v: getattr(v, "__name__", v))
def test_the_check_fails_for_a_class_that_breaks_it(name: str, cls: type) -> None:
    with pytest.raises(ContractError, match=f"^{re.escape(name)}: {cls.__name__}: "):
        check(cls, only=name)


@pytest.mark.parametrize("cls", [broken.Scale, broken.Curve, broken.Decay], ids=lambda cls: cls.__name__)
def test_a_class_that_keeps_the_contract_passes(cls: type) -> None:
    outcome = check(cls)
    assert len(outcome) == sum(not one.slow for one in checks_of(cls))
    assert sum(result.startswith("holds") for result in outcome.values()) > 0.8 * len(outcome)


def test_no_check_is_without_a_class_that_breaks_it() -> None:
    tried = MODULES.keys() | BENDS.keys() | MIXERS.keys()
    known = {one.name for cls in (broken.Curve, broken.Decay) for one in checks_of(cls)}
    assert known - tried == {"compiles_with_inductor"}, "the slow one is `compiles` with another backend"
