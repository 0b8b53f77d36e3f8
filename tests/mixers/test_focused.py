"""Focused linear attention: its map, its rank, and the formula."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.mixers import FocusedLinearAttention, focused_map

DOUBLE = torch.float64


def angle(a: Tensor, b: Tensor) -> Tensor:
    return F.cosine_similarity(a, b, -1).clamp(-1, 1).arccos()


def test_the_map_keeps_lengths_and_finds_the_largest_entry() -> None:
    x = torch.rand(50, 6, dtype=DOUBLE)
    for power in (0.5, 1.0, 3.0, 8.0):
        torch.testing.assert_close(focused_map(x, power).norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(focused_map(x, 1.0), x)
    one_hot = F.one_hot(x.argmax(-1), 6) * x.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(focused_map(x, 1e5), one_hot)
    torch.testing.assert_close(focused_map(x, 3.0), x**3 * (x.norm(dim=-1) / (x**3).norm(dim=-1))[:, None])
    assert torch.equal(focused_map(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_vectors_of_one_largest_entry_draw_together_and_others_apart() -> None:
    q, k = torch.rand(2, 2000, 4, dtype=DOUBLE).unbind(0)
    same = q.argmax(-1) == k.argmax(-1)
    change = angle(focused_map(q, 8.0), focused_map(k, 8.0)) - angle(q, k)
    assert float(change[same].mean()) < -0.05
    assert float(change[~same].mean()) > 0.05


@pytest.mark.parametrize("scope", ["all", "head"])
def test_the_layer_is_its_formula(scope) -> None:
    layer = FocusedLinearAttention(6, (3, 4), heads=2, norm_scope=scope, dtype=DOUBLE)
    torch.nn.init.normal_(layer.places)
    torch.nn.init.normal_(layer.scale)
    x = torch.randn(2, 12, 6, dtype=DOUBLE)
    q, k, v = layer.to_qkv(x).chunk(3, -1)
    q, k = ((z.relu() + 1e-6) / F.softplus(layer.scale) for z in (q, k + layer.places))
    cut = lambda z: z.unflatten(-1, (2, 3)).transpose(1, 2)  # noqa: E731  read once
    q, k = (cut(focused_map(z)) if scope == "all" else focused_map(cut(z)) for z in (q, k))
    v = cut(v)
    y = q @ (k.transpose(2, 3) @ v / 12) / (q @ k.mean(2, keepdim=True).transpose(2, 3) + 1e-6)
    maps = v.transpose(2, 3).reshape(4, 3, 3, 4)
    y = y + F.conv2d(maps, layer.convolution.weight, layer.convolution.bias, padding=2, groups=3).reshape(
        2, 2, 3, 12
    ).transpose(2, 3)
    torch.testing.assert_close(layer(x), layer.out(y.transpose(1, 2).flatten(2)))


def test_the_convolution_restores_the_rank() -> None:
    torch.manual_seed(0)
    layer = FocusedLinearAttention(16, (8, 8), heads=2, dtype=DOUBLE)
    q, k = layer.features(torch.randn(1, 64, 16, dtype=DOUBLE))
    weights = q @ k.transpose(2, 3)
    weights = weights / weights.sum(-1, keepdim=True)
    assert torch.linalg.matrix_rank(weights[0]).tolist() == [8, 8]
    channel = layer.convolution.weight[:1]
    local = F.conv2d(torch.eye(64, dtype=DOUBLE).view(64, 1, 8, 8), channel, padding=2).flatten(1).T
    assert int(torch.linalg.matrix_rank(weights[0, 0] + local)) == 64


def test_padded_patches_are_not_seen() -> None:
    layer = FocusedLinearAttention(8, (3, 5), heads=2, dtype=DOUBLE)
    x, real = torch.randn(2, 15, 8, dtype=DOUBLE), torch.rand(2, 15) < 0.6
    real[1] = False
    y = layer(torch.where(real[..., None], x, torch.nan), real)
    torch.testing.assert_close(y[real], layer(x, real)[real])
    assert bool(y.isfinite().all())


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="kernel_size: got 4"):
        FocusedLinearAttention(8, (3, 5), kernel_size=4)
    with pytest.raises(ArgumentError, match=r"x: got shape .* the tokens of size=\(3, 5\)"):
        FocusedLinearAttention(8, (3, 5))(torch.zeros(1, 14, 8))
