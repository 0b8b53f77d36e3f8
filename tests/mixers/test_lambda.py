"""Lambda layer: the identities of its algebra."""

import torch

from unbend.mixers import LambdaLayer, lambda_fn


def test_layer_is_its_reference() -> None:
    layer = LambdaLayer(12, (5, 7), heads=3, key_dim=4, intra_depth=2).double()
    x = torch.randn(2, 12, 5, 7, dtype=torch.float64)
    flat = x.flatten(2).transpose(1, 2)
    p = layer.project
    k = p.to_k(flat).unflatten(2, (2, 4)).transpose(2, 3)
    v = p.norm_v(p.to_v(flat)).unflatten(2, (2, 4)).transpose(2, 3)
    y = lambda_fn(layer.queries(x), k, v, layer.position.matrix())
    torch.testing.assert_close(layer(x), y.transpose(2, 3).reshape(2, 12, 5, 7))
