"""Networks of grouped bottlenecks with free stages, and the regular ones among them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch

from unbend._contract import Example
from unbend._errors import UnknownNameError, at_least
from unbend.layers import SqueezeExcite
from unbend.models._backbone_base import Backbone, Pool
from unbend.models._lambda_resnet_base import Stage, conv_norm, probability
from unbend.models._regnet_base import RegNetBlock, compatible, each, regnet_widths

# name -> (w_a, w_0, w_m, depth, group width); Y has squeeze-excite of a quarter.
REGNETS: dict[str, tuple[float, int, float, int, int]] = {
    "x_200mf": (36.44, 24, 2.49, 13, 8),
    "x_400mf": (24.48, 24, 2.54, 22, 16),
    "x_600mf": (36.97, 48, 2.24, 16, 24),
    "x_800mf": (35.73, 56, 2.28, 16, 16),
    "x_1.6gf": (34.01, 80, 2.25, 18, 24),
    "x_3.2gf": (26.31, 88, 2.25, 25, 48),
    "x_4.0gf": (38.65, 96, 2.43, 23, 40),
    "x_6.4gf": (60.83, 184, 2.07, 17, 56),
    "x_8.0gf": (49.56, 80, 2.88, 23, 120),
    "x_12gf": (73.36, 168, 2.37, 19, 112),
    "x_16gf": (55.59, 216, 2.1, 22, 128),
    "x_32gf": (69.86, 320, 2.0, 23, 168),
    "y_200mf": (36.44, 24, 2.49, 13, 8),
    "y_400mf": (27.89, 48, 2.09, 16, 8),
    "y_600mf": (32.54, 48, 2.32, 15, 16),
    "y_800mf": (38.84, 56, 2.4, 14, 16),
    "y_1.6gf": (20.71, 48, 2.65, 27, 24),
    "y_3.2gf": (42.63, 80, 2.66, 21, 24),
    "y_4.0gf": (31.41, 96, 2.24, 22, 64),
    "y_6.4gf": (33.22, 112, 2.27, 25, 72),
    "y_8.0gf": (76.82, 192, 2.19, 17, 56),
    "y_12gf": (73.36, 168, 2.37, 19, 112),
    "y_16gf": (106.23, 200, 2.48, 18, 112),
    "y_32gf": (115.89, 232, 2.53, 20, 232),
}


class AnyNet(Backbone):
    """Stem, stages of grouped bottleneck blocks with widths and depths of any kind, and a linear head.

    Formula:
        block(x) = relu(shortcut(x) + norm(W3 gate(relu(norm(grouped3x3(relu(norm(W1 x))))))))
        stage i: depths[i] blocks of widths[i] channels, the first with stride strides[i]
        y = W mean_{H, W}(stages(stem(image))) + b

    Shape:
        image: (b, in_chans, H, W), any H and W;  y: (b, num_classes), or (b, widths[-1]) when num_classes is 0.

    Args:
        widths: channels of each stage.
        depths: blocks of each stage.
        groups: channels in a group of the 3x3 convolution, for all stages or each.
        bottlenecks: channels of a stage over those inside its blocks, for all or each.
        strides: of the first block, for all or each.
        se: width of the gate over the channels that come into the block; 0 for no gate, and RegNetY has 0.25.
        stem: channels of the stem.
        stem_stride: of the stem, 1 or 2.
        in_chans: channels of the image.
        num_classes: 0 gives the pooled features.
        global_pool: "avg", "max", or "" for the map itself, which needs num_classes=0.
        drop_rate: dropout before the classifier.
        drop_path_rate: stochastic depth of the last block; it grows linearly from 0 at the first.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Widths and groups that do not fit are moved to the nearest that do: a group is no wider than the inside of its
        block, and that is a multiple of the group. `plan` says what came of it. A `timm` backbone in all but name.

    References:
        Radosavovic, Kosaraju, Girshick, He, Dollár (2020), Designing Network Design Spaces, arXiv:2003.13678.

    Examples:
        >>> net = AnyNet((16, 24), (1, 2), groups=8, bottlenecks=2.0, num_classes=7)
        >>> net(torch.randn(2, 3, 37, 41)).shape
        torch.Size([2, 7])
    """

    # Small: in a larger net rounding turns some ReLU on or off, and the gradients of bfloat16 are those of another net.
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"widths": (6,), "depths": (1,), "groups": 3, "se": 0.25, "stem": 4, "num_classes": 5}, (2, 3, 13, 19), 1e4
        ),
        Example({"widths": (8,), "depths": (1,), "bottlenecks": 2, "stem": 4, "num_classes": 0}, (2, 3, 11, 13), 1e4),
    )

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        groups: int | Sequence[int] = 8,
        bottlenecks: float | Sequence[float] = 1.0,
        *,
        strides: int | Sequence[int] = 2,
        se: float = 0.0,
        stem: int = 32,
        stem_stride: int = 2,
        in_chans: int = 3,
        num_classes: int = 1000,
        global_pool: Pool = "avg",
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        wanted = tuple(at_least(1, widths=width) for width in widths)
        blocks = tuple(int(depth) for depth in each("depths", tuple(depths), len(wanted)))
        ratios = each("bottlenecks", bottlenecks, len(wanted))
        steps = tuple(int(step) for step in each("strides", strides, len(wanted)))
        fitted = [
            compatible(width, ratio, int(group))
            for width, ratio, group in zip(wanted, ratios, each("groups", groups, len(wanted)))
        ]
        self.se, self.in_chans, self.drop_path_rate = se, in_chans, probability(drop_path_rate=drop_path_rate)
        self.plan: Mapping[str, Any] = {
            "widths": tuple(width for width, _ in fitted),
            "depths": blocks,
            "groups": tuple(group for _, group in fitted),
            "bottlenecks": ratios,
            "strides": steps,
            "stem": at_least(1, stem=stem),
            "stem_stride": at_least(1, stem_stride=stem_stride),
        }
        channels = (stem, *self.plan["widths"], self.plan["widths"][-1])
        self._assemble(
            conv_norm(at_least(1, in_chans=in_chans), stem, 3, stem_stride, **place),
            [self._stage(number, place) for number in range(len(wanted))],
            torch.nn.Identity(),
            channels=channels,
            strides=(stem_stride, *steps),
            num_classes=num_classes,
            global_pool=global_pool,
            drop_rate=drop_rate,
        )

    def _stage(self, number: int, place: dict[str, Any]) -> Stage:
        plan = self.plan
        width, dim = plan["widths"][number], (plan["stem"], *plan["widths"])[number]
        before, total = sum(plan["depths"][:number]), sum(plan["depths"])
        return Stage(
            *(
                RegNetBlock(
                    width if block else dim,
                    width,
                    stride=1 if block else plan["strides"][number],
                    bottleneck=plan["bottlenecks"][number],
                    group=plan["groups"][number],
                    se=self.se,
                    drop_path=self.drop_path_rate * (before + block) / max(total - 1, 1),
                    place=place,
                )
                for block in range(plan["depths"][number])
            )
        )

    def __repr__(self) -> str:
        names = ("se", "in_chans", "num_classes", "global_pool", "drop_rate", "drop_path_rate")
        given = {**self.plan, **{name: getattr(self, name) for name in names}}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"


class RegNet(AnyNet):
    """Network whose widths lie near a straight line over its blocks, in few steps of equal ratio.

    Formula:
        widths, depths = regnet_widths(w_a, w_0, w_m, depth)
        RegNet = AnyNet(widths, depths, groups=group, bottlenecks=1)

    Shape:
        image: (b, in_chans, H, W);  y: (b, num_classes).

    Args:
        w_a: slope of the line.
        w_0: width of the first block, a multiple of 8.
        w_m: ratio of the widths of neighbouring stages.
        depth: blocks in all.
        group: channels in a group of the 3x3 convolutions.
        bottleneck: as in `AnyNet`, for all stages.
        options: the other arguments of `AnyNet`; `se=0.25` makes it a RegNetY.

    Behaviour:
        `regnet("x_200mf")` and the like give the published ones, of 2.7 to 145 million parameters.

    References:
        Radosavovic, Kosaraju, Girshick, He, Dollár (2020), Designing Network Design Spaces, arXiv:2003.13678.

    Examples:
        >>> RegNet(36.44, 24, 2.49, 13, device="meta").plan["depths"]
        (1, 1, 4, 7)
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"w_a": 4.0, "w_0": 8, "w_m": 2.0, "depth": 1, "group": 4, "se": 0.25, "stem": 4, "num_classes": 5},
            (2, 3, 13, 19),
            1e4,
        ),
    )

    def __init__(
        self, w_a: float, w_0: int, w_m: float, depth: int, group: int = 8, bottleneck: float = 1.0, **options: Any
    ) -> None:
        widths, depths = regnet_widths(w_a, w_0, w_m, depth)
        super().__init__(widths, depths, group, bottleneck, **options)
        self.line = {"w_a": w_a, "w_0": w_0, "w_m": w_m, "depth": depth, "group": group, "bottleneck": bottleneck}

    def __repr__(self) -> str:
        names = ("se", "in_chans", "num_classes", "global_pool", "drop_rate", "drop_path_rate")
        given = {**self.line, "strides": self.plan["strides"], "stem": self.plan["stem"]}
        given |= {"stem_stride": self.plan["stem_stride"], **{name: getattr(self, name) for name in names}}
        return f"RegNet({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def regnet(name: str, **options: Any) -> RegNet:
    """A published RegNet, from "x_200mf" to "y_32gf", with `options` of `AnyNet`.

    Examples:
        >>> sum(p.numel() for p in regnet("x_200mf", device="meta").parameters())
        2684792
    """
    if name not in REGNETS:
        raise UnknownNameError.of("RegNet", name, REGNETS)
    defaults = {"se": 0.25} if name.startswith("y") else {}
    return RegNet(*REGNETS[name], **{**defaults, **options})


BACKBONES: dict[str, Callable[..., RegNet]] = {
    f"regnet_{name.replace('.', '_')}": partial(regnet, name) for name in REGNETS
}
BACKBONE_SETTINGS = {"first_conv": "stem.0", "classifier": "classifier", "paper_ids": "arXiv:2003.13678"}
BACKBONE_LEAVES = (SqueezeExcite,)
