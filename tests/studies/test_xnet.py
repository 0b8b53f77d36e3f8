"""The arms of the fits have as many parameters each, and kernels of their own per unit."""

from unbend.data import load
from unbend.models import one_hidden
from unbend.studies import find
from unbend.study._match import TOLERANCE, match_width


def test_every_arm_matches_the_parameters_of_the_reference() -> None:
    for study, width in ((find("xnet"), 50), (find("xnet-digits"), 64)):
        data = load(study.data[0])
        for arm in study.arms:
            found = match_width(one_hidden, study.arm(arm), study.arm(study.reference), data, width, "params")
            assert abs(found.ratio - 1) <= TOLERANCE, arm


def test_kernels_are_one_for_each_unit() -> None:
    bend = find("xnet").arm("cauchy")(7)
    assert [tuple(p.shape) for p in bend.parameters()] == [(7,)] * 3
    assert {float(p.detach()[0]) for p in bend.parameters()} == {0.009999999776482582, 1.0}
