"""Activator: a vision transformer with gated units in the place of attention."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.mixers import ActivatorGLU


class ActivatorBlock(nn.Module):
    """A block of Activator: the gated unit, and a feed-forward layer or none, after one layer norm.

    Formula:
        x <- x + GLU(layernorm(x)); x <- x + MLP(layernorm(x)) if `mlp`, by the same layer norm if `share_norm`

    Shape:
        x: (b, t, dim); y: as x.

    Args:
        dim: channels.
        hidden: inner width of the unit and of the feed-forward layer; twice `dim` when None.
        mlp: whether there is a feed-forward layer.
        share_norm: whether both have one layer norm, as in the official code.
        dropout: within the feed-forward layer.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Each token is computed by itself.

    References:
        Abdullah, Kim (2024), Activator: GLU Activations as The Core Functions of a Vision Transformer,
        arXiv:2405.15953.

    Examples:
        >>> ActivatorBlock(8)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5, "hidden": 6}, (3, 7, 5), largest=1e9),
        Example({"dim": 5, "hidden": 6, "share_norm": False, "dropout": 0.1}, (3, 7, 5), largest=1e9),
        Example({"dim": 5, "mlp": False}, (3, 7, 5), largest=1e9),
    )

    def __init__(
        self,
        dim: int,
        hidden: int | None = None,
        *,
        mlp: bool = True,
        share_norm: bool = True,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.mixer = ActivatorGLU(dim, hidden, device=device, dtype=dtype)
        self.norm = nn.LayerNorm(dim, device=device, dtype=dtype)
        self.wide: nn.Module | None = None
        self.wide_norm = self.norm if share_norm or not mlp else nn.LayerNorm(dim, device=device, dtype=dtype)
        self.dropout = dropout
        if mlp:
            widen = nn.Linear(dim, self.mixer.hidden, device=device, dtype=dtype)
            narrow = nn.Linear(self.mixer.hidden, dim, device=device, dtype=dtype)
            self.wide = nn.Sequential(widen, nn.GELU(), nn.Dropout(dropout), narrow, nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.norm(x))
        return x if self.wide is None else x + self.wide(self.wide_norm(x))

    def __repr__(self) -> str:
        keywords = f"mlp={self.wide is not None}, share_norm={self.wide_norm is self.norm}, dropout={self.dropout}"
        return f"ActivatorBlock({self.mixer.dim}, {self.mixer.hidden}, {keywords})"


class ActivatorViT(nn.Module):
    """The classifier of images of the paper: patches, blocks of Activator, the mean over the tokens.

    Formula:
        logits = W mean_t blocks(W_p patch_t + b_p) + b, without embeddings of places

    Shape:
        x: (b, channels, H, W), the sides multiples of `patch`; y: (b, classes).

    Args:
        classes: outputs.
        channels: of the images.
        patch: side of the patches.
        dim: channels of the tokens.
        hidden: inner width of the units and feed-forward layers.
        depth: how many blocks.
        mlp: whether the blocks have feed-forward layers: the paper's two variants.
        dropout: within them.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        A bag of patches: whatever their order, the logits are the same, as no part mixes tokens or knows places.

    References:
        Abdullah, Kim (2024), Activator: GLU Activations as The Core Functions of a Vision Transformer,
        arXiv:2405.15953.

    Examples:
        >>> ActivatorViT(10, dim=8, hidden=16, depth=1)(torch.randn(2, 3, 8, 8)).shape
        torch.Size([2, 10])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"classes": 5, "channels": 3, "patch": 2, "dim": 6, "hidden": 7, "depth": 2}, (3, 3, 4, 6), largest=1e9
        ),
    )

    def __init__(
        self,
        classes: int,
        *,
        channels: int = 3,
        patch: int = 4,
        dim: int = 256,
        hidden: int = 512,
        depth: int = 4,
        mlp: bool = True,
        dropout: float = 0.5,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.cut = nn.Conv2d(channels, dim, at_least(1, patch=patch), patch, device=device, dtype=dtype)
        self.blocks = nn.Sequential(
            *(
                ActivatorBlock(dim, hidden, mlp=mlp, dropout=dropout, device=device, dtype=dtype)
                for _ in range(at_least(1, depth=depth))
            )
        )
        self.head = nn.Linear(dim, classes, device=device, dtype=dtype)
        self.hidden, self.settings = hidden, f"depth={depth}, mlp={mlp}, dropout={dropout}"

    def forward(self, x: Tensor) -> Tensor:
        side = self.cut.stride[0]
        if x.ndim != 4 or x.shape[2] % side or x.shape[3] % side:
            raise ArgumentError.of("x", f"shape {tuple(x.shape)}", f"images with sides that are multiples of {side}")
        return self.head(self.blocks(self.cut(x).flatten(2).transpose(1, 2)).mean(1))

    def __repr__(self) -> str:
        cut = self.cut
        sizes = f"channels={cut.in_channels}, patch={cut.stride[0]}, dim={cut.out_channels}, hidden={self.hidden}"
        return f"ActivatorViT({self.head.out_features}, {sizes}, {self.settings})"
