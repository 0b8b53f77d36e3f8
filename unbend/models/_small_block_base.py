"""The block that small networks of tokens are made of, where the mixer is what they are given."""

from torch import Tensor, nn


class MixerBlock(nn.Module):
    """`x + mixer(norm(x))`, then `x + wide(norm(x))` for a layer of `inner` GELUs."""

    def __init__(self, mixer: nn.Module, width: int, inner: int) -> None:
        super().__init__()
        self.norm, self.mixer = nn.LayerNorm(width), mixer
        self.wide = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.norm(x))
        return x + self.wide(x)


def stream_width(width: int, stream: int | None, step: int = 4) -> int:
    """The width of the residual stream: `stream`, or the multiple of `step` at or just below `width`."""
    return stream or max(width // step, 1) * step
