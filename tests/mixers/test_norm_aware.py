"""Norm-aware linear attention: signs, lengths, and what the length of a query does to its weights."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.mixers import NormAwareLinearAttention, focused_map, norm_power_map

DOUBLE = torch.float64


def entropy(weights: Tensor) -> Tensor:
    shares = weights / weights.sum(-1, keepdim=True)
    return torch.special.entr(shares).sum(-1)


def test_the_features_are_split_by_sign() -> None:
    x = torch.randn(30, 6, dtype=DOUBLE)
    phi = norm_power_map(x)
    assert bool((phi >= 0).all())
    torch.testing.assert_close(norm_power_map(-x), phi.roll(6, -1))
    r = x.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(phi[:, :6] + phi[:, 6:], (x / r).abs() ** (3 * (0.5 + r.tanh())))
    assert torch.equal(norm_power_map(torch.zeros(2, 3)), torch.zeros(2, 6))


def test_a_longer_query_has_weights_of_lower_entropy() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(40, 8, dtype=DOUBLE), torch.randn(100, 8, dtype=DOUBLE)
    cubes = torch.cat(((k**3).relu(), (-(k**3)).relu()), -1)
    q = q / q.norm(dim=-1, keepdim=True)
    lengths = (0.1, 0.3, 1.0, 3.0)
    aware = torch.stack([entropy(norm_power_map(size * q) @ cubes.T) for size in lengths])
    assert bool((aware.diff(dim=0).mean(1) < -0.01).all())
    for features in (F.relu, lambda z: focused_map(z.relu())):
        plain = torch.stack([entropy(features(size * q) @ k.relu().T) for size in lengths])
        torch.testing.assert_close(plain, plain[:1].expand_as(plain))


def test_the_layer_is_its_formula() -> None:
    layer = NormAwareLinearAttention(8, (3, 4), heads=1, dtype=DOUBLE)
    x = torch.randn(2, 12, 8, dtype=DOUBLE)
    q, k, v, g = layer.to_qkvg(x).chunk(4, -1)
    q, k = norm_power_map(q), torch.cat(((k**3).relu(), (-(k**3)).relu()), -1)
    z = torch.zeros(2, 12, 8, dtype=DOUBLE)
    for i in range(12):
        for j in range(12):
            z[:, i] += (turned(q[:, i], i) * turned(k[:, j], j)).sum(-1, keepdim=True) * v[:, j]
    z = z / (q @ k.sum(1)[..., None] + 12e-6)
    local = F.conv2d(
        v.transpose(1, 2).unflatten(2, (3, 4)), layer.convolution.weight, layer.convolution.bias, 1, 2, 1, 8
    )
    y = layer.norm(z + local.flatten(2).transpose(1, 2)) * F.silu(g)
    torch.testing.assert_close(layer(x), layer.out(y), rtol=1e-6, atol=1e-6)


def turned(features: Tensor, place: int) -> Tensor:
    """Two halves of eight; in each, pairs 0 and 1 turn with the row, 2 and 3 with the column."""
    features = features.clone()
    row, column = divmod(place, 4)
    for half in (0, 8):
        for pair, by in enumerate((row * 1.0, row * 1e-4, column * 1.0, column * 1e-4)):
            at, angle = half + 2 * pair, torch.tensor(by, dtype=DOUBLE)
            a, b = features[..., at].clone(), features[..., at + 1].clone()
            features[..., at] = a * angle.cos() - b * angle.sin()
            features[..., at + 1] = b * angle.cos() + a * angle.sin()
    return features


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="dim: got 8; expected a multiple of four times heads=4"):
        NormAwareLinearAttention(8, (3, 5))
