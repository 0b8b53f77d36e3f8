"""EvoNorm: each formula written out, what it forgets, and what it remembers."""

import pytest
import torch
from hypothesis import given, strategies as st

from unbend._errors import ArgumentError
from unbend.activations import EvoNorm, evonorm

KINDS = ["B0", "B1", "B2", "S0", "S1", "S2"]


def maps(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.3


def made(kind: str, channels: int = 6, **more) -> EvoNorm:
    layer = EvoNorm(channels, kind, groups=3, dtype=torch.float64, **more)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(0.5 + torch.arange(channels) / channels)
    return layer


def written_out(kind: str, layer: EvoNorm, x: torch.Tensor) -> torch.Tensor:
    """The formulas of the paper, channel by channel of every example."""
    y = torch.empty_like(x)
    size = x.shape[1] // layer.groups
    for n in range(len(x)):
        for c in range(x.shape[1]):
            group = x[n, c // size * size : (c // size + 1) * size]
            v = layer.v[c] if layer.v is not None else 1
            y[n, c] = bent(kind, x[n, c], group, x[:, c], v, layer.eps) * layer.weight[c] + layer.bias[c]
    return y


def bent(kind: str, x, group, batch, v, eps: float) -> torch.Tensor:
    def std(t: torch.Tensor) -> torch.Tensor:
        return (t.var(correction=0) + eps).sqrt()

    def rms(t: torch.Tensor) -> torch.Tensor:
        return (t.square().mean() + eps).sqrt()

    match kind:
        case "B0":
            return x / torch.maximum(std(batch), v * x + std(x))
        case "B1":
            return x / torch.maximum(std(batch), (x + 1) * rms(x))
        case "B2":
            return x / torch.maximum(std(batch), rms(x) - x)
        case "S0":
            return x * (v * x).sigmoid() / std(group)
        case "S1":
            return x * x.sigmoid() / std(group)
        case _:
            return x * x.sigmoid() / rms(group)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 6, 3, 4), (4, 6, 7), (3, 6, 2, 3, 2)])
def test_formulas_of_the_paper(kind: str, shape: tuple[int, ...]) -> None:
    layer, x = made(kind), maps(*shape)
    torch.testing.assert_close(layer(x), written_out(kind, layer, x), rtol=1e-12, atol=1e-12)


def test_without_gate_s0_is_half_the_normalised_input() -> None:
    x, one, zero = maps(2, 4, 5, 5), torch.ones(4).double(), torch.zeros(4).double()
    y = evonorm(x, "S0", one, zero, zero, groups=2, eps=1e-30)
    std = x.view(2, 2, -1).std(-1, correction=0).repeat_interleave(2, 1)[..., None, None]
    torch.testing.assert_close(y, x / (2 * std))


@given(scale=st.floats(1e-3, 1e3))
def test_scale_is_forgotten(scale: float) -> None:
    x, one, zero = maps(2, 4, 5, 5), torch.ones(4).double(), torch.zeros(4).double()
    for kind, v in (("S0", zero), ("B0", one)):
        first, second = (evonorm(k * x, kind, one, zero, v, groups=2, eps=1e-30) for k in (1, scale))
        torch.testing.assert_close(first, second)


def test_without_gate_one_image_meets_the_larger_spread() -> None:
    x, one, zero = maps(1, 4, 5, 5), torch.ones(4).double(), torch.zeros(4).double()
    var = torch.tensor([0.1, 0.5, 2.0, 9.0]).double()
    y = evonorm(x, "B0", one, zero, zero, batch_var=var, eps=1e-30)
    spread = torch.maximum(var.sqrt(), x[0].flatten(1).std(1, correction=0))
    torch.testing.assert_close(y, x / spread[:, None, None])


@pytest.mark.parametrize("kind", ["S0", "S1", "S2"])
def test_sample_kinds_do_not_see_the_batch(kind: str) -> None:
    layer, x = made(kind), maps(4, 6, 5)
    torch.testing.assert_close(layer(x)[:1], layer(x[:1]), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(layer.eval()(x), layer.train()(x))
    assert layer.running_var is None


@pytest.mark.parametrize("kind", ["B0", "B1", "B2"])
def test_batch_kinds_remember_the_variance(kind: str) -> None:
    layer, x = made(kind, momentum=0.25), maps(4, 6, 5)
    layer(x)
    torch.testing.assert_close(layer.running_var, 0.75 + 0.25 * x.var((0, 2), correction=0))
    kept = layer.running_var.clone()
    layer.eval()(100 * x)
    layer.train()(x[:0])
    assert torch.equal(layer.running_var, kept), "neither evaluation nor an empty batch moves it"
    of_batch = evonorm(x, kind, layer.weight, layer.bias, layer.v, batch_var=kept)
    torch.testing.assert_close(layer.eval()(x), of_batch)


@pytest.mark.parametrize("kind", ["B0", "S0"])
def test_variance_survives_a_large_mean(kind: str) -> None:
    layer, x = made(kind), maps(8, 6, 9, 9) + 1e3
    torch.testing.assert_close(made(kind).float()(x.float()).double(), layer(x.float().double()), rtol=1e-4, atol=0)


@pytest.mark.parametrize(("channels", "groups", "taken"), [(64, 32, 32), (48, 32, 24), (7, 32, 7), (10, 4, 2)])
def test_groups_are_lowered_to_a_divisor(channels: int, groups: int, taken: int) -> None:
    assert EvoNorm(channels, groups=groups).groups == taken


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"kind: got B3; expected one of B0"):
        EvoNorm(4, "B3")
    with pytest.raises(ArgumentError, match=r"input: got shape \(2, 5, 3\); expected \(b, 4, \*\)"):
        EvoNorm(4)(torch.zeros(2, 5, 3))
    with pytest.raises(ArgumentError, match="eps"):
        EvoNorm(4, eps=0.0)
