"""Lambda convolution: the local form against the global one, shifts, scopes and paths."""

import pytest
import torch
from torch import nn

from unbend.mixers import LambdaConv, LambdaLayer

DOUBLE = torch.float64


@pytest.mark.parametrize("scope", [(9, 13), (11, 15), (23, 23)], ids=str)
@pytest.mark.parametrize("path", ["fourier", "conv", "scores"])
def test_a_scope_that_covers_the_map_is_the_global_form(scope, path) -> None:
    local = LambdaConv(6, scope, heads=2, key_dim=4, intra_depth=2, path=path, dtype=DOUBLE)
    whole = LambdaLayer(6, (5, 7), heads=2, key_dim=4, intra_depth=2, dtype=DOUBLE)
    whole.project.load_state_dict(local.project.state_dict())
    top, left = (scope[0] - 9) // 2, (scope[1] - 13) // 2
    with torch.no_grad():
        whole.position.table.copy_(local.table[top : top + 9, left : left + 13])
    x = torch.randn(2, 6, 5, 7, dtype=DOUBLE)
    torch.testing.assert_close(local(x), whole(x))


def test_is_the_global_form_with_a_table_cut_to_the_scope() -> None:
    local = LambdaConv(6, 3, heads=2, key_dim=4, dtype=DOUBLE)
    whole = LambdaLayer(6, (5, 7), heads=2, key_dim=4, dtype=DOUBLE)
    whole.project.load_state_dict(local.project.state_dict())
    with torch.no_grad():
        whole.position.table.zero_()[3:6, 5:8] = local.table
    x = torch.randn(2, 6, 5, 7, dtype=DOUBLE)
    torch.testing.assert_close(local(x), whole(x))


@pytest.mark.parametrize("path", ["fourier", "conv", "scores"])
def test_commutes_with_shifts_away_from_the_edges(path) -> None:
    layer = LambdaConv(6, (3, 5), heads=2, key_dim=4, content=False, path=path, dtype=DOUBLE).eval()
    x = torch.randn(2, 6, 13, 17, dtype=DOUBLE)
    y, shifted = layer(x), layer(x.roll((2, 3), (2, 3)))
    torch.testing.assert_close(shifted[..., 3:-1, 5:-2], y.roll((2, 3), (2, 3))[..., 3:-1, 5:-2])


def test_content_is_that_of_the_whole_map() -> None:
    layer = LambdaConv(6, 1, heads=2, key_dim=4, norm="layer", dtype=DOUBLE)
    x = torch.randn(2, 6, 5, 7, dtype=DOUBLE)
    far = x.clone()
    far[..., -1, -1] += 1
    assert bool((layer(far)[..., 0, 0] != layer(x)[..., 0, 0]).any())
    whole = LambdaLayer(6, (5, 7), heads=2, key_dim=4, norm="layer", position=False, dtype=DOUBLE)
    whole.project.load_state_dict(layer.project.state_dict())
    torch.testing.assert_close(layer.lambdas(x)[0], whole.lambdas(x)[0])


@pytest.mark.parametrize("content", [True, False])
def test_bias_is_a_constant_lambda(content) -> None:
    torch.manual_seed(0)
    with_bias = LambdaConv(6, 3, heads=2, key_dim=4, content=content, pos_bias=True, dtype=DOUBLE)
    torch.manual_seed(0)
    without = LambdaConv(6, 3, heads=2, key_dim=4, content=content, dtype=DOUBLE)
    x = torch.randn(2, 6, 5, 7, dtype=DOUBLE)
    torch.testing.assert_close(with_bias(x), without(x))
    nn.init.normal_(with_bias.bias)
    constant = with_bias.bias[:, None].expand(4, 3)
    torch.testing.assert_close(with_bias.lambdas(x)[1], without.lambdas(x)[1] + constant)
    added = torch.einsum("bhnk,kv->bhvn", without.queries(x), constant).reshape(2, 6, 5, 7)
    torch.testing.assert_close(with_bias(x), without(x) + added)


