"""The lambda layer: a context read into linear functions that are applied to the queries."""

from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from unbend._contract import Example
from unbend._errors import ArgumentError, one_of
from unbend.mixers._lambda_base import (
    Device,
    KeyNorm,
    LambdaMixer,
    LambdaProjection,
    Norm,
    RelPosEmbedding,
    grid,
    normalise_keys,
)
from unbend.mixers._lambda_position_base import Path, Places, Size


def lambda_fn(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    e: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    key_norm: KeyNorm = "softmax",
    content: bool = True,
) -> Tensor:
    """Apply the lambdas of a context to queries; the readable reference of `LambdaLayer`.

    Formula:
        kbar = softmax_m(k)
        L_n = sum_m sum_u mask_nm (kbar_mu + e_nmu) v_mu^T
        y_hn = L_n^T q_hn

    Shape:
        q: (b, h, n, k);  k: (b, m, k, u);  v: (b, m, v, u);  e: (n, m, k, u);  mask: (n, m), boolean;
        y: (b, h, n, v).

    Args:
        q: queries, h of them at each of n positions.
        k: keys, normalised here.
        v: values.
        e: position embeddings; None leaves the position lambdas out.
        mask: which context each query sees; None shows it all. The keys are normalised before it applies.
        key_norm: see `LambdaLayer`.
        content: whether the content lambda counts.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.
    """
    seen = q.new_ones(q.shape[2], k.shape[1]) if mask is None else mask.to(q.dtype)
    keys = normalise_keys(k.transpose(2, 3), key_norm).transpose(2, 3)
    lambdas = q.new_zeros(())
    if content:
        lambdas = lambdas + torch.einsum("nm,bmku,bmvu->bnkv", seen, keys, v)
    if e is not None:
        lambdas = lambdas + torch.einsum("nm,nmku,bmvu->bnkv", seen, e, v)
    return torch.einsum("bhnk,bnkv->bhnv", q.softmax(-1) if key_norm == "softmax_both" else q, lambdas)


class LambdaLayer(LambdaMixer):
    """Lambda layer over a whole grid, with relative positions.

    Formula:
        q = norm(x Wq), k = softmax_m(c Wk), v = norm(c Wv)
        L_n = sum_m (k_m + e_nm) v_m^T, e_nm = table[m - n]
        y_hn = L_n^T q_hn, heads side by side

    Shape:
        x: (b, dim, H, W), or (b, t, dim) when `size` is a length; y: the same with dim_out channels.

    Args:
        dim: channels in.
        size: the grid, `(H, W)`, or a length for sequences.
        dim_out: channels out, a multiple of `heads`; `dim` when None.
        heads: queries at each position; all share the lambdas, so more heads make the layer cheaper.
        key_dim: depth k of keys and queries.
        intra_depth: how many keys and values a context position gives, u.
        key_norm: "softmax" over positions, "l2" over the key's depth, "none", or "softmax_both": queries too.
        norm: of queries and values: "batch", "layer" or "none".
        content: whether the content lambda counts.
        position: whether the position lambdas count; or the `RelPosEmbedding` to share with other layers.
        context_size: the grid of another `context=` given to `forward`; `size` when None.
        path: "fourier" and "conv" form the position lambdas, "scores" first multiplies queries with embeddings; "auto"
            takes the one of fewest multiply-adds, which `repr` then shows.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Linear in the queries at a fixed context. On n = H W positions the Fourier path takes about n (3 W + 2 H) k v
        multiply-adds and n k v numbers of memory; the n^2 embeddings are never written out. Sums, softmax and lambdas
        are float32 or wider. Padded positions are hidden from both parts, but batch norm in training counts them in.

    Departures:
        The "l2" norm of keys is taken over their depth; the paper does not say over what.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.

    Examples:
        >>> layer = LambdaLayer(12, (5, 7), heads=3, key_dim=4)
        >>> layer(torch.randn(2, 12, 5, 7)).shape
        torch.Size([2, 12, 5, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "size": (2, 5), "heads": 3, "key_dim": 4}, (3, 6, 2, 5), largest=1e4),
        Example(
            {"dim": 6, "size": 5, "dim_out": 10, "heads": 2, "key_dim": 3, "intra_depth": 2}, (2, 5, 6), largest=1e4
        ),
    )

    def __init__(
        self,
        dim: int,
        size: int | Sequence[int],
        dim_out: int | None = None,
        *,
        heads: int = 4,
        key_dim: int = 16,
        intra_depth: int = 1,
        key_norm: KeyNorm = "softmax",
        norm: Norm = "batch",
        content: bool = True,
        position: bool | RelPosEmbedding = True,
        context_size: int | Sequence[int] | None = None,
        path: Path | Literal["auto"] = "auto",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.size = grid(size)
        self.context_size = self.size if context_size is None else grid(context_size)
        self.axes = len(self.size)
        self.content = content
        self.project = LambdaProjection(dim, dim_out, heads, key_dim, intra_depth, key_norm, norm, device, dtype)
        self.bias = None
        self.shared = isinstance(position, RelPosEmbedding)
        if position is True:
            position = RelPosEmbedding(self.size, key_dim, intra_depth, self.context_size, device=device, dtype=dtype)
        self.position = position or None
        if self.position is not None:
            given, wanted = self.position.table.shape[-2:], (key_dim, intra_depth)
            if (self.position.size, self.position.context_size, given) != (self.size, self.context_size, wanted):
                expected = f"size={self.size}, key_dim={key_dim}, intra_depth={intra_depth}"
                raise ArgumentError.of("position", self.position, expected)
        if not (content or position):
            raise ArgumentError.of("content, position", "both left out", "at least one of them")
        self.path = one_of((*get_args(Path), "auto"), path=path)
        if self.position is not None:
            self.path = self.path_on(self.position.places, backward=True)

    def places(self, size: Size, context: Size) -> Places | None:
        if self.position is None:
            return None
        for name, got, expected in (("x", size, self.size), ("context", context, self.context_size)):
            if got != expected:
                raise ArgumentError.of(name, f"a grid of {got}", f"{expected}", "LambdaConv takes any size.")
        return self.position.places

    def offsets(self) -> Tensor:
        assert self.position is not None
        return self.position.table

    def extra_repr(self) -> str:
        position = self.position if self.shared else self.position is not None
        rest = {"content": self.content, "position": position, "context_size": self.context_size, "path": self.path}
        return self.project.arguments(self.size, **rest)
