"""A rectifier with a correction about zero."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from unbend._contract import Example
from unbend.activations._base import IDENTITY, ZERO, Bend, Outline
from unbend.activations._root_base import root


def crrelu(x: Tensor, eps: Tensor | float = 0.01) -> Tensor:
    """Rectify `x`, and add a wave about zero; the functional form of `CRReLU`.

    Formula:
        y = relu(x) + eps * x * exp(-x**2 / 2)

    References:
        Sun, Wu, Xia, Chang, Dong, Yuan, Chang, Wang (2024), arXiv:2405.12954.
    """
    return torch.relu(x) + eps * x * torch.exp(-x * x / 2)


def crrelu_both(x: Tensor, eps: Tensor | float = 0.01) -> tuple[Tensor, Tensor]:
    """Value and slope of `crrelu`; at the kink the slope is that of the left."""
    square = (x * x).clamp(max=4e3)  # beyond it the bell is zero; infinity times zero would be nan
    bell = eps * torch.exp(-square / 2)
    return torch.relu(x) + x * bell, (x > 0).to(x.dtype) + (1 - square) * bell


def crrelu_slope(x: Tensor, eps: Tensor | float = 0.01) -> Tensor:
    """The slope of `crrelu`."""
    return crrelu_both(x, eps)[1]


def crrelu_partial(x: Tensor, eps: Tensor | float = 0.01) -> tuple[Tensor]:
    """The derivative of `crrelu` by its strength."""
    return (x * torch.exp(-x * x / 2),)


class CRReLU(Bend):
    """Correction-regularised rectifier: ReLU and a little of x * exp(-x^2 / 2), how much is learned.

    Formula:
        y = relu(x) + eps * x * exp(-x**2 / 2)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        eps: strength of the correction at the start.
        trainable: whether `eps` is learned.
        channels: learn one strength for each channel; None for one in all, as in the paper.
        dim: the axis of the channels, 1 or -1.
        lean: keep only the input for the backward pass.

    Behaviour:
        ReLU at eps = 0. The correction is odd, integrates to zero, is greatest at 1, where it is eps / sqrt(e), and for
        x ~ N(0, 1) has a mean square of eps^2 / (3 sqrt(3)). At zero the slope jumps from eps to 1 + eps. Training may
        make eps negative.

    Departures:
        Formula and start from codes of others, which agree.

    References:
        Sun, Wu, Xia, Chang, Dong, Yuan, Chang, Wang (2024), A Method on Searching Better Activation Functions,
        arXiv:2405.12954.

    Examples:
        >>> CRReLU(eps=0.1)(torch.tensor([-1.0, 0.0, 1.0])).detach()
        tensor([-0.0607,  0.0000,  1.0607])
    """

    function = staticmethod(crrelu)
    derivative = staticmethod(crrelu_slope)
    both = staticmethod(crrelu_both)
    partials = staticmethod(crrelu_partial)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(),
        Example({"eps": -3.0, "trainable": False}),
        Example({"eps": 3.0, "channels": 3}),
    )

    def __init__(
        self,
        eps: float = 0.01,
        *,
        trainable: bool = True,
        channels: int | None = None,
        dim: int = 1,
        lean: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        learned = ("eps",) if trainable else ()
        super().__init__(eps=eps, learned=learned, channels=channels, dim=dim, lean=lean, device=device, dtype=dtype)
        self.trainable = trainable

    @property
    def outline(self) -> Outline:
        """The slope turns at +-sqrt(3) and jumps at 0; where the correction is strong it changes sign in between."""
        eps, edge = self.at("eps"), math.sqrt(3)

        def slope(x: Tensor) -> Tensor:
            return 1 + eps * (1 - x * x) * torch.exp(-x * x / 2)

        turns = (-1.0, 0.0, root(slope, 0.0, edge), root(slope, edge, 40.0))
        return Outline((-edge, 0.0, edge), turns, left=ZERO, right=IDENTITY, smooth=0)
