"""The arms of a comparison, and the network that they are put into."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import nn

from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations import bend as named_bend
from unbend.data import Dataset
from unbend.models import small_cnn, small_decoder, small_mlp
from unbend.study._match import Network
from unbend.study._spec import Arm
from unbend.study._user_model import ModelError, UserModel
from unbend.surgery import swap

Make = Callable[[], nn.Module]
Change = Callable[[nn.Module, Dataset], nn.Module]
Bends = Sequence[str] | Mapping[str, Make]
Settings = Mapping[str, Any]

DEFAULT_ARMS = ("relu", "gelu", "golu")


def default_network(make: Callable[..., nn.Module], data: Dataset, width: int) -> nn.Module:
    """The small network that suits the data: a decoder for text, a CNN for images, an MLP for the rest."""
    return _suited(data)(make, data, width)


def _suited(data: Dataset) -> Callable[..., nn.Module]:
    if data.task == "next-token":
        return small_decoder
    return small_cnn if len(data.shape) == 3 else small_mlp


@dataclass(frozen=True)
class Chosen:
    """The network of the user's that the arm names."""

    models: Mapping[str, UserModel]

    def __call__(self, make: Callable[..., str], data: Dataset, width: int) -> nn.Module:
        return self.models[make()](data, width)


@dataclass(frozen=True)
class Changed:
    """One network, changed by the arm; without a model of the user's, the default one with ReLU."""

    model: UserModel | None

    def __call__(self, make: Callable[..., Change], data: Dataset, width: int) -> nn.Module:
        if self.model is None:
            return make()(default_network(nn.ReLU, data, width), data)
        network = self.model(data, width)
        with torch.device("cpu"):
            return make()(network, data)


def arms_of(
    arms: Bends | None, models: Sequence[UserModel], swap: str | Mapping[str, Bends] | None, settings: dict[str, Any]
) -> tuple[Network, dict[str, Arm]]:
    """The network of the trial, and what the arms put into it."""
    if arms is not None and (models or swap):
        raise ArgumentError.of(
            "arms", ", ".join(arms), "none beside a model or a swap", "Say what to replace: --swap ReLU=gelu,golu"
        )
    if swap:
        if len(models) > 1:
            raise ArgumentError.of("model", ", ".join(m.name for m in models), "one, where something is swapped in it")
        old, bends = _rule(swap)
        model = models[0] if models else None
        return Changed(model), _swap_arms(old, bends, {**settings, **(model.identity if model else {})})
    if models:
        named = {model.name.rpartition(":")[2]: model for model in models}
        named = named if len(named) == len(models) else {model.name: model for model in models}
        if len(named) < 2:
            raise ArgumentError.of(
                "model", models[0].name, "two or more, or something to swap in it", "Say --swap ReLU=gelu"
            )
        return Chosen(named), _model_arms(named, settings)
    return default_network, _bend_arms(DEFAULT_ARMS if arms is None else arms, settings)


def _rule(swap: str | Mapping[str, Bends]) -> tuple[str, Bends]:
    if isinstance(swap, str):
        old, equals, new = (part.strip() for part in swap.partition("="))
        bends = [name.strip() for name in new.split(",") if name.strip()]
        if not (old and equals and bends):
            raise ArgumentError.of("swap", swap, "what goes = what comes, such as ReLU=gelu,golu")
        return old, bends
    if len(swap) != 1:
        raise ArgumentError.of("swap", ", ".join(swap), "one class to replace")
    return next(iter(swap.items()))


def _bend_arms(bends: Bends, settings: Settings) -> dict[str, Arm]:
    """An arm for each bend of a default network."""
    return {name: Arm(_bend, {"bend": bend, **settings}) for name, bend in _known(bends).items()}


def _swap_arms(old: str, bends: Bends, settings: Settings) -> dict[str, Arm]:
    """The network as given, called by the class `old`, and an arm for each bend in the place of that class."""
    first = old.rpartition(".")[2]
    if _is_torch(old):
        _torch_class(old)
    arms = {first: Arm(_as_given, settings)}
    for name, bend in _known(bends).items():
        if name == first:
            raise ArgumentError.of("swap", f"{old}={name}", "another bend in its place")
        arms[name] = Arm(_swapped, {"old": old, "bend": bend, **settings})
    return arms


def _model_arms(models: Mapping[str, UserModel], settings: Settings) -> dict[str, Arm]:
    """An arm for each network of the user's."""
    return {name: Arm(_model, {**settings, **m.identity, "model": name}) for name, m in models.items()}


# What the arms make. `settings` do nothing here: they are there to be part of the cell's key.


def _bend(bend: str | Make, **settings: object) -> nn.Module:
    return named_bend(bend) if isinstance(bend, str) and not _is_torch(bend) else _comes(bend)()


def _model(model: str, **settings: object) -> str:
    return model


def _as_given(**settings: object) -> Change:
    return lambda network, data: network


def _swapped(old: str, bend: str | Make, **settings: object) -> Change:
    return partial(_put, old, bend)


def _put(old: str, bend: str | Make, network: nn.Module, data: Dataset) -> nn.Module:
    example = data.train[0][:1]
    if any(parameter.is_meta for parameter in network.parameters()):
        example = example.to("meta")
    changed, account = swap(network, {_goes(old): _comes(bend)}, example=example)
    left = [row for row in account.rows if row.status == "skipped" and row.index is not None]
    if left:
        raise ModelError(f"swap: {left[0].before} at {left[0].path or 'the root'} was not swapped: {left[0].reason}")
    if not account.swapped:
        kinds = sorted({type(module).__name__ for module in network.modules() if not list(module.children())})
        raise ModelError(f"swap: got a network without {old}; expected one of what it has: {', '.join(kinds)}")
    return changed


def _known(bends: Bends) -> dict[str, str | Make]:
    """Each bend by the name of its arm; a name that nothing answers to is refused here, before anything runs."""
    if isinstance(bends, Mapping):
        return dict(bends)
    for name in bends:
        _bend(name)
        if list(bends).count(name) > 1:
            raise ArgumentError.of("arms", ", ".join(bends), f"each once; {name} is there twice")
    return {name: name for name in bends}


def _comes(bend: str | Make) -> Any:
    """What `swap` puts in: a class of `torch.nn`, a name of the catalogue, or what makes it."""
    return _torch_class(bend) if isinstance(bend, str) and _is_torch(bend) else bend


def _goes(old: str) -> Any:
    """What `swap` takes out: a class of `torch.nn`, a class by its dotted name, or the name of a class of the model."""
    short = old.rpartition(".")[2]
    if _is_torch(old) or (short == old and hasattr(nn, old)):
        return _torch_class(short)
    if short == old:
        return old
    return getattr(import_module(old.rpartition(".")[0]), short)


def _is_torch(name: str) -> bool:
    return name.startswith(("torch.nn.", "nn."))


def _torch_class(name: str) -> type[nn.Module]:
    found = getattr(nn, name.rpartition(".")[2], None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        classes = [name for name, value in vars(nn).items() if isinstance(value, type) and issubclass(value, nn.Module)]
        raise UnknownNameError.of("class of torch.nn", name.rpartition(".")[2], classes)
    return found


def describe(network: Network, data: Dataset) -> str:
    """What the network of a comparison is called in its plan."""
    if isinstance(network, Chosen):
        return "each arm its own"
    if isinstance(network, Changed) and network.model:
        return network.model.name
    return f"{_suited(data).__name__}, the default for such data"
