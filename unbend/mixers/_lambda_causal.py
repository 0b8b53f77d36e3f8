"""The lambda layer of a prefix: each query sees what came before it; decoding keeps a state of constant size."""

from typing import ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of
from unbend.mixers._base import Mixer
from unbend.mixers._lambda_base import Device, LambdaProjection, Norm
from unbend.mixers._lambda_position_base import Path, Places, multiply_adds, position_lambdas, position_outputs

Normalize = Literal["prefix", "l2", "none"]
Order = Literal["conv", "scores"]
State = tuple[Tensor, Tensor, Tensor]

# The key of a position that is not there. Finite, so that differences of such keys are zero and not NaN.
_ABSENT = -1e30
_CHUNK = 16


def causal_lambda_fn(q: Tensor, k: Tensor, v: Tensor, e: Tensor | None = None) -> Tensor:
    """Apply to each query the lambda of its prefix; the readable reference of `CausalLambda`.

    Formula:
        L_n = sum_{m <= n} (softmax_{m <= n}(k)_m + e_nm) v_m^T
        y_hn = L_n^T q_hn

    Shape:
        q: (b, h, t, k);  k: (b, t, k, u);  v: (b, t, v, u);  e: (t, t, k, u);  y: (b, h, t, v).

    Args:
        q: queries.
        k: keys; the softmax of query n runs over the positions up to n.
        v: values.
        e: position embeddings, read where m <= n only; None leaves them out.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.
    """
    t = q.shape[2]
    later = torch.ones(t, t, dtype=torch.bool, device=q.device).triu(1)[:, :, None, None]
    weights = k[:, None].expand(-1, t, -1, -1, -1).masked_fill(later, float("-inf")).softmax(2)
    if e is not None:
        weights = weights + e.masked_fill(later, 0.0)
    return torch.einsum("bhnk,bnmku,bmvu->bhnv", q, weights, v)


