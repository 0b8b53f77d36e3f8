"""Give each arm the width at which its network costs the same as the reference's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from unbend._errors import ArgumentError
from unbend.data import Dataset
from unbend.study._cost import count_operations
from unbend.study._spec import Arm

Network = Callable[[Arm, Dataset, int], nn.Module]
Match = Literal["params", "operations"]

TOLERANCE = 0.05
_WIDEST = 1 << 20


@dataclass(frozen=True)
class Matched:
    """A width, and the cost of the network there over that of the reference's."""

    width: int
    ratio: float


def match_width(network: Network, arm: Arm, reference: Arm, data: Dataset, width: int, match: Match) -> Matched:
    """Find the width at which `arm` comes closest to the cost of `reference` at `width`.

    Networks are built on the meta device: nothing is initialised or computed.

    Args:
        network: builds the module from an arm, the data and a width; its cost must not fall as the width grows.
        arm: whose width is sought.
        reference: the arm that has the nominal width.
        data: for the numbers of inputs and outputs.
        width: the nominal width.
        match: `params` for trainable numbers, `operations` for those counted in a forward pass.

    Raises:
        ArgumentError: no width comes within 5 % of the reference.
    """

    def cost(candidate: Arm, at: int) -> float:
        with torch.device("meta"):
            return measure(network(candidate, data, at), data, match)

    wanted = cost(reference, width)
    low, high = 1, max(2, width)
    while cost(arm, high) < wanted and high < _WIDEST:
        low, high = high, 2 * high
    # Now cost(low) < wanted <= cost(high), or low is the least width that there is.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(arm, middle) < wanted else (low, middle)
    ratio, best = min(((cost(arm, at) / wanted, at) for at in (high, low)), key=lambda found: abs(found[0] - 1))
    if abs(ratio - 1) > TOLERANCE:
        raise ArgumentError.of(
            f"match={match!r}", f"{ratio:.3f} times the reference at best, at width {best}", "within 5 %",
            f"Choose another width than {width} for the reference, or a network whose width moves in smaller steps",
        )  # fmt: skip
    return Matched(best, ratio)


def measure(model: nn.Module, data: Dataset, match: Match) -> float:
    """Trainable numbers of `model`, or the operations that it takes for one example."""
    if match == "params":
        return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    weights: Any = next(model.parameters(), None)
    cost = count_operations(model, data.train[0][:1].to("cpu" if weights is None else weights.device))
    if cost.uncounted:
        raise ArgumentError.of("match='operations'", f"operators without a price: {', '.join(cost.uncounted)}", "none")
    return cost.total
