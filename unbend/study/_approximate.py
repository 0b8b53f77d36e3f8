"""Trials for smooth functions: fit all points at once by LBFGS in float64, at one size or along several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least
from unbend.data import Dataset
from unbend.study._match import Match, Matched, Network, match_width, measure
from unbend.study._scaling import slope
from unbend.study._spec import Cell, Diverged, Metric, Steps

LOG10_RMSE = Metric("log10_rmse", "lower")
RMSE_EXPONENT = Metric("rmse_exponent", "lower")

_MOVES = 10  # times that grids are moved, in the first half of the steps


@runtime_checkable
class _Grown(Protocol):
    """A network on grids that may move and grow, such as a `KAN`."""

    def update_grid(self, x: Tensor) -> Any: ...
    def refine(self, grid: int) -> Any: ...


@dataclass(frozen=True)
class Approximation:
    """Fit a network to a smooth function by LBFGS with a strong-Wolfe line search, all points at once, in float64.

    A step is one evaluation of the loss and its gradient. A network that has `update_grid` has its grids moved ten
    times in the first half of the steps; the optimiser then starts anew. A network without trainable numbers is only
    tested.

    A cell gives: `log10_rmse`, the root mean square of the errors on the test set over the targets' deviation, in
    powers of ten; `train_log10_rmse`; `parameters`; `steps`, `width`, and `ratio` of the matched cost.

    Args:
        network: builds the module from an arm, the data and a width.
        width: handed to the network.
        match: as in `regress`.
    """

    network: Network
    width: int = 5
    match: Match | None = None

    def __post_init__(self) -> None:
        at_least(1, width=self.width)

    def __call__(self, cell: Cell) -> dict[str, float]:
        data, steps = _checked(cell)
        matched = Matched(self.width, 1.0)
        if self.match is not None:
            matched = match_width(self.network, cell.arm, cell.reference, data, self.width, self.match)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(cell.seed)
            model = self.network(cell.arm, data, matched.width).double()
            taken = _descend(model, data, steps, cell)
        return {
            "log10_rmse": _log10_rmse(model, *data.test),
            "train_log10_rmse": _log10_rmse(model, *data.train),
            "parameters": measure(model, data, "params"),
            "steps": taken,
            "width": matched.width,
            "ratio": matched.ratio,
        }


@dataclass(frozen=True)
class Rate:
    """How fast the error falls as the network grows: the same fit at several sizes, and the exponent of the power law.

    A network that has `refine` goes on from the smaller one, whose grids are refined to the next size; another is
    built and fitted anew at each size, as is one without trainable numbers.

    A cell gives: `rmse_exponent`, the slope of log RMSE over log parameters; `log10_rmse` and `parameters` at the
    largest size.

    Args:
        network: builds the module from an arm, the data and a size.
        sizes: at least two, increasing.
    """

    network: Network
    sizes: tuple[int, ...] = (3, 5, 10, 20)

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or list(self.sizes) != sorted(set(self.sizes)):
            raise ArgumentError.of("sizes", self.sizes, "at least two, increasing")

    def __call__(self, cell: Cell) -> dict[str, float]:
        data, steps = _checked(cell)
        errors, parameters = list[float](), list[float]()
        model: nn.Module | None = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(cell.seed)
            for size in self.sizes:
                if isinstance(model, _Grown) and _trained(model):
                    model.refine(size)
                else:
                    model = self.network(cell.arm, data, size).double()
                assert model is not None
                _descend(model, data, steps, cell)
                errors.append(10 ** _log10_rmse(model, *data.test))
                parameters.append(sum(p.numel() for p in model.parameters()))
        return {
            "rmse_exponent": slope(parameters, errors),
            "log10_rmse": math.log10(errors[-1]),
            "parameters": parameters[-1],
        }


def approximate(network: Network, width: int = Approximation.width, match: Match | None = None) -> Approximation:
    """A trial that fits a smooth function closely; see `Approximation`."""
    return Approximation(network, width, match)


def rate(network: Network, sizes: Sequence[int] = Rate.sizes) -> Rate:
    """A trial that measures how the error falls with the size of the network; see `Rate`."""
    return Rate(network, tuple(sizes))


def _checked(cell: Cell) -> tuple[Dataset, int]:
    data: Dataset = cell.data
    if data.task != "regression":
        raise ArgumentError.of(f"data set {data.name}", f"data for {data.task}", "data for regression")
    if not isinstance(cell.budget, Steps):
        raise ArgumentError.of("budget", cell.budget, "Steps", "LBFGS is not cut off within a line search.")
    return data, cell.budget.steps


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _descend(model: nn.Module, data: Dataset, steps: int, cell: Cell) -> int:
    """Spend the steps; fewer where nothing falls any more."""
    if not _trained(model):
        return 0
    x, y = (part.double() for part in data.train)
    every = max(1, steps // (2 * _MOVES))
    taken = 0
    for move in range(_MOVES if isinstance(model, _Grown) else 0):
        cast(_Grown, model).update_grid(x)
        taken += _lbfgs(model, x, y, (move + 1) * every - taken, cell)
    while taken < steps:
        spent = _lbfgs(model, x, y, steps - taken, cell)
        taken += spent
        if spent < 3:
            break
    return taken


def _lbfgs(model: nn.Module, x: Tensor, y: Tensor, steps: int, cell: Cell) -> int:
    """Evaluations of the loss that one run of LBFGS took, about `steps`."""
    if steps < 1:
        return 0
    limits: dict[str, Any] = {"max_iter": steps, "max_eval": steps, "tolerance_grad": 1e-12, "tolerance_change": 1e-14}
    optimizer = torch.optim.LBFGS(_trained(model), lr=1, line_search_fn="strong_wolfe", **limits)
    taken = 0

    def closure() -> Tensor:
        nonlocal taken
        cell.check_deadline()
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        if not loss.isfinite():
            raise Diverged(f"the loss is {float(loss.detach())} at evaluation {taken} of a run")
        loss.backward()
        taken += 1
        return loss

    optimizer.step(closure)
    return taken


@torch.no_grad()
def _log10_rmse(model: nn.Module, x: Tensor, y: Tensor) -> float:
    error = (model(x.double()) - y.double()).square().mean().sqrt() / y.double().std()
    return math.log10(max(float(error), 1e-16))
