"""Swap modules and calls of a trained network for others, with an account."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from unbend._errors import ArgumentError, one_of
from unbend.surgery._account_base import Account, Site
from unbend.surgery._calibrate_base import FITS, Calibration
from unbend.surgery._find_base import Finder
from unbend.surgery._plan_base import Choice, choices, decide, missed, size, size_after, steps
from unbend.surgery._rules_base import Key, Rules, Value, rule_name
from unbend.surgery._step_base import Step, inner
from unbend.surgery._watch_base import same_random

M = TypeVar("M", bound=nn.Module)
Where = Callable[[Site], bool] | str | int | Iterable[str | int]


def swap(
    model: M,
    rules: Mapping[Key, Value],
    *,
    where: Where | None = None,
    example: Any = None,
    dry_run: bool = False,
    calibrate: Any = None,
    how: str = "affine",
) -> tuple[M, Account]:
    """Swap modules, and calls of functions, for other modules, with an account of every site.

    Args:
        model: changed in place, so that optimizers and tied weights stay valid; `copy.deepcopy` it to keep both.
        rules: what goes -> what comes. What goes: a module class (`nn.GELU` is also every `F.gelu(x)`), a module (those
            built alike), a torch function (calls only, in any spelling), or a name: "gelu", or a class of the model.
            What comes: a class (built from what arguments it shares with the old module, if that has weights, and
            given those of equal name and shape); a module (copied for each site); a name of `unbend.bend`; a function
            of nothing or of the old module; for a call, the old module is the one that computes the same.
        where: a function of a `Site`; or globs of paths, or numbers of sites, one or several.
        example: an input of the model (a tuple of arguments, a dict of keywords): its calls are then seen as it runs.
            Without it, torch.fx traces each module that may make such a call.
        dry_run: change nothing.
        calibrate: such an input, or a list or loader of them: fit `gain * new(x) + offset` to the old output.
        how: "affine" (least squares), "gain" (without offset) or "moments" (equal mean and variance).

    Returns:
        The model (another object only where the root itself was replaced) and the account, which can `undo`.

    Raises:
        ArgumentError: an argument is wrong, or `example` is needed.

    Behaviour:
        A shared module gives one shared module; where only some of its calls are chosen, these get their own. A call is
        a place in the source, however often it is run. In a method of its module it is rewritten there and goes to a
        new child (`relu_1`): that compiles in one graph and exports. Elsewhere, or without source, it is intercepted
        as its module runs: right, but torch.compile leaves that module alone. Both copy, pickle and train.

    Examples:
        >>> net, account = swap(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), {nn.ReLU: nn.SiLU})
        >>> print(account)
        #  path  call        before  after
        0  1     Sequential  ReLU()  SiLU()
        1 of 1 sites swapped; 8 parameters
    """
    network, account = _swap(_checked(model), rules, where, example, dry_run, calibrate, one_of(FITS, how=how))
    return (model if network is inner(model) else network), account  # pyright: ignore[reportReturnType] - see Returns


def _swap(
    model: nn.Module, rules: Any, where: Where | None, example: Any, dry_run: bool, calibrate: Any, how: str
) -> tuple[nn.Module, Account]:
    network = inner(model)
    batches = [] if calibrate is None else _batches(calibrate)
    finder = Finder(network, Rules(rules, network))
    if example is None and not batches:
        finder.by_tracing()
    else:
        finder.by_example(batches[0] if example is None else example)
    chosen = choices(finder)
    _leave_out(chosen, where)
    # What is built at random in a dry run must not move the random numbers that come after it.
    with same_random() if dry_run else nullcontext():
        decide(chosen, finder)
    calibration = Calibration(finder, chosen, batches, how) if batches else None
    sizes = size(network.parameters()), size_after(network, chosen)
    unseen = tuple(missed(finder))
    changes = () if dry_run else steps(chosen, network)
    done = _do(network, changes)
    error = calibration.finish(done) if calibration and not dry_run else None
    rows = (*(choice.row() for choice in chosen), *unseen)
    return done, Account(rows, tuple(_notes(model, finder, chosen)), sizes, dry_run, error, changes)


def _checked(model: Any) -> nn.Module:
    """Refuse what cannot be swapped in at all."""
    if not isinstance(model, nn.Module):
        raise ArgumentError.of("model", model, "a torch.nn.Module")
    if isinstance(model, torch.jit.ScriptModule):
        raise ArgumentError.of("model", "a scripted module", "a torch.nn.Module", "Swap first, then script")
    if any(is_lazy(tensor) for tensor in (*model.parameters(), *model.buffers())):
        raise ArgumentError.of("model", "a model with lazy modules", "one that knows its shapes", "Run it once first")
    wrapper = type(model).__name__
    if wrapper in ("DistributedDataParallel", "FullyShardedDataParallel"):
        remedy = f"Swap first, then wrap: {wrapper} does not see parameters that come later"
        raise ArgumentError.of("model", f"a model inside {wrapper}", "the model itself", remedy)
    return model


def _batches(data: Any) -> list[Any]:
    """One batch, or an iterable of batches."""
    one = isinstance(data, torch.Tensor | tuple | Mapping)
    batches = [data] if one else list(data) if isinstance(data, Iterable) else []
    if not batches:
        raise ArgumentError.of("calibrate", data, "an input of the model, or a list or loader of inputs, not empty")
    return batches


def _leave_out(chosen: Sequence[Choice], where: Where | None) -> None:
    """Give those that `where` does not choose the reason."""
    if where is None:
        return
    for choice in chosen:
        if not _is_chosen(choice.site, where):
            choice.reason = choice.reason or "left out by where"
    named = [] if callable(where) else [where] if isinstance(where, str | int) else list(where)
    for name in named:
        if not any(_is_chosen(choice.site, name) for choice in chosen):
            sites = ", ".join(f"{choice.site.index}: {choice.site.path or '(model)'}" for choice in chosen[:8])
            raise ArgumentError.of("where", name, f"a site or a path of the account ({sites or 'it is empty'})")


def _is_chosen(site: Site, where: Where) -> bool:
    if isinstance(where, str):
        return fnmatchcase(site.path, where)
    if isinstance(where, int):
        return site.index == where
    return bool(where(site)) if callable(where) else any(_is_chosen(site, one) for one in where)


def _do(model: nn.Module, changes: Sequence[Step]) -> nn.Module:
    """Make the changes; all of them, or none."""
    made: list[Step] = []
    try:
        for step in changes:
            made.append(step)
            model = step.do(model)
    except BaseException:
        for step in reversed(made[:-1]):
            model = step.undo(model)
        raise
    return model


def _notes(model: nn.Module, finder: Finder, chosen: Sequence[Choice]) -> Iterator[str]:
    if inner(model) is not model:
        yield f"acted on the network inside {type(model).__name__}"
    used = {choice.key for choice in chosen}
    for key in finder.rules.rules:
        if key not in used:
            yield f"nothing here is about the rule for {rule_name(key)}"
