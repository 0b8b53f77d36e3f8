"""Decide what becomes of every site, before anything is changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

import torch
from torch import nn
from torch.nn.utils import parametrize

from unbend.surgery import _edit_base as editing
from unbend.surgery._account_base import Row, Site
from unbend.surgery._family_base import spelling
from unbend.surgery._find_base import Call, Finder
from unbend.surgery._mention_base import spellings
from unbend.surgery._rules_base import Key
from unbend.surgery._step_base import Assign, Redirect, Replace, Step, home


@dataclass(eq=False)
class Choice:
    """One site, and what becomes of it.

    Args:
        site: as the user's `where` sees it.
        key: the rule.
        old: the module, or one that computes the same as the call.
        call: the call, or a call of the module; None where none was seen.
        reason: why it is left alone, or what is worth knowing.
        new: what takes its place; None while it is left alone.
        how: the way in which it does.
        first: whether it is the first site at which `new` stands.
        error: relative error of its output on the calibration data, before and after calibration.
    """

    site: Site
    key: Key
    old: nn.Module
    call: Call | None
    reason: str = ""
    new: nn.Module | None = None
    how: Literal["", "module", "source", "intercepted"] = ""
    first: bool = True
    error: tuple[float, float] | None = None

    def row(self) -> Row:
        """The line of the account."""
        site = self.site
        if self.new is None:
            return Row(site.index, site.path, site.call, site.before, reason=self.reason)
        parameters = (size(self.old.parameters()), size(self.new.parameters())) if self.first else (0, 0)
        after = one_line(self.new)
        done = (after, "swapped", self.reason, self.how, parameters, self.error)
        return Row(site.index, site.path, site.call, site.before, *done)


def choices(finder: Finder) -> list[Choice]:
    """Every site, in the order of the model's modules; those that cannot be swapped with the reason."""
    paths: dict[nn.Module, list[str]] = {}
    for path, module in finder.model.named_modules(remove_duplicate=False):
        paths.setdefault(module, []).append(path)
    found: list[Choice] = []
    for module, aliases in paths.items():
        if module in finder.modules:
            calls = [call for call in finder.calls.values() if call.subject is module]
            callers = {call: _alias(aliases, paths[call.place.owner]) for call in calls}
            for alias in aliases:
                for call in [call for call in calls if callers[call] == alias] or [None]:
                    site = _site(len(found), alias, module, call)
                    reason = _fixed(module) or (call.obstacle if call else "")
                    found.append(Choice(site, *finder.modules[module], call, reason))
        for call in finder.calls.values():
            if call.place.owner is module and not isinstance(call.subject, nn.Module):
                reason = call.obstacle or call.place.obstacle or editing.obstacle(type(module))
                found.append(Choice(_site(len(found), aliases[0], None, call), call.key, call.old, call, reason))
    return found


def decide(chosen: Sequence[Choice], finder: Finder) -> None:
    """Build what comes, for every choice that nothing stands in the way of."""
    replaced: set[nn.Module] = set()
    groups: dict[nn.Module | Call, list[Choice]] = {}
    for choice in chosen:
        group = choice.site.module if choice.site.kind == "module" else choice.call
        assert group is not None
        groups.setdefault(group, []).append(choice)
    for group in groups.values():
        first = group[0]
        if first.site.module in replaced:
            for choice in group:
                choice.reason = choice.reason or "inside a module that is replaced"
        elif first.site.kind == "module":
            _decide_module(group, finder)
            if any(choice.how == "module" for choice in group):
                replaced |= set(first.site.module.modules())
        elif not first.reason:
            _place(group, "source" if first.call and first.call.in_source else "intercepted", finder)


def _decide_module(group: Sequence[Choice], finder: Finder) -> None:
    """Replace a module under those paths where all of its calls are chosen; elsewhere send the chosen calls away."""
    by_path: dict[str, list[Choice]] = {}
    for choice in group:
        by_path.setdefault(choice.site.path, []).append(choice)
    whole = [choices for choices in by_path.values() if not any(choice.reason for choice in choices)]
    _place([choice for choices in whole for choice in choices], "module", finder)
    for choice in group:
        if choice.new is not None or choice.reason:
            continue
        if choice.call and choice.call.in_source and not editing.obstacle(type(choice.call.place.owner)):
            _place([choice], "source", finder)
        else:
            choice.reason = "shared with other calls, from which it cannot be told apart"


def _place(group: Sequence[Choice], how: Literal["module", "source", "intercepted"], finder: Finder) -> None:
    """Let one new module stand at every site of `group`."""
    if not group:
        return
    first = group[0]
    new = finder.rules.build(first.key, first.old)
    if new is not None:
        _fit(new, first, finder.model)
    for choice in group:
        if new is None:
            choice.reason = "the rule hands it back"
            continue
        choice.new, choice.how, choice.first = new, how, choice is first
        inplace = choice.call.inplace if choice.call else getattr(choice.old, "inplace", False)
        remarks = ["was in place"] if inplace else []
        choice.reason = ", ".join(remarks if choice.first else [*remarks, f"same object as {first.site.index}"])


def _fit(new: nn.Module, choice: Choice, model: nn.Module) -> None:
    """Give `new` the mode of what it replaces, and the device and type of the weights beside it."""
    new.train(choice.site.module.training)
    if (beside := home(model, choice.site.path)) is not None:
        new.to(*beside)
    if choice.site.kind == "module":
        _share_hooks(choice.site.module, new)


_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_is_full_backward_hook",
)