class CausalLambda(Mixer):
    """Lambda layer over the prefix of each position.

    Formula:
        L_n = sum_{m <= n} softmax_{m <= n}(k)_m v_m^T + sum_{0 <= o < r} e_o v_{n-o}^T
        y_hn = L_n^T q_hn, heads side by side
        as a recurrence: g_n = logaddexp(g_{n-1}, k_n), C_n = exp(g_{n-1} - g_n) C_{n-1} + exp(k_n - g_n) v_n^T

    Shape:
        x: (b, t, dim); padding: (b, t); y: (b, t, dim_out).

    Args:
        dim: channels in.
        scope: how many positions, the present one included, the position lambdas read, r.
        dim_out: channels out, a multiple of `heads`; `dim` when None.
        heads: queries at each position.
        key_dim: depth k of keys and queries.
        intra_depth: u.
        normalize: keys: "prefix", a softmax over the positions so far; "l2" over depth; "none".
        norm: of queries and values: "layer", "none" or "batch".
        content: whether the content lambda counts.
        position: whether the position lambdas count.
        path: "conv" forms the position lambdas, "scores" the products of queries and embeddings; "auto" counts.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time t (r + 16) k d / h; the state of `step` is `(b, u, k, v)` sums, `(b, u, k)` logarithms of what they were
        divided by, and the last r - 1 values. Exactly causal: a later token changes no bit of an earlier output.
        Padded tokens are not seen, wherever they are.

    Departures:
        The paper hides keys after normalising them over the whole context, whose denominators then tell of the future;
        here each prefix has its own. Batch norm would too while training, so layer norm is the default.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.

    Examples:
        >>> layer = CausalLambda(12, scope=3, heads=3, key_dim=4)
        >>> x = torch.randn(2, 5, 12)
        >>> y, _ = layer.step(x[:, 0], layer.init_state(2))
        >>> torch.allclose(y, layer(x)[:, 0], atol=1e-5)
        True
    """

    causal: bool = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "scope": 5, "heads": 2, "key_dim": 4}, (3, 7, 6), largest=1e4),
        Example(
            {"dim": 6, "scope": 2, "dim_out": 10, "heads": 2, "key_dim": 3, "intra_depth": 2}, (2, 7, 6), largest=1e4
        ),
    )

    def __init__(
        self,
        dim: int,
        scope: int = 23,
        dim_out: int | None = None,
        *,
        heads: int = 4,
        key_dim: int = 16,
        intra_depth: int = 1,
        normalize: Normalize = "prefix",
        norm: Norm = "layer",
        content: bool = True,
        position: bool = True,
        path: Order | Literal["auto"] = "auto",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not (content or position):
            raise ArgumentError.of("content, position", "both left out", "at least one of them")
        self.scope = at_least(1, scope=scope)
        self.normalize: Normalize = cast(Normalize, one_of(get_args(Normalize), normalize=normalize))
        self.content = content
        key_norm = "l2" if normalize == "l2" else "none"
        self.project = LambdaProjection(dim, dim_out, heads, key_dim, intra_depth, key_norm, norm, device, dtype)
        # Entry i is for the value r - 1 - i positions ago.
        shape = (scope, key_dim, intra_depth)
        self.table = nn.Parameter(torch.empty(shape, device=device, dtype=dtype)) if position else None
        self.path: Path = cast(Path, one_of((*get_args(Order), "auto"), path=path))
        if self.path not in get_args(Order):
            counted = multiply_adds(
                shape, self._places(scope**2), heads, key_dim, self.project.value_dim, backward=True
            )
            self.path = "conv" if counted["conv"] <= counted["scores"] else "scores"
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.project.reset_parameters()
        if self.table is not None:
            nn.init.normal_(self.table)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        q, k, v = self.project(x, x, padding)
        y = self._content_outputs(q, k, v, padding) if self.content else q.new_zeros(())
        if self.table is not None:
            y = y + position_outputs(q, self.table.to(v.dtype), v, self._places(x.shape[1]), self.path)
        return y.flatten(2).to(x.dtype)

    def lambdas(self, x: Tensor, padding: Tensor | None = None) -> tuple[Tensor | None, Tensor | None]:
        """Content and position lambdas of every position, `(b, t, k, v)` each; None for an absent part."""
        q, k, v = self.project(x, x, padding)
        content = position = None
        if self.content:
            unit = torch.eye(self.project.key_dim, dtype=q.dtype, device=q.device)
            content = self._content_outputs(unit.expand(*q.shape[:2], -1, -1), k, v, padding)
        if self.table is not None:
            position = position_lambdas(self.table.to(v.dtype), v, self._places(x.shape[1]), "conv")
        return content, position

    def queries(self, x: Tensor) -> Tensor:
        """The queries `(b, h, t, k)` of `x`."""
        return self.project.queries(x).transpose(1, 2)

    def init_state(self, batch: int, *, device: Device = None, dtype: torch.dtype | None = None) -> State:
        """The state before the first token: content lambdas, what they were divided by, the last r - 1 values.

        It lies where the weights do, in float32 or wider, unless told otherwise.
        """
        p, weight = self.project, self.project.weight
        dtype = torch.promote_types(dtype or weight.dtype, torch.float32)
        sums = torch.zeros(batch, p.intra_depth, p.key_dim, p.value_dim, dtype=dtype, device=device or weight.device)
        logs = sums.new_full(sums.shape[:-1], _ABSENT if self.normalize == "prefix" else 0.0)
        return sums, logs, sums.new_zeros(batch, self.scope - 1, p.intra_depth, p.value_dim)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token `(b, dim)`, and the state after it."""
        sums, logs, values = state
        x = x_t[:, None]
        q, k, v = self.project(x, x, None)
        q, k, v = q[:, 0], k[:, 0], v[:, 0]
        values = torch.cat((values, v[:, None]), 1)
        if self.normalize == "prefix":
            total = torch.logaddexp(logs, k)
            sums, k, logs = (logs - total).exp()[..., None] * sums, (k - total).exp(), total
        sums = sums + k[..., None] * v[:, :, None]
        lambdas = sums.sum(1) if self.content else 0.0
        if self.table is not None:
            lambdas = lambdas + torch.einsum("rku,bruv->bkv", self.table.to(v.dtype), values)
        y = torch.einsum("bhk,bkv->bhv", q, lambdas)
        return y.flatten(1).to(x_t.dtype), (sums, logs, values[:, 1:])

    def _content_outputs(self, q: Tensor, k: Tensor, v: Tensor, padding: Tensor | None) -> Tensor:
        if self.normalize != "prefix":
            return _prefix_outputs(q, k, torch.zeros_like(k), v)
        if padding is not None:
            k = k.masked_fill(~padding[:, :, None, None], _ABSENT)
        logs = k.logcumsumexp(1)
        return _prefix_outputs(q, (k - logs).exp(), logs, v)

    def _places(self, length: int) -> Places:
        return Places((length,), (length,), (self.scope - 1,))

    def extra_repr(self) -> str:
        p = self.project
        names = ("heads", "key_dim", "intra_depth")
        keywords = {name: getattr(p, name) for name in names} | {"normalize": self.normalize, "norm": p.norm}
        keywords |= {"content": self.content, "position": self.table is not None, "path": self.path}
        return f"{p.dim}, {self.scope}, {p.dim_out}, " + ", ".join(f"{n}={value!r}" for n, value in keywords.items())


def _prefix_outputs(q: Tensor, w: Tensor, g: Tensor, v: Tensor) -> Tensor:
    """`y_n = (sum_{m <= n} sum_u exp(g_m - g_n) w_m v_m^T)^T q_n` for logarithms g that never fall.

    q: (b, t, h, k); w, g: (b, t, u, k); v: (b, t, u, v); y: (b, t, h, v). Within a chunk every pair is formed; between
    chunks only the sums of chunks are. No exponent is positive, so nothing overflows.
    """
    t = q.shape[1]
    c = min(_CHUNK, max(t, 1))
    missing = -t % c
    q, w, v = (F.pad(x, (0, 0, 0, 0, 0, missing)).unflatten(1, (-1, c)) for x in (q, w, v))
    g = torch.cat((g, g[:, -1:].expand(-1, missing, -1, -1)), 1).unflatten(1, (-1, c))
    end = g[:, :, -1]
    start = torch.cat((g[:, :1, 0], end[:, :-1]), 1)
    sums = torch.einsum("bjmuk,bjmuv->bjukv", (g - end[:, :, None]).exp() * w, v)
    carried = torch.einsum("bjiuk,biukv->bjukv", _decay(end, start, strict=True), sums)
    within = torch.einsum("bjnhk,bjnmuk->bjhnmu", q, _decay(g, g) * w[:, :, None])
    y = torch.einsum("bjhnmu,bjmuv->bjnhv", within, v)
    y = y + torch.einsum("bjnhk,bjnuk,bjukv->bjnhv", q, (start[:, :, None] - g).exp(), carried)
    return y.flatten(1, 2)[:, :t]


def _decay(past: Tensor, now: Tensor, strict: bool = False) -> Tensor:
    """`exp(past_m - now_n)` at `[..., n, m, u, k]` where m <= n, or m < n if `strict`; zero elsewhere."""
    n = now.shape[-3]
    later = torch.ones(n, n, dtype=torch.bool, device=now.device).triu(0 if strict else 1)[:, :, None, None]
    difference = past.unsqueeze(-4) - now.unsqueeze(-3)
    return difference.masked_fill(later, float("-inf")).exp()
