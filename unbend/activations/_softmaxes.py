"""Numbers along an axis made into weights that sum to one, or nearly."""

from abc import ABC, abstractmethod
from math import log
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, positive


def sparsemax(x: Tensor, dim: int = -1) -> Tensor:
    """The nearest point of the simplex; the functional form of `Sparsemax`.

    Formula:
        y_i = relu(x_i - t), with t such that sum_i y_i = 1

    References:
        Martins, Astudillo (2016), arXiv:1602.02068.
    """
    # A number that is 1 or more below the largest has no weight; the cut keeps what is huge from hiding the rest.
    z = (x - x.amax(dim, keepdim=True)).clamp(min=-1.0)
    with torch.no_grad():
        falling, count = _falling(z, dim)
        inside = _support(z, falling, 1 + count * falling > falling.cumsum(dim), dim)
    threshold = ((z * inside).sum(dim, keepdim=True) - 1) / inside.sum(dim, keepdim=True)
    return torch.relu(z - threshold)


def entmax15(x: Tensor, dim: int = -1) -> Tensor:
    """Between softmax and sparsemax; the functional form of `Entmax15`.

    Formula:
        y_i = relu(x_i / 2 - t)**2, with t such that sum_i y_i = 1

    References:
        Peters, Niculae, Martins (2019), arXiv:1905.05702.
    """
    z = ((x - x.amax(dim, keepdim=True)) / 2).clamp(min=-1.0)
    with torch.no_grad():
        falling, count = _falling(z, dim)
        mean, square = falling.cumsum(dim) / count, (falling**2).cumsum(dim) / count
        threshold = mean - (1 / count - square + mean**2).clamp(min=0).sqrt()
        inside = _support(z, falling, threshold <= falling, dim)
    size = inside.sum(dim, keepdim=True)
    mean = (z * inside).sum(dim, keepdim=True) / size
    spread = (((z - mean) * inside) ** 2).sum(dim, keepdim=True)
    return torch.relu(z - mean + ((1 - spread) / size).clamp(min=torch.finfo(z.dtype).tiny).sqrt()) ** 2


