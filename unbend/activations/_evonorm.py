"""Normalisation and bend in one layer, as a search over formulas found them."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of, positive


class _Kind(NamedTuple):
    batch: bool
    gated: bool
    centred: bool


_KINDS = {
    "B0": _Kind(batch=True, gated=True, centred=True),
    "B1": _Kind(batch=True, gated=False, centred=False),
    "B2": _Kind(batch=True, gated=False, centred=False),
    "S0": _Kind(batch=False, gated=True, centred=True),
    "S1": _Kind(batch=False, gated=False, centred=True),
    "S2": _Kind(batch=False, gated=False, centred=False),
}


def evonorm(
    x: Tensor,
    kind: str,
    weight: Tensor,
    bias: Tensor,
    v: Tensor | None = None,
    *,
    batch_var: Tensor | None = None,
    groups: int = 32,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise and bend `x`; the functional form of `EvoNorm`.

    Formula:
        B0: y = x / max(std_batch(x), v * x + std_map(x)) * weight + bias
        S0: y = x * sigmoid(v * x) / std_group(x) * weight + bias

    Args:
        x: (b, c, *).
        kind: B0, B1, B2, S0, S1 or S2; the other formulas are at `EvoNorm`.
        weight: (c,).
        bias: (c,).
        v: (c,), for B0 and S0.
        batch_var: (c,), in place of the variances over batch and map.
        groups: of channels, a divisor of c.
        eps: under every root.

    References:
        Liu, Brock, Simonyan, Le (2020), Evolving Normalization-Activation Layers, arXiv:2004.02967.
    """
    return _evonorm(x, kind, weight, bias, v, batch_var, groups, eps)[0]


def _evonorm(
    x: Tensor,
    kind: str,
    weight: Tensor,
    bias: Tensor,
    v: Tensor | None,
    batch_var: Tensor | None,
    groups: int,
    eps: float,
) -> tuple[Tensor, Tensor | None]:
    """The output, and the variances over batch and map where the kind has any."""
    wide = torch.promote_types(x.dtype, torch.float32)
    rows = x[..., None].flatten(2).to(wide)
    weight, bias = weight.to(wide)[:, None], bias.to(wide)[:, None]
    v = None if v is None else v.to(wide)[:, None]
    if _KINDS[kind].batch:
        bent, batch_var = _by_batch(rows, kind, v, None if batch_var is None else batch_var.to(wide), eps)
        scale = weight
    else:
        bent, scale = _by_group(rows, kind, v, groups, eps)
        scale = weight * scale
    return torch.addcmul(bias, bent, scale).to(x.dtype).view(x.shape), batch_var


def _by_batch(rows: Tensor, kind: str, v: Tensor | None, batch_var: Tensor | None, eps: float) -> tuple[Tensor, Tensor]:
    var, mean = torch.var_mean(rows, -1, correction=0)
    if batch_var is None:
        # The variance of all is the mean variance of the maps, and the variance of their means: no second look at x.
        batch_var = var.mean(0) + mean.var(0, correction=0)
    left = (batch_var + eps).sqrt()[:, None]
    spread = ((var if _KINDS[kind].centred else var + mean**2) + eps).sqrt()[..., None]
    slope = v if v is not None else spread if kind == "B1" else torch.full_like(spread[:1], -1.0)
    # max(left, right) as left + relu(right - left), whose gradient takes fewer passes.
    return rows / (left + torch.relu(torch.addcmul(spread - left, rows, slope))), batch_var


