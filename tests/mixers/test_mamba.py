"""Mamba and its arm without selection: reference, closed forms, chunks, padding, decoding, lengths."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from unbend.kernels._scan import selective_scan
from unbend.mixers import Mamba, S4DReal, selective_scan_fn

DOUBLE = torch.float64


def made(**options: object) -> Mamba:
    torch.manual_seed(0)
    return Mamba(12, 4, **{"dtype": DOUBLE, **options})


@pytest.mark.parametrize("t", [1, 7, 63])
def test_block_is_its_reference(t) -> None:
    layer, x = made(), torch.randn(2, t, 12, dtype=DOUBLE)
    u, z = layer.in_proj(x).chunk(2, -1)
    kernel, bias = layer.conv1d.weight, layer.conv1d.bias
    v = F.silu(F.conv1d(u.transpose(1, 2), kernel, bias, padding=3, groups=24)[..., :t].transpose(1, 2))
    r, b, c = layer.x_proj(v).split((1, 4, 4), -1)
    y, _ = selective_scan_fn(v, F.softplus(layer.dt_proj(r)), -layer.A_log.exp(), b, c, layer.D, z)
    torch.testing.assert_close(layer(x), layer.out_proj(y))
    plain = made(path="plain")
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(plain(x), layer(x))


@pytest.mark.parametrize("t", [1, 7, 63, 1000, 4097])
def test_gradients_of_single_precision_follow_double(t) -> None:
    layer, x = made(), torch.randn(1, t, 12, dtype=DOUBLE, requires_grad=True)
    weight = torch.randn(1, t, 12, dtype=DOUBLE)
    exact = torch.autograd.grad(layer(x), (x, *layer.parameters()), weight)
    single, z = made(dtype=torch.float32), x.detach().float().requires_grad_()
    single.load_state_dict(layer.state_dict())
    found = torch.autograd.grad(single(z), (z, *single.parameters()), weight.float())
    for one, other in zip(found, exact, strict=True):
        assert float((one.double() - other).abs().max()) <= 2e-5 * float(other.abs().max())


def test_constant_steps_and_weights_are_a_convolution() -> None:
    n, t, step = 3, 40, 0.3
    u, a = torch.randn(1, t, 2, dtype=DOUBLE), -torch.rand(2, n, dtype=DOUBLE)
    b, c = torch.randn(2, n, dtype=DOUBLE)
    y, _ = selective_scan(u, torch.full_like(u, step), a, b.expand(1, t, n), c.expand(1, t, n))
    lags = torch.arange(t, dtype=DOUBLE)
    kernel = step * (c * b * (step * a[:, None] * lags[:, None]).exp()).sum(-1)
    expected = F.conv1d(u.transpose(1, 2), kernel.flip(1)[:, None], padding=t - 1, groups=2)[..., :t]
    torch.testing.assert_close(y, expected.transpose(1, 2))


def test_one_state_is_a_leaky_integrator() -> None:
    one, step = torch.ones(1, 30, 1, dtype=DOUBLE), 0.2
    y, _ = selective_scan(one, step * one, -one[0, :1], one, one)
    t = torch.arange(1, 31, dtype=DOUBLE)
    expected = step * (1 - (-step * t).exp()) / (1 - math.exp(-step))
    torch.testing.assert_close(y[0, :, 0], expected)


def test_without_selection_it_is_a_convolution_by_a_sum_of_exponentials() -> None:
    layer, x = S4DReal(3, 4, chunk=8, dtype=DOUBLE), torch.randn(2, 37, 3, dtype=DOUBLE)
    rates, step = -layer.log_rates.exp(), layer.log_steps.exp()[:, None]
    weight = layer.read * (step * rates).expm1() / rates
    lags = torch.arange(37, dtype=DOUBLE)
    kernel = (weight[:, None] * (step * rates)[:, None].mul(lags[:, None]).exp()).sum(-1)
    expected = F.conv1d(x.transpose(1, 2), kernel.flip(1)[:, None], padding=36, groups=3)[..., :37].transpose(1, 2)
    torch.testing.assert_close(layer(x), expected + layer.skip * x)
    shifted = torch.cat((torch.zeros(2, 5, 3, dtype=DOUBLE), x), 1)
    torch.testing.assert_close(layer(shifted)[:, 5:], layer(x))


LAYERS = {
    "mamba": lambda **more: made(**more),
    "unselective": lambda **more: made(selective=False, **more),
    "s4d": lambda **more: S4DReal(12, 4, chunk=8, **{"dtype": DOUBLE, **more}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_chunks_and_steps_go_on_where_the_last_ended(name) -> None:
    layer, x = LAYERS[name](), torch.randn(2, 99, 12, dtype=DOUBLE)
    whole, end = layer.advance(x, layer.init_state(2))
    for cuts in ([1, 98], [7, 1, 91], [50, 49], [0, 64, 35]):
        state, outputs = layer.init_state(2), []
        for part in x.split(cuts, 1):
            y, state = layer.advance(part, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), whole)
        torch.testing.assert_close(state, end)
    _, state = layer.advance(x[:, :98], layer.init_state(2))
    y, state = layer.step(x[:, 98], state)
    torch.testing.assert_close(y, whole[:, 98])
    torch.testing.assert_close(state, end)


@pytest.mark.parametrize("name", LAYERS)
def test_padding_on_either_side_is_a_shorter_sequence(name) -> None:
    layer, x = LAYERS[name](), torch.randn(2, 43, 12, dtype=DOUBLE)
    real = torch.zeros(2, 43, dtype=torch.bool)
    real[0, 20:], real[1, :23] = True, True
    y = layer(torch.where(real[..., None], x, torch.nan), real)
    torch.testing.assert_close(y[0, 20:], layer(x[:1, 20:])[0])
    torch.testing.assert_close(y[1, :23], layer(x[1:, :23])[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_hundred_thousand_tokens_are_finite(dtype) -> None:
    for name in ("mamba", "s4d"):
        layer = Mamba(4, 2, dtype=dtype) if name == "mamba" else S4DReal(4, 2, dtype=dtype)
        x = torch.randn(1, 100_000, 4).to(dtype).requires_grad_()
        y = layer(x)
        found = torch.autograd.grad(y.float().square().mean(), (x, *layer.parameters()))
        assert all(bool(part.isfinite().all()) for part in (y, *found))


def test_first_step_sizes_lie_between_their_bounds() -> None:
    layer = made(steps=(1e-2, 0.5))
    delta: Tensor = F.softplus(layer.dt_proj.bias.detach())
    assert float(delta.min()) >= 1e-2 * (1 - 1e-6)
    assert float(delta.max()) <= 0.5 * (1 + 1e-6)
    torch.testing.assert_close(layer.A_log.exp(), torch.arange(1, 5, dtype=DOUBLE).expand(24, -1), rtol=1e-6, atol=0)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="path: got scan; expected one of compiled, plain"):
        made(path="scan")
    with pytest.raises(ValueError, match="steps: got"):
        made(steps=(0.1, 0.01))
    with pytest.raises(ValueError, match="rank: got 0"):
        made(rank=0)
