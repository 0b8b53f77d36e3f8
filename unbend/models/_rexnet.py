"""Networks of inverted bottlenecks whose channels grow by the same number from block to block."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, positive
from unbend.models._backbone_base import Backbone, Pool
from unbend.models._lambda_resnet_base import Stage

_STAGES, _STRIDES = (1, 2, 2, 3, 3, 5), (1, 2, 2, 2, 1, 2)
_WITHOUT_GATE = 2
_SE_RATIO, _EXPANSION = 12, 6


def linear_channels(depth: int = 16, c0: float = 16, c_end: float = 180, mult: float = 1.0) -> tuple[int, ...]:
    """Output channels of each block: a straight line over the blocks, not a staircase over the stages.

    Formula:
        c_i = round((max(1, 1 / mult) c0 + i c_end / depth) mult), i = 0, ..., depth - 1

    Args:
        depth: number of blocks.
        c0: channels of the first block.
        c_end: how many are added from the first block to one after the last.
        mult: width of the whole; below 1 the first block keeps its channels.

    References:
        Han, Yun, Heo, Yoo (2020), Rethinking Channel Dimensions for Efficient Model Design, arXiv:2007.00992.

    Examples:
        >>> linear_channels(16)
        (16, 27, 38, 50, 61, 72, 84, 95, 106, 117, 128, 140, 151, 162, 174, 185)
    """
    at_least(1, depth=depth)
    start = c0 / min(1.0, positive(mult=mult))
    # One sum after the other, as the released code has it: where a half is to be rounded its last bit decides.
    channels = [start]
    for _ in range(depth - 1):
        channels.append(channels[-1] + c_end / depth)
    return tuple(round(c * mult) for c in channels)


def feature_rank_ratio(
    bend: Callable[[Tensor], Tensor],
    d_in: int,
    d_out: int,
    *,
    count: int | None = None,
    tolerance: float = 1e-3,
    generator: torch.Generator | None = None,
) -> float:
    """How much of the room of a layer's outputs its features fill: the rank of bend(W X) over d_out.

    Formula:
        rank(bend(W X)) / d_out, W (d_out, d_in) with deviation d_in^-1/2 and X (d_in, count), both normal

    Args:
        bend: applied to every number.
        d_in: channels in.
        d_out: channels out.
        count: of examples; 2 d_out when None.
        tolerance: singular values count from this share of the largest; float64 inside.
        generator: where W and X come from.

    Behaviour:
        For the identity it is min(1, d_in / d_out), exactly; a bend raises it, the more so the less it is a line.

    Departures:
        The authors do not give their tolerance. It decides about bends: only the order of bends at one tolerance says
        something.

    References:
        Han, Yun, Heo, Yoo (2020), Rethinking Channel Dimensions for Efficient Model Design, arXiv:2007.00992.

    Examples:
        >>> feature_rank_ratio(nn.Identity(), 8, 32)
        0.25
    """
    at_least(1, d_in=d_in)
    examples = 2 * at_least(1, d_out=d_out) if count is None else at_least(1, count=count)
    weight = torch.randn(d_out, d_in, generator=generator, dtype=torch.float64) / d_in**0.5
    features = bend(weight @ torch.randn(d_in, examples, generator=generator, dtype=torch.float64))
    values = torch.linalg.svdvals(features)
    return int((values > tolerance * values[0]).sum()) / d_out


class LinearBottleneck(nn.Module):
    """Block that widens, mixes positions channel by channel, and narrows again; it ends without a bend.

    Formula:
        z = norm(depthwise3x3(silu(norm(W1 x)))), without W1 and silu when expansion is 1
        y = norm(W2 relu6(gate(z))),  gate(z) = z * sigmoid(V2 relu(norm(V1 mean_{H, W}(z))))
        when stride is 1 and dim <= dim_out, x is added to the first dim channels of y

    Shape:
        x: (b, dim, H, W);  y: (b, dim_out, ceil(H / stride), ceil(W / stride)).

    Args:
        dim: channels in.
        dim_out: channels out.
        stride: 1 or 2.
        expansion: channels inside over `dim`.
        se: whether the gate is there; it is a twelfth as wide inside.
        bend: makes the bend after the first convolution; SiLU when None.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        9 e + e dim + e dim_out + 2 (2 e + dim_out) parameters and those of the gate, e = expansion dim.

    References:
        Han, Yun, Heo, Yoo (2020), Rethinking Channel Dimensions for Efficient Model Design, arXiv:2007.00992.

    Examples:
        >>> LinearBottleneck(8, 11)(torch.randn(2, 8, 5, 7)).shape
        torch.Size([2, 11, 5, 7])
    """

    # Small: where a bend has kinks, bfloat16 falls on the other side of some.
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5, "dim_out": 7, "expansion": 3}, (2, 5, 7, 11), 1e4),
        Example({"dim": 6, "dim_out": 5, "stride": 2, "expansion": 1, "se": False}, (2, 6, 7, 11), 1e4),
    )

    def __init__(
        self,
        dim: int,
        dim_out: int,
        *,
        stride: int = 1,
        expansion: int = _EXPANSION,
        se: bool = True,
        bend: Callable[[], nn.Module] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.dim_out = at_least(1, dim=dim), at_least(1, dim_out=dim_out)
        if stride not in (1, 2):
            raise ArgumentError.of("stride", stride, "1 or 2")
        self.stride, self.expansion, self.bend = stride, at_least(1, expansion=expansion), bend
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        inner = dim * expansion
        self.widen = _conv(dim, inner, bend=bend or nn.SiLU, **place) if expansion > 1 else nn.Identity()
        self.mix = _conv(inner, inner, 3, stride, groups=inner, **place)
        self.gate = _Gate(inner, place) if se else nn.Identity()
        self.act = nn.ReLU6()
        self.narrow = _conv(inner, dim_out, **place)

    def forward(self, x: Tensor) -> Tensor:
        y = self.narrow(self.act(self.gate(self.mix(self.widen(x)))))
        if self.stride > 1 or self.dim > self.dim_out:
            return y
        return torch.cat((y[:, : self.dim] + x, y[:, self.dim :]), 1)

    def __repr__(self) -> str:
        given = {"stride": self.stride, "expansion": self.expansion, "se": isinstance(self.gate, _Gate)}
        shown = ", ".join(f"{name}={value}" for name, value in given.items())
        return f"LinearBottleneck({self.dim}, {self.dim_out}, {shown}, bend={getattr(self.bend, '__name__', None)})"


class ReXNet(Backbone):
    """Network for images whose channels grow linearly with the block, so that no layer is a narrow one.

    Formula:
        x = silu(norm(conv3x3/2(image)));  x = block_i(x), c_{i-1} -> c_i, c = linear_channels(16, mult=mult)
        y = W mean_{H, W}(silu(norm(V x))) + b, V to 1280 mult channels

    Shape:
        image: (b, in_chans, H, W), any H and W;  y: (b, num_classes), or (b, features) when num_classes is 0.

    Args:
        mult: width; the published ones are 0.9, 1.0, 1.3, 1.5, 2.0 and 3.0.
        channels: of each block, in the place of the line.
        depths: blocks of each stage; None for the paper's (1, 2, 2, 3, 3, 5).
        strides: of the first block of each stage; None for the paper's (1, 2, 2, 2, 1, 2).
        stem: channels of the stem; None for 32, times `mult` where that is more than 1.
        stem_stride: of the stem.
        head: channels before the pooling; None for int(1280 mult).
        in_chans: channels of the image.
        num_classes: 0 gives the pooled features.
        global_pool: "avg", "max", or "" for the map itself, which needs num_classes=0.
        drop_rate: dropout before the classifier; the authors train with 0.2.
        bend: makes the bends; SiLU when None.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        4.80 million parameters at mult 1.0, 34.7 at 3.0. Blocks of the first two stages have no gate, that of the first
        does not widen. Channels need not be multiples of eight. A `timm` backbone in all but name.

    References:
        Han, Yun, Heo, Yoo (2020), Rethinking Channel Dimensions for Efficient Model Design, arXiv:2007.00992.

    Examples:
        >>> net = ReXNet(channels=(8, 11, 14), depths=(1, 2), strides=(1, 2), stem=8, head=32, num_classes=7)
        >>> net(torch.randn(2, 3, 37, 41)).shape
        torch.Size([2, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"channels": (5,), "depths": (1,), "strides": (1,), "stem": 4, "head": 7, "num_classes": 5},
            (2, 3, 13, 19),
            1e4,
        ),
        Example(
            {"channels": (5, 7, 9), "depths": (1, 1, 1), "strides": (1, 2, 2), "stem": 4, "head": 7, "num_classes": 0},
            (2, 3, 11, 13),
            1e4,
        ),
    )

    def __init__(
        self,
        mult: float = 1.0,
        *,
        channels: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
        stem: int | None = None,
        stem_stride: int = 2,
        head: int | None = None,
        in_chans: int = 3,
        num_classes: int = 1000,
        global_pool: Pool = "avg",
        drop_rate: float = 0.0,
        bend: Callable[[], nn.Module] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.mult, self.in_chans, self.bend = positive(mult=mult), at_least(1, in_chans=in_chans), bend
        self.depths = tuple(_STAGES if depths is None else depths)
        self.strides = tuple(_STRIDES if strides is None else strides)
        self.channels = tuple(linear_channels(sum(self.depths), mult=mult) if channels is None else channels)
        if len(self.strides) != len(self.depths) or min(self.depths, default=0) < 1:
            raise ArgumentError.of(
                "depths, strides", f"{self.depths} and {self.strides}", "a depth >= 1 and a stride for each stage"
            )
        if len(self.channels) != sum(self.depths):
            raise ArgumentError.of("channels", self.channels, f"{sum(self.depths)} numbers: one for each block")
        self.stem_stride = at_least(1, stem_stride=stem_stride)
        first = at_least(1, stem=round(32 * max(1.0, mult)) if stem is None else stem)
        last = at_least(1, head=int(1280 * mult) if head is None else head)
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        silu = bend or nn.SiLU
        ends = [sum(self.depths[: i + 1]) for i in range(len(self.depths))]
        self._assemble(
            _conv(in_chans, first, 3, stem_stride, bend=silu, **place),
            [self._stage(number, first, place) for number in range(len(self.depths))],
            _conv(self.channels[-1], last, bend=silu, **place),
            channels=(first, *(self.channels[end - 1] for end in ends), last),
            strides=(stem_stride, *self.strides),
            num_classes=num_classes,
            global_pool=global_pool,
            drop_rate=drop_rate,
        )

    def _stage(self, number: int, stem: int, place: dict[str, Any]) -> Stage:
        before = sum(self.depths[:number])
        dims = (stem, *self.channels)
        return Stage(
            *(
                LinearBottleneck(
                    dims[block],
                    dims[block + 1],
                    stride=self.strides[number] if block == before else 1,
                    expansion=_EXPANSION if number else 1,
                    se=number >= _WITHOUT_GATE,
                    bend=self.bend,
                    **place,
                )
                for block in range(before, before + self.depths[number])
            )
        )

    def __repr__(self) -> str:
        given = {name: getattr(self, name) for name in ("channels", "depths", "strides")}
        given |= {"stem": self.feature_info[0]["num_chs"], "stem_stride": self.stem_stride, "head": self.num_features}
        given |= {name: getattr(self, name) for name in ("in_chans", "num_classes", "global_pool", "drop_rate")}
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"ReXNet({self.mult}, {shown}, bend={getattr(self.bend, '__name__', None)})"


def _conv(
    dim: int,
    dim_out: int,
    kernel: int = 1,
    stride: int = 1,
    *,
    groups: int = 1,
    bend: Callable[[], nn.Module] | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Sequential:
    """Convolution without bias, batch norm, and the bend if there is one."""
    place: dict[str, Any] = {"device": device, "dtype": dtype}
    conv = nn.Conv2d(dim, dim_out, kernel, stride, kernel // 2, groups=groups, bias=False, **place)
    norm = nn.BatchNorm2d(dim_out, **place)
    return nn.Sequential(conv, norm, bend()) if bend else nn.Sequential(conv, norm)


class _Gate(nn.Module):
    """Squeeze-excite whose hidden layer has a batch norm."""

    def __init__(self, dim: int, place: dict[str, Any]) -> None:
        super().__init__()
        hidden = max(1, dim // _SE_RATIO)
        self.squeeze = nn.Conv2d(dim, hidden, 1, **place)
        self.norm = nn.BatchNorm2d(hidden, **place)
        self.excite = nn.Conv2d(hidden, dim, 1, **place)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.squeeze(x.mean((2, 3), keepdim=True))).relu()
        return x * self.excite(hidden).sigmoid()


BACKBONES: dict[str, Callable[..., ReXNet]] = {
    f"rexnet_x{mult:.1f}".replace(".", "_"): partial(ReXNet, mult) for mult in (0.9, 1.0, 1.3, 1.5, 2.0, 3.0)
}
BACKBONE_SETTINGS = {"first_conv": "stem.0", "classifier": "classifier", "paper_ids": "arXiv:2007.00992"}
BACKBONE_LEAVES = ()
