"""Based and ReBased: their kernels, least weights, and three forms that are one."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.mixers import BasedAttention, ReBasedAttention, ReBasedFeatureMap, TaylorFeatureMap

DOUBLE = torch.float64


def heads(x: Tensor, weight: Tensor, h: int) -> Tensor:
    return F.linear(x, weight).unflatten(-1, (h, -1)).transpose(1, 2)


def quadratic(layer: BasedAttention | ReBasedAttention, x: Tensor) -> Tensor:
    """All pairs by the formula of the paper, without features."""
    h, f = layer.heads, layer.to_qk.out_features // layer.heads // 2
    q, k = layer.to_qk(x).chunk(2, -1)
    if isinstance(layer, ReBasedAttention):
        q, k = (F.layer_norm(z, [h * f]) * phi.gamma + phi.beta for z, phi in ((q, layer.phi_q), (k, layer.phi_k)))
    q, k = (z.unflatten(-1, (h, f)).transpose(1, 2) for z in (q, k))
    s = q @ k.transpose(2, 3)
    weights = s**2 / f if isinstance(layer, ReBasedAttention) else 1 + s / f**0.5 + s**2 / (2 * f)
    weights = weights.tril() if layer.causal else weights
    y = weights / (weights.sum(-1, keepdim=True) + 1e-12) @ heads(x, layer.to_v.weight, h)
    return layer.out(y.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("kind", [BasedAttention, ReBasedAttention])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (DOUBLE, 1e-12)], ids=str)
def test_parallel_recurrent_and_quadratic_forms_are_one(kind, causal, dtype, tolerance) -> None:
    layer = kind(8, heads=2, feature_dim=5, causal=causal, dtype=dtype)
    for p in layer.parameters():
        torch.nn.init.normal_(p, std=0.5)
    x = torch.randn(2, 70, 8, dtype=dtype)
    y = layer(x)
    torch.testing.assert_close(quadratic(layer, x), y, rtol=0, atol=tolerance * float(y.detach().abs().max()))
    if causal:
        state, outputs = layer.init_state(2), []
        for token in x.unbind(1):
            out, state = layer.step(token, state)
            outputs.append(out)
        torch.testing.assert_close(torch.stack(outputs, 1), y, rtol=0, atol=tolerance * float(y.abs().max()))


def test_a_map_that_only_squares_gives_squares_of_products() -> None:
    phi = ReBasedFeatureMap(4, dtype=DOUBLE)
    x = torch.randn(2, 4, dtype=DOUBLE)
    q, k = F.layer_norm(x, [4])
    torch.testing.assert_close((phi(x)[0] * phi(x)[1]).sum(), (q @ k) ** 2 / 4)


def test_the_scope_of_the_norm() -> None:
    x = torch.randn(7, 6, dtype=DOUBLE)
    joint = ReBasedFeatureMap(3, heads=2, dtype=DOUBLE)(x)
    single = ReBasedFeatureMap(3, heads=2, norm_scope="head", dtype=DOUBLE)(x)
    torch.testing.assert_close(single[:, 1:], ReBasedFeatureMap(3, dtype=DOUBLE)(x[:, 3:]))
    assert not torch.allclose(joint, single)


def test_the_least_weights() -> None:
    q = torch.zeros(1, 4, dtype=DOUBLE)
    q[0, 0] = 2.0
    s = torch.linspace(-4, 2, 601, dtype=DOUBLE)[:, None]
    taylor = TaylorFeatureMap(4)
    weights = taylor(s * F.pad(torch.ones(1, 1, dtype=DOUBLE), (0, 3))) @ taylor(q)[0]
    torch.testing.assert_close(weights, (1 + s + s**2 / 2)[:, 0])
    assert float(weights.min()) == pytest.approx(0.5)
    assert float(s[weights.argmin()]) == pytest.approx(-1)
    phi = ReBasedFeatureMap(4, dtype=DOUBLE)
    right, angle = torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1]], dtype=DOUBLE)
    assert float((phi(right) * phi(angle)).sum()) == pytest.approx(0, abs=1e-15)
    assert float((phi(torch.randn(100, 4, dtype=DOUBLE)) @ phi(q)[0].T).min()) >= -1e-12


@pytest.mark.parametrize("kind", [BasedAttention, ReBasedAttention])
def test_the_first_output_is_the_first_value(kind) -> None:
    layer = kind(8, heads=2, dtype=DOUBLE)
    x = torch.randn(2, 3, 8, dtype=DOUBLE)
    torch.testing.assert_close(layer(x)[:, 0], layer.out(layer.to_v(x[:, 0])))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"norm_scope: got heads.*Did you mean 'head'"):
        ReBasedAttention(8, norm_scope="heads")
    with pytest.raises(ArgumentError, match="dim: got 0"):
        BasedAttention(8, feature_dim=0)
