"""What a network for images is, so that timm can take it: a stem, stages, pooling and a classifier."""

from abc import ABC
from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from unbend._errors import ArgumentError, at_least, one_of
from unbend.models._lambda_resnet_base import Stage, probability

Pool = Literal["avg", "max", ""]


class Backbone(nn.Module, ABC):
    """Stem, stages, a last layer and a head, under the names by which timm asks for them.

    A subclass calls `_assemble` once, at the end of its constructor.
    """

    drop_rate: float
    num_features: int
    num_classes: int
    global_pool: Pool

    def _assemble(
        self,
        stem: nn.Module,
        stages: Sequence[Stage],
        last: nn.Module,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        num_classes: int,
        global_pool: Pool,
        drop_rate: float,
    ) -> None:
        """`channels` and `strides` are those of the stem, of each stage and, the channels, of the last layer."""
        self.drop_rate = probability(drop_rate=drop_rate)
        self.grad_checkpointing = False
        self.stem = stem
        reduction = strides[0]
        self.feature_info: list[dict[str, Any]] = [{"num_chs": channels[0], "reduction": reduction, "module": "stem"}]
        for number, (stage, width, stride) in enumerate(zip(stages, channels[1:], strides[1:]), 1):
            self.add_module(f"s{number}", stage)
            reduction *= stride
            self.feature_info.append({"num_chs": width, "reduction": reduction, "module": f"s{number}"})
        self.last = last
        self.num_features = self.head_hidden_size = channels[-1]
        self.reset_classifier(num_classes, global_pool)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """The map `(b, num_features, H, W)` that is pooled in the end."""
        x = self.stem(x)
        for stage in self.stages():
            x = stage(x)
        return self.last(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Pool, drop and classify; `pre_logits` leaves out the classifier."""
        if self.global_pool:
            x = x.mean((2, 3)) if self.global_pool == "avg" else x.amax((2, 3))
        x = F.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.classifier(x)

    def stages(self) -> list[Stage]:
        """s1, s2 and so on."""
        return [cast(Stage, self.get_submodule(info["module"])) for info in self.feature_info[1:]]

    def get_classifier(self) -> nn.Module:
        """The layer that gives the scores; an identity without classes."""
        return self.classifier

    def reset_classifier(self, num_classes: int, global_pool: Pool | None = None) -> None:
        """Put a fresh classifier of `num_classes` there, or none for 0; None keeps the pooling."""
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
        """Keep only what goes between blocks, and compute the rest again on the way back."""
        self.grad_checkpointing = enable
        for stage in self.stages():
            stage.checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Patterns that sort parameters by stage, or by block, for learning rates that differ by layer."""
        return {"stem": r"^stem", "blocks": r"^s(\d+)" if coarse else r"^s(\d+)\.(\d+)"}
