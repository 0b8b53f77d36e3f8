"""The door to timm: its registry gets to know our networks."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from torch import nn

from unbend._errors import ArgumentError, extra
from unbend._rooms import exports

# timm reads the settings of a model from this attribute of the module in which its constructor is defined.
default_cfgs: dict[str, dict[str, Any]] = {}
_entries: dict[str, Callable[..., nn.Module]] = {}


def register_timm(prefix: str = "") -> list[str]:
    """Make `timm` know the networks of this room, by their own names.

    Afterwards `timm.create_model("lambda_resnet50", features_only=True, in_chans=1, out_indices=(2, 4))` and the rest
    of timm's machinery work on them. There are no pretrained weights. Needs the `vision` extra.

    Args:
        prefix: put before every name, should timm already have one of them.

    Returns:
        The registered names. Calling it again gives the same and changes nothing.

    Raises:
        ArgumentError: timm has a model of that name that is not ours; then none is registered.
    """
    timm = extra("timm.models", "vision")
    files = _files()
    named = {prefix + name: build for file in files for name, build in file.BACKBONES.items()}
    taken = [name for name in named if timm.is_model(name) and timm.model_entrypoint(name) is not _entries.get(name)]
    if taken:
        raise ArgumentError.of("prefix", prefix, "names that timm does not have", f"It has {', '.join(taken)}.")
    for file in files:
        for leaf in file.BACKBONE_LEAVES:
            timm.register_notrace_module(leaf)
        for name in (prefix + own for own in file.BACKBONES):
            if name not in _entries:
                default_cfgs[name] = _settings() | file.BACKBONE_SETTINGS
                _entries[name] = timm.register_model(_entry(name, named[name], timm.build_model_with_cfg))
    return list(named)


def _files() -> list[ModuleType]:
    """The files of this room that declare backbones."""
    stems = sorted({export.path.stem for export in exports("models").values()})
    files = [import_module(f"unbend.models.{stem}") for stem in stems]
    return [file for file in files if hasattr(file, "BACKBONES")]


def _settings() -> dict[str, Any]:
    constants = extra("timm.data.constants", "vision")
    return {
        "url": "",
        "num_classes": 1000,
        "input_size": (3, 224, 224),
        "pool_size": (7, 7),
        "crop_pct": 0.875,
        "interpolation": "bicubic",
        "mean": constants.IMAGENET_DEFAULT_MEAN,
        "std": constants.IMAGENET_DEFAULT_STD,
        "license": "apache-2.0",
    }


def _entry(name: str, build: Callable[..., nn.Module], build_model_with_cfg: Callable[..., Any]) -> Callable[..., Any]:
    def create(pretrained: bool = False, **options: Any) -> Any:
        return build_model_with_cfg(build, name, pretrained, **options)

    create.__name__ = create.__qualname__ = name  # the name that timm registers
    return create