def _falling(z: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The numbers from the largest to the least, and 1, 2, 3 ... beside them."""
    shape = [1] * z.ndim
    shape[dim] = z.shape[dim]
    count = torch.arange(1, z.shape[dim] + 1, dtype=z.dtype, device=z.device).view(shape)
    return z.sort(dim, descending=True).values, count


def _support(z: Tensor, falling: Tensor, kept: Tensor, dim: int) -> Tensor:
    """Which numbers have weight, as ones and zeros: those not below the last one kept."""
    last = falling.gather(dim, (kept.sum(dim, keepdim=True) - 1).clamp(min=0))
    return (z >= last).to(z.dtype)


class _Weights(nn.Module, ABC):
    """A function of the numbers along one axis, computed in float32 at least."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1}),)
    settings: ClassVar[tuple[str, ...]] = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    @abstractmethod
    def weigh(self, x: Tensor) -> Tensor:
        """The weights of `x`, which is float32 or wider."""

    def forward(self, x: Tensor) -> Tensor:
        """The weights along the axis."""
        return self.weigh(x.to(torch.promote_types(x.dtype, torch.float32))).to(x.dtype)

    def extra_repr(self) -> str:
        """All arguments."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)


class Softmax(_Weights):
    """Weights by exponentials; torch's own.

    Formula:
        y_i = exp(x_i) / sum_j exp(x_j)

    Examples:
        >>> Softmax()(torch.tensor([0.0, 0.0]))
        tensor([0.5000, 0.5000])
    """

    def weigh(self, x: Tensor) -> Tensor:
        return torch.softmax(x, self.dim)


class LogSoftmax(_Weights):
    """Logarithms of the weights; torch's own.

    Formula:
        y_i = x_i - log(sum_j exp(x_j))

    Examples:
        >>> LogSoftmax()(torch.tensor([0.0, 0.0]))
        tensor([-0.6931, -0.6931])
    """

    def weigh(self, x: Tensor) -> Tensor:
        return torch.log_softmax(x, self.dim)


class Softmin(_Weights):
    """The least number weighs most; torch's own.

    Formula:
        y_i = exp(-x_i) / sum_j exp(-x_j)

    Examples:
        >>> Softmin()(torch.tensor([0.0, 0.0]))
        tensor([0.5000, 0.5000])
    """

    def weigh(self, x: Tensor) -> Tensor:
        return torch.softmax(-x, self.dim)


class BetaSoftmax(_Weights):
    """Softmax at an inverse temperature.

    Formula:
        y_i = exp(beta * x_i) / sum_j exp(beta * x_j)

    Departures:
        UNVERIFIED: the source is said to draw beta among positive whole numbers; here it is given.

    Examples:
        >>> BetaSoftmax(2.0)(torch.tensor([0.0, 1.0]))
        tensor([0.1192, 0.8808])
    """

    settings = ("beta", "dim")

    def __init__(self, beta: float = 1.0, dim: int = -1) -> None:
        super().__init__(dim)
        self.beta = positive(beta=beta)

    def weigh(self, x: Tensor) -> Tensor:
        return torch.softmax(self.beta * x, self.dim)


class Sqmax(_Weights):
    """Weights by squares.

    Formula:
        y_i = (x_i + c)**2 / sum_j (x_j + c)**2

    Behaviour:
        Grows with x_i only above -c. Zeros where all numbers are -c.

    Departures:
        UNVERIFIED: the default c = 4.

    Examples:
        >>> Sqmax(c=0.0)(torch.tensor([1.0, 3.0]))
        tensor([0.1000, 0.9000])
    """

    settings = ("c", "dim")

    def __init__(self, c: float = 4.0, dim: int = -1) -> None:
        super().__init__(dim)
        self.c = float(c)

    def weigh(self, x: Tensor) -> Tensor:
        z = x + self.c
        tiny = torch.finfo(z.dtype).tiny
        # The scale cancels, and with it what it owes to x: it only keeps the squares from overflowing.
        square = (z / z.detach().abs().amax(self.dim, keepdim=True).clamp(min=tiny)) ** 2
        return square / square.sum(self.dim, keepdim=True).clamp(min=tiny)


class Sparsemax(_Weights):
    """The point of the simplex that is nearest to the input: few weights are not zero.

    Formula:
        y_i = relu(x_i - t), with t such that sum_i y_i = 1

    Shape:
        x: (*); y: the same, summing to 1 along `dim`.

    Behaviour:
        Piecewise linear. A number that is 1 or more below the largest has weight 0; gradients flow among those that
        have weight. By sorting, n * log n.

    References:
        Martins, Astudillo (2016), From Softmax to Sparsemax, arXiv:1602.02068.

    Examples:
        >>> Sparsemax()(torch.tensor([1.0, 0.5, -1.0]))
        tensor([0.7500, 0.2500, 0.0000])
    """

    def weigh(self, x: Tensor) -> Tensor:
        return sparsemax(x, self.dim)


class Entmax15(_Weights):
    """Halfway from softmax to sparsemax: smooth, and yet with zeros.

    Formula:
        y_i = relu(x_i / 2 - t)**2, with t such that sum_i y_i = 1

    Shape:
        x: (*); y: the same, summing to 1 along `dim`.

    Behaviour:
        Once differentiable everywhere. A number that is 2 or more below the largest has weight 0. The threshold is
        exact, by sorting, n * log n.

    References:
        Peters, Niculae, Martins (2019), Sparse Sequence-to-Sequence Models, arXiv:1905.05702.

    Examples:
        >>> Entmax15()(torch.tensor([1.0, 0.5, -1.0]))
        tensor([0.6740, 0.3260, 0.0000])
    """

    def weigh(self, x: Tensor) -> Tensor:
        return entmax15(x, self.dim)


class TunedSoftmax(_Weights):
    """Softmax with a constant in the denominator: the weights may sum to less than one.

    Formula:
        y_i = exp(x_i) / (sum_j exp(x_j) + c)

    Behaviour:
        c = 0 is softmax, and c = 1 softmax beside a number 0 that is then dropped: it may attend to nothing.

    Departures:
        UNVERIFIED: the name and the default.

    Examples:
        >>> TunedSoftmax(1.0)(torch.tensor([0.0]))
        tensor([0.5000])
    """

    settings = ("c", "dim")

    def __init__(self, c: float = 0.0, dim: int = -1) -> None:
        super().__init__(dim)
        if not 0 <= c < float("inf"):
            raise ArgumentError.of("c", c, "a finite number >= 0")
        self.c = float(c)

    def weigh(self, x: Tensor) -> Tensor:
        if not self.c:
            return torch.softmax(x, self.dim)
        total = torch.logsumexp(x, self.dim, keepdim=True)
        return torch.exp(x - torch.logaddexp(total, torch.full_like(total, log(self.c))))


class GumbelSoftmax(_Weights):
    """Softmax of a disturbed input, which draws from the weights as the temperature falls.

    Formula:
        in training: y_i = exp((x_i + g_i) / t) / sum_j exp((x_j + g_j) / t), g_i drawn from the Gumbel law
        in evaluation: y_i = exp(x_i / t) / sum_j exp(x_j / t)

    Shape:
        x: (*); y: the same, summing to 1 along `dim`.

    Args:
        t: temperature, > 0.
        hard: in training, make the largest weight 1 and the others 0 on the way forth, but not on the way back.
        dim: the axis of the choices.

    Behaviour:
        The largest weight is at i with probability softmax(x)_i. Training is torch's gumbel_softmax.

    Departures:
        Without noise in evaluation, so that an output can be repeated.

    References:
        Jang, Gu, Poole (2016), Categorical Reparameterization with Gumbel-Softmax, arXiv:1611.01144.

    Examples:
        >>> GumbelSoftmax(0.5).eval()(torch.tensor([0.0, 1.0]))
        tensor([0.1192, 0.8808])
    """

    settings = ("t", "hard", "dim")

    def __init__(self, t: float = 1.0, hard: bool = False, dim: int = -1) -> None:
        super().__init__(dim)
        self.t, self.hard = positive(t=t), hard

    def weigh(self, x: Tensor) -> Tensor:
        if self.training:
            return F.gumbel_softmax(x, self.t, self.hard, dim=self.dim)
        return torch.softmax(x / self.t, self.dim)
