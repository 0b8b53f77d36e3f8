"""Bends by name."""

import pytest
import torch

import unbend
from unbend._errors import ArgumentError, UnknownNameError
from unbend.activations import GELU, GatedForm, GELUTanh, GoLU, PReLU, Swish, catalogue
from unbend.activations._names import names, plain


@pytest.mark.parametrize(
    ("name", "cls"),
    [("golu", GoLU), ("GoLU", GoLU), ("GELU", GELU), ("gelu-tanh", GELUTanh), ("swish", Swish), ("gelu_new", GELUTanh)],
)
def test_case_and_hyphens_do_not_count(name: str, cls: type) -> None:
    assert type(unbend.bend(name)) is cls


def test_arguments_are_passed_on() -> None:
    assert repr(unbend.bend("golu", gamma=2.0)) == "GoLU(gamma=2.0)"
    assert isinstance(prelu := unbend.bend("prelu", channels=64), PReLU)
    assert prelu.weight.shape == (64,)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown bend 'gollu'; did you mean golu"):
        unbend.bend("gollu")
    with pytest.raises(ArgumentError, match="gama"):
        unbend.bend("golu", gama=2.0)


@pytest.mark.parametrize(
    "name", ["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "silu", "swish", "relu", "prelu"]
)
def test_names_of_transformers_mean_the_same_function(name: str) -> None:
    activations = pytest.importorskip("transformers.activations")
    x = torch.linspace(-6, 6, 101)
    torch.testing.assert_close(unbend.bend(name)(x), activations.ACT2FN[name](x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", [torch.nn.GELU, torch.nn.SiLU, torch.nn.ReLU, torch.nn.PReLU])
def test_names_of_torch_mean_the_same_function(cls: type) -> None:
    x = torch.linspace(-6, 6, 101)
    torch.testing.assert_close(unbend.bend(cls.__name__)(x), cls()(x))


def test_modules_that_are_no_bends_are_found_by_their_aliases() -> None:
    for made in names().values():
        assert isinstance(made, str) or issubclass(made, torch.nn.Module)
    assert isinstance(unbend.bend("reglu"), GatedForm)
    with pytest.raises(UnknownNameError):
        unbend.bend("KANLayer")


def test_every_entry_of_the_catalogue_but_the_vectors_has_a_name() -> None:
    missing = [e.name for e in catalogue().values() if e.kind != "vector" and plain(e.name) not in names()]
    assert not missing