def _by_group(rows: Tensor, kind: str, v: Tensor | None, groups: int, eps: float) -> tuple[Tensor, Tensor]:
    members = rows.unflatten(1, (groups, rows.shape[1] // groups))
    grouped = members.flatten(2)
    power = grouped.var(-1, correction=0) if _KINDS[kind].centred else (grouped**2).mean(-1)
    scale = torch.rsqrt(power + eps)[..., None].expand(members.shape[:3]).flatten(1)[..., None]
    return rows * torch.sigmoid(v * rows) if v is not None else nn.functional.silu(rows), scale


class EvoNorm(nn.Module):
    """A layer that normalises and bends at once, in the place of BatchNorm and ReLU.

    Formula:
        B0: y = x / max(std_batch(x), v * x + std_map(x)) * weight + bias
        B1: y = x / max(std_batch(x), (x + 1) * rms_map(x)) * weight + bias
        B2: y = x / max(std_batch(x), rms_map(x) - x) * weight + bias
        S0: y = x * sigmoid(v * x) / std_group(x) * weight + bias
        S1: y = x * sigmoid(x) / std_group(x) * weight + bias
        S2: y = x * sigmoid(x) / rms_group(x) * weight + bias

    Shape:
        x: (b, c, *); y: the same. `map` is one channel of one example, `group` some channels of one example, `batch`
        one channel of all.

    Args:
        channels: c.
        kind: B0, B1 and B2 look at the whole batch, S0, S1 and S2 at single examples.
        groups: of neighbouring channels, for the S kinds; lowered to the next divisor of `channels`.
        eps: added under every root.
        momentum: by which the running variance of the B kinds moves to that of a batch.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Want no bend after them. The S kinds give the same in training and evaluation, whatever the batch; the B kinds
        take a running variance for std_batch in evaluation, but std_map and rms_map from the example itself. With
        v = 0, S0 is x / (2 * std_group). S kinds forget the scale of x where v = 0, B0 altogether, up to eps. Sums are
        in float32 at least. One pass over x for all its variances; wherever x is huge its square overflows.

    Departures:
        The running variance is that of the batch, biased, and `eps` 1e-5 for all kinds, as in the authors' code; timm
        corrects the bias and has 1e-3 for B0.

    References:
        Liu, Brock, Simonyan, Le (2020), Evolving Normalization-Activation Layers, arXiv:2004.02967.

    Examples:
        >>> EvoNorm(64, "B0")(torch.randn(2, 64, 7, 7)).shape
        torch.Size([2, 64, 7, 7])
    """

    v: nn.Parameter | None
    running_var: Tensor | None
    examples: ClassVar[tuple[Example, ...]] = tuple(
        Example({"channels": 6, "kind": kind, "groups": 2}, (2, 6, 5), largest=1e9) for kind in _KINDS
    )

    def __init__(
        self,
        channels: int,
        kind: str = "S0",
        *,
        groups: int = 32,
        eps: float = 1e-5,
        momentum: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.kind = at_least(1, channels=channels), one_of(_KINDS, kind=kind)
        most = min(at_least(1, groups=groups), channels)
        self.groups = next(g for g in range(most, 0, -1) if channels % g == 0)
        self.eps, self.momentum = positive(eps=eps), positive(momentum=momentum)
        self.weight = nn.Parameter(torch.empty(channels, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(channels, device=device, dtype=dtype))
        self.v = nn.Parameter(torch.empty(channels, device=device, dtype=dtype)) if _KINDS[kind].gated else None
        self.register_buffer(
            "running_var", torch.ones(channels, device=device, dtype=dtype) if _KINDS[kind].batch else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scales of one, shifts of zero, a running variance of one."""
        for tensor in (self.weight, self.v, self.running_var):
            if tensor is not None:
                nn.init.ones_(tensor)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The layer at `x`; in training the B kinds move their running variance."""
        if x.ndim < 2 or x.shape[1] != self.channels:
            raise ArgumentError.of("input", f"shape {tuple(x.shape)}", f"(b, {self.channels}, *)")
        known = None if self.training else self.running_var
        y, var = _evonorm(x, self.kind, self.weight, self.bias, self.v, known, self.groups, self.eps)
        if self.training and self.running_var is not None and var is not None and x.numel():
            with torch.no_grad():
                self.running_var.lerp_(var.to(self.running_var.dtype), self.momentum)
        return y

    def extra_repr(self) -> str:
        """The arguments, those of no effect left out."""
        more = f", momentum={self.momentum}" if _KINDS[self.kind].batch else f", groups={self.groups}"
        return f"{self.channels}, {self.kind!r}{more}, eps={self.eps}"
