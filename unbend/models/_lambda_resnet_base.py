"""The block that lambda networks are made of, and how a block is checkpointed."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least
from unbend.layers import SqueezeExcite
from unbend.mixers import LambdaConv

EXPANSION = 4


class LambdaBottleneck(nn.Module):
    """Bottleneck block of a residual network, with a lambda layer in place of its 3x3 convolution.

    Formula:
        z = relu(norm(W1 x))
        z = relu(norm(pool(lambda(z)))), or relu(norm(conv3x3(z))) when scope is None
        y = relu(shortcut(x) + gate(norm(W3 z)))

    Shape:
        x: (b, dim, H, W);  y: (b, 4 width, ceil(H / stride), ceil(W / stride)).

    Args:
        dim: channels in.
        width: channels inside.
        stride: 1 or 2; the lambda layer works at full resolution, a 3x3 average pool after it takes the stride.
        scope: odd side of the lambda layer's scope; None puts the convolution in its place.
        heads: of the lambda layer, as are the next two.
        key_dim: k.
        intra_depth: u.
        se: whether a squeeze-excite gate scales the branch before it is added.
        pooled: whether a strided shortcut averages 2x2 before its 1x1 convolution, or strides the convolution itself.
        drop_path: probability that a sample skips the branch in training.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        The gain of the last norm starts at zero, so a block without a strided or widened shortcut starts as relu(x).

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.

    Examples:
        >>> LambdaBottleneck(8, 4, stride=2, scope=3, heads=2, key_dim=3)(torch.randn(2, 8, 5, 7)).shape
        torch.Size([2, 16, 3, 4])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 8, "width": 6, "stride": 2, "scope": 3, "heads": 2, "key_dim": 3}, (2, 8, 5, 7), 1e4),
        Example({"dim": 12, "width": 7, "scope": None, "se": True}, (2, 12, 5, 7), 1e4),
    )

    def __init__(
        self,
        dim: int,
        width: int,
        *,
        stride: int = 1,
        scope: int | None = 23,
        heads: int = 4,
        key_dim: int = 16,
        intra_depth: int = 1,
        se: bool = False,
        pooled: bool = True,
        drop_path: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ArgumentError.of("stride", stride, "1 or 2")
        self.dim, self.width, self.stride, self.scope = at_least(1, dim=dim), at_least(1, width=width), stride, scope
        self.mixing = {"heads": heads, "key_dim": key_dim, "intra_depth": intra_depth}
        self.pooled, self.drop_path = pooled, probability(drop_path=drop_path)
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        out = EXPANSION * width
        self.reduce = conv_norm(dim, width, **place)
        if scope is None:
            self.mix = conv_norm(width, width, 3, stride, **place)
        else:
            mixer = LambdaConv(width, scope, **self.mixing, **place)
            pool = [nn.AvgPool2d(3, 2, padding=1)] if stride == 2 else []
            self.mix = nn.Sequential(mixer, *pool, nn.BatchNorm2d(width, **place), nn.ReLU())
        self.expand = conv_norm(width, out, act=False, **place)
        self.gate = SqueezeExcite(out, **place) if se else nn.Identity()
        self.shortcut = _shortcut(dim, out, stride, pooled, place) if stride == 2 or dim != out else nn.Identity()
        last = self.expand[1]
        assert isinstance(last, nn.BatchNorm2d)
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.gate(self.expand(self.mix(self.reduce(x))))
        if self.training and self.drop_path > 0:
            # Stochastic depth: whole branches go missing, sample by sample; the rest are scaled to keep the mean.
            kept = branch.new_empty(len(branch), 1, 1, 1).bernoulli_(1 - self.drop_path)
            branch = branch * kept / (1 - self.drop_path)
        return F.relu(self.shortcut(x) + branch)

    def __repr__(self) -> str:
        given = {"stride": self.stride, "scope": self.scope, **self.mixing, "se": isinstance(self.gate, SqueezeExcite)}
        given |= {"pooled": self.pooled, "drop_path": self.drop_path}
        return f"LambdaBottleneck({self.dim}, {self.width}, {', '.join(f'{k}={v}' for k, v in given.items())})"


def conv_norm(
    dim: int,
    dim_out: int,
    kernel: int = 1,
    stride: int = 1,
    *,
    act: bool = True,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Sequential:
    """Convolution without bias, batch norm and, unless `act` is False, ReLU."""
    conv = nn.Conv2d(dim, dim_out, kernel, stride, kernel // 2, bias=False, device=device, dtype=dtype)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    norm = nn.BatchNorm2d(dim_out, device=device, dtype=dtype)
    return nn.Sequential(conv, norm, nn.ReLU()) if act else nn.Sequential(conv, norm)


def _shortcut(dim: int, out: int, stride: int, pooled: bool, place: dict[str, Any]) -> nn.Sequential:
    if stride == 1 or not pooled:
        return conv_norm(dim, out, stride=stride, act=False, **place)
    # An odd map has a last row or column of its own: it is averaged alone, so that the sizes of both paths agree.
    # Without padding the last argument changes nothing, but with its default torch 2.13's inductor miscompiles the
    # gradient of the windows that hang over the edge.
    pool = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, *conv_norm(dim, out, act=False, **place))


def probability(**value: float) -> float:
    """Return the one keyword value if it lies in [0, 1), else raise an error naming it."""
    ((name, number),) = value.items()
    if not 0 <= number < 1:
        raise ArgumentError.of(name, number, "a probability in [0, 1)")
    return number


class Stage(nn.Sequential):
    """Blocks in a row; with `checkpointing` each forgets its activations, and computes them again going backward.

    The second computation leaves the running statistics of batch norms alone, so training goes as without it.
    """

    checkpointing = False

    def forward(self, input: Tensor) -> Tensor:
        for block in self:
            input = _checkpointed(block, input) if self.checkpointing and torch.is_grad_enabled() else block(input)
        return input


def _checkpointed(block: nn.Module, x: Tensor) -> Tensor:
    if torch.compiler.is_compiling():  # the compiler plans the second computation itself, and counts statistics once
        return checkpoint(block, x, use_reentrant=False)
    return checkpoint(block, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _buffers_left_alone(block)))


@contextmanager
def _buffers_left_alone(block: nn.Module) -> Generator[None]:
    kept = [
        (module, name, buffer) for module in block.modules() for name, buffer in module.named_buffers(recurse=False)
    ]
    for module, name, buffer in kept:
        setattr(module, name, buffer.clone())
    try:
        yield
    finally:
        for module, name, buffer in kept:
            setattr(module, name, buffer)
