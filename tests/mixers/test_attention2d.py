"""What the mixer contract cannot know of attention over images."""

import pytest
import torch
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.mixers import EfficientAttention2d, LambdaLayer, RelativeAttention2d


def pairwise(layer: RelativeAttention2d, x: Tensor) -> Tensor:
    """The formula, one pair of pixels after the other."""
    (b, dim, height, width), h = x.shape, layer.heads
    q, k, v = layer.to_qkv(x).reshape(b, 3, h, dim // h, height, width).unbind(1)
    y = torch.zeros(b, h, dim // h, height, width, dtype=x.dtype)
    for i in range(height):
        for j in range(width):
            scores = torch.empty(b, h, height, width, dtype=x.dtype)
            for s in range(height):
                for t in range(width):
                    offset = layer.rows[s - i + height - 1] + layer.columns[t - j + width - 1]
                    scores[:, :, s, t] = (q[..., i, j] * (k[..., s, t] + offset)).sum(-1) / (dim // h) ** 0.5
            weights = scores.flatten(2).softmax(-1).view_as(scores)
            y[..., i, j] = (weights[:, :, None] * v).sum((-1, -2))
    return y.flatten(1, 2)


@pytest.mark.parametrize("path", ["map", "fused"])
def test_relative_attention_is_the_sum_over_pairs(path) -> None:
    layer = RelativeAttention2d(6, (2, 5), heads=3, path=path, dtype=torch.float64)
    x = torch.randn(2, 6, 2, 5, dtype=torch.float64)
    torch.testing.assert_close(layer(x), pairwise(layer, x))


def test_relative_attention_without_tables_permutes_with_its_pixels() -> None:
    layer = RelativeAttention2d(6, (3, 5), heads=2, dtype=torch.float64)
    torch.nn.init.zeros_(layer.rows)
    torch.nn.init.zeros_(layer.columns)
    x = torch.randn(2, 6, 15, dtype=torch.float64)
    order = torch.randperm(15)
    y = layer(x.view(2, 6, 3, 5)).flatten(2)
    torch.testing.assert_close(layer(x[:, :, order].view(2, 6, 3, 5)).flatten(2), y[:, :, order])


def test_efficient_attention_of_one_head_is_a_content_lambda_with_normalised_queries() -> None:
    ours = EfficientAttention2d(6, heads=1, dtype=torch.float64)
    theirs = LambdaLayer(
        6, (3, 5), heads=1, key_dim=6, key_norm="softmax_both", norm="none", position=False, dtype=torch.float64
    )
    with torch.no_grad():
        theirs.project.weight.copy_(ours.to_qkv.weight[:, :, 0, 0])
    x = torch.randn(2, 6, 3, 5, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x))


def test_efficient_attention_equals_its_quadratic_form() -> None:
    layer = EfficientAttention2d(6, heads=2, dtype=torch.float64)
    x = torch.randn(2, 6, 3, 5, dtype=torch.float64)
    q, k, v = layer.to_qkv(x).reshape(2, 3, 2, 3, 15).unbind(1)
    weights = q.softmax(2).transpose(2, 3) @ k.softmax(3)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 15, dtype=torch.float64))
    torch.testing.assert_close(layer(x), (v @ weights.transpose(2, 3)).reshape(2, 6, 3, 5))


@pytest.mark.parametrize(
    "layer",
    [
        RelativeAttention2d(4, (3, 5), heads=2),
        RelativeAttention2d(4, (3, 5), heads=2, path="fused"),
        EfficientAttention2d(4, heads=2),
    ],
    ids=str,
)
def test_padded_pixels_are_not_seen(layer: torch.nn.Module) -> None:
    x, padding = torch.randn(2, 4, 3, 5), torch.rand(2, 3, 5) < 0.6
    padding[1] = False
    other = torch.where(padding[:, None], x, torch.nan)
    seen = padding[:, None].expand_as(x)
    torch.testing.assert_close(layer(x, padding)[seen], layer(other, padding)[seen])
    assert layer(x, padding)[1].eq(0).all(), "where everything is padding, nothing comes out"


def test_size_and_heads_are_checked() -> None:
    with pytest.raises(ArgumentError, match=r"dim: got 6; expected a multiple of heads=4"):
        EfficientAttention2d(6)
    with pytest.raises(ArgumentError, match="Did you mean 'fused'"):
        RelativeAttention2d(4, (3, 5), path="fuse")  # pyright: ignore: the name is wrong on purpose
    with pytest.raises(ArgumentError, match="x: got shape"):
        RelativeAttention2d(4, (3, 5))(torch.zeros(1, 4, 5, 3))
