"""What a rule means: which modules and calls it is about, and what takes their place."""

import copy
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from torch import Tensor, nn

from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations import bend
from unbend.surgery._family_base import FAMILIES, FAMILY_OF, Family, Function, spelling

Key = type[nn.Module] | nn.Module | Function | str
Value = type[nn.Module] | nn.Module | Callable[..., Any] | str


class Rules:
    """The rules of one swap, checked, with the most specific first."""

    def __init__(self, rules: Any, model: nn.Module) -> None:
        if not isinstance(rules, Mapping) or not rules:
            raise ArgumentError.of("rules", rules, "a mapping {what goes: what comes}, such as {nn.GELU: nn.SiLU}")
        classes = {type(module).__name__ for module in model.modules()}
        self.rules = {_key(key, classes): _value(value) for key, value in rules.items()}
        self.functions: set[Function] = set()
        for key in self.rules:
            self.functions |= set(_functions(key))

    def match(self, old: nn.Module, function: Function | None = None) -> Key | None:
        """The rule for a module, or for a call of `function` that computes what the module `old` does."""
        found = [key for key in self.rules if _matches(key, old, function)]
        return min(found, key=lambda key: _distance(key, old), default=None)

    def build(self, key: Key, old: nn.Module) -> nn.Module | None:
        """The module that takes the place of `old`; None where the rule hands `old` back."""
        value = self.rules[key]
        if isinstance(value, nn.Module):
            return copy.deepcopy(value)
        if isinstance(value, str | type):
            make = partial(bend, value) if isinstance(value, str) else cast("type[nn.Module]", value)
            new = make(**_arguments(type(bend(value)) if isinstance(value, str) else value, old))
            _hand_on(old, new)
            return new
        takes_old = any(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in _parameters(value))
        new = value(old) if takes_old else value()
        if new is old or new is None:
            return None
        if not isinstance(new, nn.Module):
            raise ArgumentError.of(
                f"rules[{rule_name(key)}]", f"a {type(new).__name__}", "a function that returns a module"
            )
        return new


def _key(key: Any, classes: set[str]) -> Key:
    if isinstance(key, str):
        if _family(key) is None and key not in classes:
            raise UnknownNameError.of("bend or class of the model", key, [*FAMILIES, *classes])
        return key
    if isinstance(key, nn.Module) or (isinstance(key, type) and issubclass(key, nn.Module)):
        return key
    if callable(key) and (key in FAMILY_OF or _is_torch_function(key)):
        return key
    raise ArgumentError.of(
        "rules", f"the key {key!r}", "a module class, a module, a torch function or a name",
        "Calls of a function of your own cannot be seen: make it a module",
    )  # fmt: skip


def _is_torch_function(key: Any) -> bool:
    return (getattr(key, "__module__", None) or "torch").split(".")[0] == "torch" or hasattr(key, "__objclass__")


def _value(value: Any) -> Any:
    if isinstance(value, str):
        bend(value)
        return value
    if isinstance(value, nn.Module) or (isinstance(value, type) and issubclass(value, nn.Module)):
        return value
    if not isinstance(value, type) and value in FAMILY_OF:
        return FAMILY_OF[value].module
    if not callable(value) or isinstance(value, type) or _is_builtin(value):
        raise ArgumentError.of("rules", f"the value {value!r}", "a module class, a module, or a function old -> new")
    return value


def _is_builtin(value: Any) -> bool:
    return inspect.isbuiltin(value) or hasattr(value, "__objclass__")


def _functions(key: Key) -> tuple[Function, ...]:
    """The functions whose calls a rule is about."""
    if isinstance(key, str):
        family = _family(key)
        return family.functions() if family else ()
    if isinstance(key, nn.Module):
        key = type(key)
    if isinstance(key, type):
        return next((family.functions() for family in FAMILIES.values() if family.module is key), ())
    return FAMILY_OF[key].functions() if key in FAMILY_OF else (key,)


def _matches(key: Key, old: nn.Module, function: Function | None) -> bool:
    if function is not None and function not in _functions(key):
        return False
    if isinstance(key, str):
        family = _family(key)
        return (
            function is not None or key == type(old).__name__ or (family is not None and isinstance(old, family.module))
        )
    if isinstance(key, nn.Module):
        return type(old) is type(key) and old.extra_repr() == key.extra_repr()
    if isinstance(key, type):
        return function is not None or isinstance(old, key)
    return function is not None


def _family(name: str) -> Family | None:
    return next((family for family in FAMILIES.values() if name in (family.name, family.module.__name__)), None)


def _distance(key: Key, old: nn.Module) -> int:
    """How far a rule is from `old`: itself, the function, its class, a base class, a name."""
    if isinstance(key, nn.Module):
        return -2
    if isinstance(key, str):
        return 1000
    if not isinstance(key, type):
        return -1
    mro = type(old).__mro__
    return mro.index(key) if key in mro else 0


# What other libraries call the same argument.
_SYNONYMS = {"channels": "num_parameters", "num_parameters": "channels"}


def _arguments(cls: type, old: nn.Module) -> dict[str, Any]:
    """Those arguments of `cls` that `old` has as attributes.

    All of them where `old` has learned parameters to hand on, so that their shapes agree; else its axis `dim`, and what
    has no default.
    """
    learned = next(iter(old.parameters()), None) is not None
    arguments: dict[str, Any] = {}
    for parameter in _parameters(cls):
        name, needed = parameter.name, parameter.default is parameter.empty
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or name in ("device", "dtype", "name"):
            continue
        if not (learned or needed or (name == "dim" and getattr(old, name, None) is not None)):
            continue
        value = next((getattr(old, n) for n in (name, _SYNONYMS.get(name, name)) if hasattr(old, n)), parameter.empty)
        if isinstance(parameter.default, bool) and (value is None or isinstance(value, Tensor)):
            arguments[name] = value is not None
        elif value is not parameter.empty and not isinstance(value, Tensor | nn.Module):
            arguments[name] = value
        elif needed:
            got, remedy = f"{cls.__name__}, which needs {name!r}", f"Give lambda old: {cls.__name__}(...)"
            raise ArgumentError.of(f"rules[{type(old).__name__}]", got, "a class that its old module can fill", remedy)
    return arguments


def _hand_on(old: nn.Module, new: nn.Module) -> None:
    """Give `new` those parameters and buffers of `old` that have the same name and shape: the same objects."""
    own = {**dict(new.named_parameters(recurse=False)), **dict(new.named_buffers(recurse=False))}
    for name, tensor in (*old.named_parameters(recurse=False), *old.named_buffers(recurse=False)):
        if name in own and own[name].shape == tensor.shape and type(own[name]) is type(tensor):
            setattr(new, name, tensor)


def _parameters(value: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return []


def rule_name(key: Key) -> str:
    """How the left side of a rule reads."""
    if isinstance(key, type):
        return key.__name__
    return repr(key) if isinstance(key, nn.Module | str) else spelling(key)
