"""Residual networks with lambda layers: the paper's family of hybrids, and the layouts of its study."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of
from unbend.layers import SqueezeExcite
from unbend.mixers import LambdaConv
from unbend.models._lambda_resnet_base import EXPANSION, LambdaBottleneck, Stage, conv_norm, probability

SE = Literal["c2c3", "non_lambda", "none"]
Backbone = Literal["rs", "vanilla"]
Pool = Literal["avg", "max", ""]

# depth -> (blocks of c2 to c5, which blocks of c4 are lambda blocks, counted from 1); all blocks of c5 are.
FAMILY: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    50: ((3, 4, 6, 3), (3,)),
    101: ((3, 4, 23, 3), (6, 12, 18)),
    152: ((3, 8, 36, 3), (5, 10, 15, 20, 25, 30)),
    200: ((3, 24, 36, 3), (5, 10, 15, 20, 25, 30)),
    270: ((4, 29, 53, 4), (8, 16, 24, 32, 40, 48)),
    350: ((4, 36, 72, 4), (10, 20, 30, 40, 50, 60)),
    420: ((4, 44, 87, 4), (10, 20, 30, 40, 50, 60, 70, 80)),
}
# The layouts of the paper's study: which stages of a ResNet-50 hold lambda layers.
LAYOUTS = ("CCCC", "LCCC", "LLCC", "LLLC", "LLLL", "CLLL", "CCLL", "CCCL")

_TINY: dict[str, Any] = {"width": 4, "scope": 3, "heads": 2, "key_dim": 3}


class LambdaResNet(nn.Module):
    """Residual network whose late stages mix positions by lambda layers.

    Formula:
        x = pool(stem(image))
        x = c5(c4(c3(c2(x)))), each a row of `LambdaBottleneck`
        y = W mean_{H, W}(x) + b

    Shape:
        image: (b, in_chans, H, W), any H and W;  y: (b, num_classes), or (b, features) when num_classes is 0.

    Args:
        depth: 50, 101, 152, 200, 270, 350 or 420; or the blocks of each stage.
        layout: None for the paper's hybrid of that depth; a letter per stage, C for convolution and L for lambda; or
            the numbers, from 1, of each stage's lambda blocks.
        in_chans: channels of the image.
        num_classes: 0 gives the pooled features.
        global_pool: "avg", "max", or "" for the last map itself, which needs num_classes=0.
        drop_rate: dropout before the classifier.
        drop_path_rate: stochastic depth of the last block; it grows linearly from 0 at the first.
        scope: odd side of the lambda layers' scope; the paper takes 7 with intra_depth 4.
        heads: h, the queries at each position.
        key_dim: k.
        intra_depth: u.
        se: squeeze-excite in the convolution blocks of c2 and c3, in all convolution blocks, or in none.
        backbone: "rs" (three 3x3 in the stem, strided 3x3 for the max pool, averaging shortcuts), or "vanilla" (7x7
            stem, max pool, strided shortcuts).
        width: channels inside the blocks of c2; each stage doubles it.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Parameters by depth, in millions: 18.96, 36.87, 51.40, 57.99, 81.37, 105.48, 124.44. A `timm` backbone in all
        but name: `register_timm` gives it one. Gradient checkpointing keeps one activation a block, gradients and
        running statistics equal.

    Departures:
        Where squeeze-excite stands follows from the parameter totals: only c2 and c3 give them.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.

    Examples:
        >>> net = LambdaResNet((1, 1, 1, 1), "CCLL", width=8, scope=3, heads=2, key_dim=4, num_classes=7)
        >>> net(torch.randn(2, 3, 37, 41)).shape
        torch.Size([2, 7])
    """

    # Small: in a larger net rounding turns some ReLU on or off, and the gradients of bfloat16 are those of another net.
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {**_TINY, "depth": (1, 1), "layout": "CL", "num_classes": 0, "backbone": "vanilla"}, (2, 3, 13, 19), 1e4
        ),
        Example({**_TINY, "depth": (1,), "layout": ((1,),), "num_classes": 5}, (2, 3, 11, 13), 1e4),
    )

    def __init__(
        self,
        depth: int | Sequence[int] = 50,
        layout: str | Sequence[Sequence[int]] | None = None,
        *,
        in_chans: int = 3,
        num_classes: int = 1000,
        global_pool: Pool = "avg",
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        scope: int = 23,
        heads: int = 4,
        key_dim: int = 16,
        intra_depth: int = 1,
        se: SE = "c2c3",
        backbone: Backbone = "rs",
        width: int = 64,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.blocks, self.lambdas = _plan(depth, layout)
        self.in_chans, self.width = at_least(1, in_chans=in_chans), at_least(2, width=width)
        self.drop_rate = probability(drop_rate=drop_rate)
        self.drop_path_rate = probability(drop_path_rate=drop_path_rate)
        self.se = cast(SE, one_of(get_args(SE), se=se))
        self.backbone = cast(Backbone, one_of(get_args(Backbone), backbone=backbone))
        self.mixing = {"scope": scope, "heads": heads, "key_dim": key_dim, "intra_depth": intra_depth}
        self.grad_checkpointing = False
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        self.stem, self.pool = _stem(in_chans, width, backbone, place)
        self.feature_info: list[dict[str, Any]] = [{"num_chs": width, "reduction": 2, "module": "stem"}]
        for stage in range(len(self.blocks)):
            self.add_module(f"c{stage + 2}", self._stage(stage, place))
            channels = EXPANSION * width * 2**stage
            self.feature_info.append({"num_chs": channels, "reduction": 4 * 2**stage, "module": f"c{stage + 2}"})
        self.num_features = self.head_hidden_size = self.feature_info[-1]["num_chs"]
        self.reset_classifier(num_classes, global_pool)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """The map `(b, num_features, H, W)` that the last stage gives."""
        x = self.pool(self.stem(x))
        for stage in self.stages():
            x = stage(x)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Pool, drop and classify; `pre_logits` leaves the last out."""
        if self.global_pool:
            x = x.mean((2, 3)) if self.global_pool == "avg" else x.amax((2, 3))
        x = F.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.classifier(x)

    def stages(self) -> list[Stage]:
        """c2, c3 and so on."""
        return [cast(Stage, self.get_submodule(info["module"])) for info in self.feature_info[1:]]

    def get_classifier(self) -> nn.Module:
        """The last layer; an identity when there are no classes."""
        return self.classifier

    def reset_classifier(self, num_classes: int, global_pool: Pool | None = None) -> None:
        """Start a new last layer for `num_classes`, or none for 0; `global_pool` stays as it is when None."""
        pool = self.global_pool if global_pool is None else cast(Pool, one_of(get_args(Pool), global_pool=global_pool))
        if not pool and num_classes:
            raise ArgumentError.of("global_pool", "''", "'avg' or 'max' to classify", "num_classes=0 returns maps.")
        self.num_classes, self.global_pool = at_least(0, num_classes=num_classes), pool
        self.classifier = nn.Identity()
        if num_classes:
            like = next(self.parameters())
            self.classifier = nn.Linear(self.num_features, num_classes, device=like.device, dtype=like.dtype)
            nn.init.normal_(self.classifier.weight, std=0.01)
            nn.init.zeros_(self.classifier.bias)
        self.classifier.train(self.training)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trade time for memory: keep only what goes between blocks, and compute the rest twice."""
        self.grad_checkpointing = enable
        for stage in self.stages():
            stage.checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Patterns that sort parameters into the stem and the stages (or blocks), for layer-wise learning rates."""
        return {"stem": r"^stem|^pool", "blocks": r"^c(\d+)" if coarse else r"^c(\d+)\.(\d+)"}

    def no_weight_decay(self) -> set[str]:
        """The position tables, which weight decay should spare."""
        return {name for name, _ in self.named_parameters() if name.endswith(".table")}

    def _stage(self, stage: int, place: dict[str, Any]) -> Stage:
        width = self.width * 2**stage
        dim = self.width if stage == 0 else EXPANSION * width // 2
        before, total = sum(self.blocks[:stage]), sum(self.blocks)
        row: list[nn.Module] = []
        for number in range(self.blocks[stage]):
            is_lambda = number + 1 in self.lambdas[stage]
            block = LambdaBottleneck(
                dim,
                width,
                stride=2 if stage > 0 and number == 0 else 1,
                se=not is_lambda and (self.se == "non_lambda" or (self.se == "c2c3" and stage < 2)),
                pooled=self.backbone == "rs",
                drop_path=self.drop_path_rate * (before + number) / max(total - 1, 1),
                **({**self.mixing} if is_lambda else {"scope": None}),
                **place,
            )
            row.append(block)
            dim = EXPANSION * width
        return Stage(*row)

    def __repr__(self) -> str:
        names = ("in_chans", "num_classes", "global_pool", "drop_rate", "drop_path_rate", "se", "backbone", "width")
        given = {**{name: getattr(self, name) for name in names}, **self.mixing}
        return f"LambdaResNet({self.blocks}, {self.lambdas}, {', '.join(f'{k}={v!r}' for k, v in given.items())})"


