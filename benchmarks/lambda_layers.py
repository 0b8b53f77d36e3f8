"""Lambda layers against lambda-networks and timm: same weights, same outputs, then time and memory."""

import warnings
from typing import Any

import torch
from _measure import Call, imports, main, of_run, same
from torch import Tensor, nn

from unbend.mixers import LambdaConv, LambdaLayer

BATCH, DIM, HEADS, KEY_DIM = 4, 64, 4, 16
ITEMS = [
    f"{side}x{side} {scope} {run}"
    for side in (16, 32)
    for scope in ("r=7", "r=23", "global")
    for run in ("forward", "forward+backward")
]


def lambda_networks(side: int, scope: int | None) -> tuple[nn.Module, nn.Module]:
    """Ours and theirs, theirs with its weights in ours."""
    from lambda_networks import LambdaLayer as Peer

    peer = Peer(DIM, dim_k=KEY_DIM, heads=HEADS, r=scope, n=None if scope else side)
    weight = torch.cat([projection.weight for projection in (peer.to_q, peer.to_k, peer.to_v)])
    if scope:
        return ours(side, scope, weight, peer.pos_conv.weight[:, :, 0].permute(2, 3, 0, 1), peer.pos_conv.bias), peer
    return ours(side, scope, weight, peer.rel_pos_emb, None), peer


def timm(side: int, scope: int | None) -> tuple[nn.Module, nn.Module]:
    """Ours and theirs, theirs with its weights in ours."""
    from timm.layers.lambda_layer import LambdaLayer as Peer

    peer = Peer(DIM, feat_size=(side, side), num_heads=HEADS, dim_head=KEY_DIM, r=scope)
    if scope:
        kernel = peer.conv_lambda.weight[..., 0].permute(2, 3, 0, 1)
        return ours(side, scope, peer.qkv.weight, kernel, peer.conv_lambda.bias), peer
    return ours(side, scope, peer.qkv.weight, peer.pos_emb[..., None], None), peer


def ours(side: int, scope: int | None, weight: Tensor, table: Tensor, bias: Tensor | None) -> nn.Module:
    layer: Any
    if scope:
        layer = LambdaConv(DIM, scope, heads=HEADS, key_dim=KEY_DIM, pos_bias=True)
    else:
        layer = LambdaLayer(DIM, (side, side), heads=HEADS, key_dim=KEY_DIM)
    with torch.no_grad():
        layer.project.weight.copy_(weight[:, :, 0, 0])
        layer.offsets().copy_(table)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where outputs or input gradients differ."""
    torch.manual_seed(0)
    grid, scope, run = item.split()
    side = int(grid.split("x")[0])
    pair = PEERS[peer](side, None if scope == "global" else int(scope[2:]))
    x, weight = torch.randn(2, BATCH, DIM, side, side)
    x.requires_grad_()
    if check:
        same(f"{item}: {peer}", pair, x, weight, 1e-5)
    return of_run(run, (pair[0].eval(), pair[1].eval()) if run == "forward" else pair, x, weight)


PEERS = {"lambda-networks": lambda_networks, "timm": timm}
MODULES = {"lambda-networks": "lambda_networks", "timm": "timm.layers.lambda_layer"}

if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="torch.meshgrid")
    main("lambda", {name: imports(module) for name, module in MODULES.items()}, ITEMS, sides)