def _share_hooks(old: nn.Module, new: nn.Module) -> None:
    """Run the hooks of `old` on `new`; their handles, which know the dictionaries, then remove them from both."""
    if any(getattr(old, name, None) for name in _HOOKS[:-1]):
        for name in _HOOKS:
            setattr(new, name, getattr(old, name))


def steps(chosen: Sequence[Choice], model: nn.Module) -> tuple[Step, ...]:
    """The changes that make the choices true."""
    made: list[Step] = []
    slots: dict[nn.Module, list[Choice]] = {}
    owners: dict[nn.Module, list[Choice]] = {}
    for choice in chosen:
        if choice.new is not None and choice.how == "module":
            slots.setdefault(choice.new, []).append(choice)
        elif choice.new is not None and choice.call is not None:
            owners.setdefault(choice.call.place.owner, []).append(choice)
    path_of = {module: path for path, module in model.named_modules()}
    for new, group in slots.items():
        paths = tuple(dict.fromkeys(choice.site.path for choice in group))
        made.append(Replace(paths, group[0].site.module, new, home(model, paths[0])))
    for owner, group in owners.items():
        made.append(_redirect(path_of[owner], owner, group))
    taken = [choice.site.path for choice in chosen if choice.how == "module"]
    parents = [model.get_submodule(path.rpartition(".")[0]) for path in taken]
    for module in dict.fromkeys([*owners, *parents]):
        # torch's own encoder layer runs a fused kernel in evaluation that knows nothing of another bend.
        if getattr(module, "activation_relu_or_gelu", 0):
            made.append(Assign(path_of[module], "activation_relu_or_gelu", module.activation_relu_or_gelu, 0))
    return tuple(made)


def missed(finder: Finder) -> Iterator[Row]:
    """What may hold sites that were not seen: lines that were not reached, and modules that cannot be looked into."""
    path_of = {module: path for path, module in finder.model.named_modules()}
    for module, path in path_of.items():
        parent = finder.model.get_submodule(path.rpartition(".")[0])
        if isinstance(module, torch.jit.ScriptModule) and not isinstance(parent, torch.jit.ScriptModule):
            name = f"{module.original_name}, scripted"
            yield Row(None, path, "", name, reason="cannot be looked into: swap first, then script")
    for module, method, line in finder.missed():
        yield Row(None, path_of[module], f"{method}, line {line}", "", reason="names such a function; not reached")


def size(parameters: Iterable[nn.Parameter]) -> int:
    """How many numbers there are in `parameters`, each counted once."""
    return sum({id(p): p.numel() for p in parameters}.values())


def size_after(model: nn.Module, chosen: Sequence[Choice]) -> int:
    """How many numbers there will be in the parameters of `model`."""
    taken = [choice.site.path for choice in chosen if choice.how == "module"]
    modules = model.named_modules(remove_duplicate=False)
    kept = [m for path, m in modules if not any(path == t or path.startswith(f"{t}.") or not t for t in taken)]
    coming = [p for choice in chosen if choice.new is not None for p in choice.new.parameters()]
    return size([*coming, *(p for module in kept for p in module.parameters(recurse=False))])


def one_line(module: nn.Module) -> str:
    """The module as it prints, shortened to one line."""
    text = repr(module)
    return text if "\n" not in text else f"{type(module).__name__}(...)"


def _site(index: int, path: str, module: nn.Module | None, call: Call | None) -> Site:
    text, times = (call.place.text, call.times) if call else ("", 0)
    if module is not None:
        return Site(index, path, "module", one_line(module), type(module), text, times, module)
    assert call is not None
    assert not isinstance(call.subject, nn.Module)
    before = f"{spelling(call.subject)}({call.old.extra_repr()})"
    return Site(index, path, "call", before, type(call.old), text, times, call.place.owner)


def _alias(aliases: Sequence[str], owners: Sequence[str]) -> str:
    """That path of a shared module under which the module at one of the paths `owners` calls it."""
    inside = (alias for owner in owners for alias in aliases if not owner or alias.startswith(f"{owner}."))
    return next(inside, aliases[0])


def _fixed(module: nn.Module) -> str:
    """Why a module cannot be taken out; empty where it can."""
    if parametrize.is_parametrized(module):
        return "parametrized: remove its parametrizations first"
    if ".quantized" in type(module).__module__ or ".qat" in type(module).__module__:
        return "quantized: swap before quantizing"
    return ""


def _redirect(path: str, owner: nn.Module, group: Sequence[Choice]) -> Redirect:
    """The edit of one module that sends the calls of `group` to new children."""
    children: dict[str, nn.Module] = {}
    edits: list[editing.Edit] = []
    for choice in group:
        call, new = choice.call, choice.new
        assert call is not None
        assert new is not None
        names = (_name_in(owner, call.subject),) if isinstance(call.subject, nn.Module) else spellings(call.subject)
        numbered = (f"{names[0]}_{n}" for n in count(1))
        name = next(name for name in numbered if name not in children and not hasattr(owner, name))
        children[name] = new
        where = (call.place.holder, call.place.method, call.place.spot)
        edits.append(editing.Edit(*where, names, name, call.in_source, call.before_dot, call.everything))
    original, before = editing.made_of(type(owner))
    editing.edited(original, (*before, *edits))
    return Redirect(path, original, before, tuple(edits), children)


def _name_in(owner: nn.Module, module: nn.Module) -> str:
    return next(path.replace(".", "_") for path, child in owner.named_modules() if child is module)