def _plan(
    depth: int | Sequence[int], layout: str | Sequence[Sequence[int]] | None
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """Blocks of each stage, and which of them are lambda blocks."""
    if isinstance(depth, int) and depth not in FAMILY:
        raise ArgumentError.of("depth", depth, f"one of {', '.join(map(str, FAMILY))}, or the blocks of each stage")
    blocks = FAMILY[depth][0] if isinstance(depth, int) else tuple(at_least(1, depth=number) for number in depth)
    if not blocks:
        raise ArgumentError.of("depth", depth, "at least one stage")
    if layout is None:
        if not isinstance(depth, int):
            raise ArgumentError.of("layout", None, "a letter per stage such as 'CCLL'", "Your own depth needs one.")
        return blocks, ((), (), FAMILY[depth][1], tuple(range(1, blocks[3] + 1)))
    every = [tuple(range(1, number + 1)) for number in blocks]
    if isinstance(layout, str):
        if len(layout) != len(blocks) or set(layout) - {"C", "L"}:
            raise ArgumentError.of("layout", layout, f"{len(blocks)} letters, C or L", "C: convolution, L: lambda.")
        return blocks, tuple(numbers if letter == "L" else () for letter, numbers in zip(layout, every))
    lambdas = tuple(tuple(numbers) for numbers in layout)
    if len(lambdas) != len(blocks) or any(set(mine) - set(all_) for mine, all_ in zip(lambdas, every)):
        raise ArgumentError.of("layout", layout, f"for each of the stages {blocks} some of its block numbers, from 1")
    return blocks, lambdas


def _stem(in_chans: int, width: int, backbone: Backbone, place: dict[str, Any]) -> tuple[nn.Module, nn.Module]:
    if backbone == "vanilla":
        return nn.Sequential(conv_norm(in_chans, width, 7, 2, **place)), nn.MaxPool2d(3, 2, padding=1)
    narrow = width // 2
    convs = [conv_norm(in_chans, narrow, 3, 2, **place), conv_norm(narrow, narrow, 3, **place)]
    return nn.Sequential(*convs, conv_norm(narrow, width, 3, **place)), conv_norm(width, width, 3, 2, **place)


def lambda_layout(layout: str, depth: int | Sequence[int] = 50, **options: Any) -> LambdaResNet:
    """ResNet whose stages are of convolutions (C) or of lambda layers (L), as in the paper's study.

    Formula:
        lambda_layout(s) = LambdaResNet(50, s, backbone="vanilla", se="none")

    Args:
        layout: a letter per stage, from "CCCC" (a ResNet-50) to "LLLL".
        depth: see `LambdaResNet`.
        options: the other arguments of `LambdaResNet`.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.

    Examples:
        >>> net = lambda_layout("CCLL", device="meta")
        >>> sum(p.numel() for p in net.parameters())
        15559736
    """
    vanilla: dict[str, Any] = {"backbone": "vanilla", "se": "none"}
    return LambdaResNet(depth, layout, **(vanilla | options))


def lambda_resnet50(**options: Any) -> LambdaResNet:
    """The paper's hybrid of depth 50, with `options` of `LambdaResNet`."""
    return LambdaResNet(50, **options)


def lambda_resnet101(**options: Any) -> LambdaResNet:
    """The paper's hybrid of depth 101, with `options` of `LambdaResNet`."""
    return LambdaResNet(101, **options)


def lambda_resnet152(**options: Any) -> LambdaResNet:
    """The paper's hybrid of depth 152, with `options` of `LambdaResNet`."""
    return LambdaResNet(152, **options)


def lambda_resnet200(**options: Any) -> LambdaResNet:
    """The paper's hybrid of depth 200, with `options` of `LambdaResNet`."""
    return LambdaResNet(200, **options)


def lambda_resnet270(**options: Any) -> LambdaResNet:
    """The paper's hybrid of depth 270, with `options` of `LambdaResNet`."""
    return LambdaResNet(270, **options)


def lambda_resnet350(**options: Any) -> LambdaResNet:
    """The paper's hybrid of depth 350, with `options` of `LambdaResNet`."""
    return LambdaResNet(350, **options)


def lambda_resnet420(**options: Any) -> LambdaResNet:
    """The paper's hybrid of depth 420, with `options` of `LambdaResNet`."""
    return LambdaResNet(420, **options)


# What timm is told: a name for each network, its first and last layer, and what its graph tracer takes as a whole.
BACKBONES: dict[str, Callable[..., LambdaResNet]] = {
    **{f"lambda_resnet{depth}": partial(LambdaResNet, depth) for depth in FAMILY},
    **{f"lambda_layout_{layout.lower()}": partial(lambda_layout, layout) for layout in LAYOUTS},
}
BACKBONE_SETTINGS = {"first_conv": "stem.0.0", "classifier": "classifier", "paper_ids": "arXiv:2102.08602"}
BACKBONE_LEAVES = (LambdaConv, SqueezeExcite)
