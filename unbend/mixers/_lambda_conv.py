"""The lambda convolution: position lambdas of a local scope, content lambda of the whole map."""

from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, one_of
from unbend.mixers._lambda_base import Device, KeyNorm, LambdaMixer, LambdaProjection, Norm
from unbend.mixers._lambda_position_base import Path, Places, Size


class LambdaConv(LambdaMixer):
    """Lambda layer whose position lambdas read a local scope, at any size of map.

    Formula:
        L_n = sum_m kbar_m v_m^T + sum_{|o| <= r // 2} e_o v_{n+o}^T
        y_hn = L_n^T q_hn, with zeros for values beyond the edge

    Shape:
        x: (b, dim, H, W), or (b, t, dim) when `scope` is `(r,)`; y: the same with dim_out channels.

    Args:
        dim: channels in.
        scope: odd side r of the square scope; `(rH, rW)`, or `(r,)` for sequences.
        dim_out: channels out, a multiple of `heads`; `dim` when None.
        heads: queries at each position.
        key_dim: depth k of keys and queries.
        intra_depth: u; the paper pairs u = 4 with a scope of 7.
        key_norm: see `LambdaLayer`.
        norm: see `LambdaLayer`.
        content: whether the content lambda counts.
        pos_bias: whether a learned `(k,)` is added to every position lambda; the paper has none, some ports do.
        path: see `LambdaLayer`; "auto" chooses anew for each size of map, and for inference or training.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        The content lambda is that of the whole map. Without it the layer commutes with shifts, up to the edges. The
        convolution takes n r^2 k v multiply-adds; past small scopes another path takes fewer.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.

    Examples:
        >>> layer = LambdaConv(12, scope=3, heads=3, key_dim=4)
        >>> layer(torch.randn(2, 12, 5, 7)).shape
        torch.Size([2, 12, 5, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "scope": 3, "heads": 3, "key_dim": 4}, (3, 6, 2, 5), largest=1e4),
        Example(
            {"dim": 6, "scope": (5,), "dim_out": 10, "heads": 2, "key_dim": 3, "intra_depth": 2}, (2, 7, 6), largest=1e4
        ),
    )

    def __init__(
        self,
        dim: int,
        scope: int | Sequence[int] = 23,
        dim_out: int | None = None,
        *,
        heads: int = 4,
        key_dim: int = 16,
        intra_depth: int = 1,
        key_norm: KeyNorm = "softmax",
        norm: Norm = "batch",
        content: bool = True,
        pos_bias: bool = False,
        path: Path | Literal["auto"] = "auto",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.scope = (scope, scope) if isinstance(scope, int) else tuple(scope)
        if len(self.scope) not in (1, 2) or any(r < 1 or r % 2 == 0 for r in self.scope):
            raise ArgumentError.of("scope", scope, "an odd side, or one or two of them in a tuple")
        self.axes = len(self.scope)
        self.content = content
        self.path = one_of((*get_args(Path), "auto"), path=path)
        self.project = LambdaProjection(dim, dim_out, heads, key_dim, intra_depth, key_norm, norm, device, dtype)
        self.table = nn.Parameter(torch.empty(*self.scope, key_dim, intra_depth, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(key_dim, device=device, dtype=dtype)) if pos_bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.project.reset_parameters()
        nn.init.normal_(self.table)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def places(self, size: Size, context: Size) -> Places:
        if size != context:
            raise ArgumentError.of("context", f"a grid of {context}", f"that of x, {size}")
        return Places(size, context, tuple(r // 2 for r in self.scope))

    def offsets(self) -> Tensor:
        return self.table

    def extra_repr(self) -> str:
        rest = {"content": self.content, "pos_bias": self.bias is not None, "path": self.path}
        return self.project.arguments(self.scope, **rest)
