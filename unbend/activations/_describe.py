"""A bend in a few lines."""

import math
from dataclasses import dataclass

from unbend.activations._base import Bend

_CENTRED = 1e-9


@dataclass(frozen=True)
class Description:
    """The properties by which surveys compare bends; `str()` says them in words.

    Attributes:
        range: infimum and supremum of the value.
        slope: infimum and supremum of the slope.
        at_zero: f(0); nan where channels differ.
        monotone: "increasing", "decreasing" or None.
        smooth: how many derivatives are continuous; inf for an analytic curve.
        zero_centred: whether normal inputs, N(0, 1), give outputs of mean zero.
        saturates: the finite limits on the far left and right; None where it has none.
        lipschitz: the Lipschitz constant.
    """

    range: tuple[float, float]
    slope: tuple[float, float]
    at_zero: float
    monotone: str | None
    smooth: float
    zero_centred: bool
    saturates: tuple[float | None, float | None]
    lipschitz: float

    def __str__(self) -> str:
        left, right = ("no" if limit is None else f"{limit:.6g}" for limit in self.saturates)
        smooth = {-1: "jumps", 0: "continuous with kinks", math.inf: "smooth"}.get(
            self.smooth, f"{self.smooth:g} continuous derivatives"
        )
        lines = {
            "range": f"{self.range[0]:.6g} to {self.range[1]:.6g}",
            "slope": f"{self.slope[0]:.6g} to {self.slope[1]:.6g}, Lipschitz constant {self.lipschitz:.6g}",
            "f(0)": f"{self.at_zero:.6g}",
            "monotone": self.monotone or "no",
            "order": smooth,
            "zero-centred": "yes" if self.zero_centred else "no",
            "saturates": f"left {left}, right {right}",
        }
        return "\n".join(f"{name:<13}{text}" for name, text in lines.items())


def describe(bend: Bend) -> Description:
    """The property card of a bend, as the survey has one for each.

    Formula:
        range = (inf f, sup f), slope = (inf f', sup f'), Lipschitz constant = sup |f(x) - f(y)| / |x - y|

    Args:
        bend: any `Bend`; of several channels the card holds for all together.

    Behaviour:
        Exact: it reads `bend.facts` and `bend.moments()`, and samples nothing. `facts` and `analyse` know more.

    References:
        Dubey, Singh, Chaudhuri (2021), Activation Functions in Deep Learning: A Comprehensive Survey and Benchmark,
        arXiv:2109.14545.

    Examples:
        >>> from unbend.activations import ReLU
        >>> print(describe(ReLU()))
        range        0 to inf
        slope        0 to 1, Lipschitz constant 1
        f(0)         0
        monotone     increasing
        order        continuous with kinks
        zero-centred no
        saturates    left 0, right no
    """
    known = bend.facts
    limits = [
        None if line is None or not math.isfinite(limit := float(line.limit(side))) else limit
        for side, line in ((-1, known.left), (1, known.right))
    ]
    return Description(
        range=known.value,
        slope=known.slope,
        at_zero=known.zero,
        monotone=known.monotone,
        smooth=known.smooth,
        zero_centred=abs(bend.moments()[0]) < _CENTRED,
        saturates=(limits[0], limits[1]),
        lipschitz=known.lipschitz,
    )