def test_a_sequence_is_an_image_of_one_row() -> None:
    sequence = LambdaConv(6, (5,), heads=2, key_dim=4, intra_depth=2, dtype=DOUBLE)
    image = LambdaConv(6, (1, 5), heads=2, key_dim=4, intra_depth=2, dtype=DOUBLE)
    image.load_state_dict({**sequence.state_dict(), "table": sequence.table[None]})
    x = torch.randn(3, 13, 6, dtype=DOUBLE)
    torch.testing.assert_close(sequence(x), image(x.transpose(1, 2)[:, :, None]).squeeze(2).transpose(1, 2))


def test_padding_at_the_edge_is_a_smaller_map() -> None:
    layer = LambdaConv(6, 3, heads=2, key_dim=4, dtype=DOUBLE).eval()
    x, padding = torch.randn(2, 6, 5, 7, dtype=DOUBLE), torch.zeros(2, 5, 7, dtype=torch.bool)
    padding[:, :3, :4] = True
    torch.testing.assert_close(layer(x, padding)[..., :3, :4], layer(x[..., :3, :4]))


@pytest.mark.parametrize("size", [(1, 1), (1, 13), (2, 3), (17, 5)], ids=str)
@pytest.mark.parametrize("path", ["fourier", "conv", "scores"])
def test_any_size_of_map(size, path) -> None:
    layer = LambdaConv(6, 7, heads=2, key_dim=4, path=path, dtype=DOUBLE)
    x = torch.randn(2, 6, *size, dtype=DOUBLE)
    content, position = layer.lambdas(x)
    read = torch.einsum("bhnk,bnkv->bhvn", layer.queries(x), content[:, None] + position)
    torch.testing.assert_close(layer(x), read.reshape(2, 6, *size))


def test_training_and_inference_each_take_their_cheapest_path() -> None:
    layer = LambdaConv(64, 7)
    places = layer.places((32, 32), (32, 32))
    assert layer.path_on(places) == "fourier"
    with torch.no_grad():
        assert layer.path_on(places) == "conv"
    assert LambdaConv(64, 3).path_on(places) == "conv"
    assert LambdaConv(64, 23, path="scores").path_on(places) == "scores"


def test_a_scope_of_seven_goes_with_an_intra_depth_of_four() -> None:
    d, h, k, u, r = 64, 4, 16, 4, 7
    v = d // h
    layer = LambdaConv(d, r, heads=h, key_dim=k, intra_depth=u, pos_bias=True)
    expected = d * (h * k + k * u + v * u) + 2 * h * k + 2 * v * u + k * u * r**2 + k
    assert sum(p.numel() for p in layer.parameters()) == expected


@pytest.mark.parametrize("u", [1, 3])
def test_equals_the_port_of_lambda_networks(u) -> None:
    peer = pytest.importorskip("lambda_networks").LambdaLayer(12, dim_k=5, r=7, heads=3, dim_u=u).double()
    layer = LambdaConv(12, 7, heads=3, key_dim=5, intra_depth=u, pos_bias=True, dtype=DOUBLE)
    p = layer.project
    with torch.no_grad():
        for ours, theirs in zip(p.weights(), (peer.to_q, peer.to_k, peer.to_v)):
            ours.copy_(theirs.weight[:, :, 0, 0])
        layer.table.copy_(peer.pos_conv.weight[:, :, 0].permute(2, 3, 0, 1))
        layer.bias.copy_(peer.pos_conv.bias)
    x = torch.randn(2, 12, 5, 11, dtype=DOUBLE)
    torch.testing.assert_close(layer(x), peer(x))


def test_an_even_scope_is_refused() -> None:
    for scope in (4, (3, 6), (1, 1, 1), -3):
        with pytest.raises(ValueError, match=r"scope: got .* expected an odd side"):
            LambdaConv(6, scope, heads=2)
