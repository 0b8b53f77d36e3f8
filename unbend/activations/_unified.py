"""One gated form whose parameters reach from one known bend to another."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, UnknownNameError, at_least, one_of
from unbend.special import mittag_leffler

# Where exp(-x) is beyond every type's smallest number after division.
_LOW = -300.0
_INNER: dict[str, Callable[[Tensor], Tensor]] = {
    "x": lambda x: x,
    "x^2": lambda x: x * x,
    "0": torch.zeros_like,
    "min(x, 0)": lambda x: x.clamp(max=0),
    "-x^2": lambda x: -x * x,
    "-|x|": lambda x: -x.abs(),
    "-exp(-x)": lambda x: -(-x.clamp(min=_LOW)).exp(),
    "-2 exp(-x) / (2 + exp(x))": lambda x: -2 * (-x.clamp(min=_LOW)).exp() / (2 + x.clamp(max=-_LOW).exp()),
}
_PRESETS: dict[str, dict[str, Any]] = {
    "tanh": {"gamma": 1, "f": "x^2", "alpha1": 2.0, "beta1": 2.0, "g": "x^2", "alpha2": 2.0, "beta2": 1.0},
    "sigmoid": {"gamma": 0, "f": "-exp(-x)", "alpha1": 0.0, "beta1": 1.0, "g": "0"},
    "silu": {"gamma": 1, "f": "-exp(-x)", "alpha1": 0.0, "beta1": 1.0, "g": "0"},
    "softsign": {"gamma": 1, "f": "-|x|", "alpha1": 0.0, "beta1": 1.0, "g": "0"},
    "mish": {"gamma": 1, "f": "-2 exp(-x) / (2 + exp(x))", "alpha1": 0.0, "beta1": 1.0, "g": "0"},
    "elu": {"gamma": 1, "f": "min(x, 0)", "alpha1": 1.0, "beta1": 2.0, "g": "0"},
    "exp": {"gamma": 0, "f": "x", "alpha1": 1.0, "beta1": 1.0, "g": "0"},
    "sin": {"gamma": 1, "f": "-x^2", "alpha1": 2.0, "beta1": 2.0, "g": "0"},
    "cos": {"gamma": 0, "f": "-x^2", "alpha1": 2.0, "beta1": 1.0, "g": "0"},
}


def unified(name: str, **more: Any) -> "UnifiedGate":
    """The gate that equals a known bend: tanh, sigmoid, silu, softsign, mish, elu, exp, sin or cos.

    Args:
        name: of the bend.
        more: further arguments of `UnifiedGate`, such as `trainable=True`.

    Examples:
        >>> unified("tanh")(torch.tensor([-1.0, 0.5]))
        tensor([-0.7616,  0.4621])
    """
    if name not in _PRESETS:
        raise UnknownNameError.of("preset", name, _PRESETS)
    return UnifiedGate(**{**_PRESETS[name], **more})


class UnifiedGate(nn.Module):
    """A power of the input, times a ratio of two Mittag-Leffler functions.

    Formula:
        y = x^gamma E_{alpha1, beta1}(f(x)) / E_{alpha2, beta2}(g(x))
        E_{a, b}(z) = sum_{k >= 0} z^k / Gamma(a k + b)

    Shape:
        x: (*), floating, with `channels` entries along `dim` where given; y: (*), same type.

    Args:
        gamma: 0, 1, 2 ...
        f: one of "x", "x^2", "0", "min(x, 0)", "-x^2", "-|x|", "-exp(-x)", "-2 exp(-x) / (2 + exp(x))".
        alpha1: first parameter of the numerator.
        beta1: its second.
        g: as f, for the denominator; "0" for none, as E_{a, 1}(0) = 1.
        alpha2: first parameter of the denominator.
        beta2: its second.
        trainable: whether the alphas and betas are learned, those of a denominator that is none apart.
        channels: learn them for each channel; None for one in all.
        dim: the axis of the channels, 1 or -1.

    Behaviour:
        `unified(name)` gives the parameters of tanh, sigmoid, silu, softsign, mish, elu, exp, sin and cos, which it
        equals to 1e-11. Computed in float64; growing exponentials are divided out before they overflow. A learned
        alpha is held in [-0.9, 4] where f is never positive, so that training passes through alpha = 0, and in
        [0.25, 4] elsewhere. With alpha1 < alpha2 in tanh's form the output grows like an exponential.

    Departures:
        gamma is a whole number and not learned, so that negative inputs have a value. Mish by an f of its own, which
        follows from tanh(log(1 + exp(x))) = 1 / (1 + 2 exp(-x) / (2 + exp(x))). Without arguments it is tanh, a choice
        of ours. The paper's own table was not seen.

    References:
        Mostafanejad (2023), Unification of popular artificial neural network activation functions, arXiv:2302.11007.

    Examples:
        >>> UnifiedGate(f="x^2", alpha1=1.5, beta1=2.0, g="x^2", alpha2=1.5)(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.7562,  0.0000,  0.7562])
    """

    aliases: ClassVar[tuple[str, ...]] = ("mittag_leffler",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({**_PRESETS["tanh"]}),
        Example({**_PRESETS["silu"], "trainable": True}),
        Example({**_PRESETS["tanh"], "trainable": True, "channels": 3}, largest=1.0),
    )

    def __init__(
        self,
        gamma: int = 1,
        f: str = "x^2",
        alpha1: float = 2.0,
        beta1: float = 2.0,
        g: str = "x^2",
        alpha2: float = 2.0,
        beta2: float = 1.0,
        *,
        trainable: bool = False,
        channels: int | None = None,
        dim: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.gamma, self.f, self.g = at_least(0, gamma=gamma), one_of(_INNER, f=f), one_of(_INNER, g=g)
        if dim not in (1, -1):
            raise ArgumentError.of("dim", dim, "1 or -1, the axis that holds the channels")
        if channels is not None:
            at_least(1, channels=channels)
        self.trainable, self.channels, self.dim = trainable, channels, dim
        self.start = {"alpha1": alpha1, "beta1": beta1, "alpha2": alpha2, "beta2": beta2}
        for name in ("alpha1", "alpha2"):
            least, value = _least(f if name == "alpha1" else g), self.start[name]
            if not least <= value <= 4:
                raise ArgumentError.of(name, value, f"a number in [{least:g}, 4] with this f or g")
        for name, value in self.start.items():
            learned = trainable and (g != "0" or name.endswith("1"))
            size = channels or 1
            setattr(self, name, nn.Parameter(torch.empty(size, device=device, dtype=dtype)) if learned else value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the learned parameters back to their start."""
        for name, parameter in self.named_parameters():
            nn.init.constant_(parameter, self.start[name])

    def forward(self, x: Tensor) -> Tensor:
        """The gate at every element of `x`."""
        wide = x.double()
        over, size = self._part(wide, self.f, "alpha1", "beta1")
        if self.g != "0" or self.start["beta2"] != 1.0:
            under, more = self._part(wide, self.g, "alpha2", "beta2")
            over, size = over / under, size - more
        return (wide**self.gamma * over * size.exp()).to(x.dtype)

    def _part(self, x: Tensor, inner: str, *names: str) -> tuple[Tensor, Tensor]:
        """A Mittag-Leffler function of an inner function, without its growth, and the logarithm of its growth."""
        a, b = (self._parameter(name, x) for name in names)
        a, z = a.clamp(_least(inner), 4.0), _INNER[inner](x)
        grows = (z > 1) & (a > 0)
        growth = (z.where(grows, 1.0).log() / a.where(grows, 1.0)).exp().where(grows, 0.0)
        return mittag_leffler(z, a, b, scaled=True), growth

    def _parameter(self, name: str, x: Tensor) -> Tensor:
        value = getattr(self, name)
        if not isinstance(value, Tensor):
            return torch.tensor(value, dtype=x.dtype, device=x.device)
        if self.channels is None:
            return value.to(x.dtype)
        if not -x.ndim <= self.dim < x.ndim:
            raise ArgumentError.of("input", f"{x.ndim} axes", f"an axis {self.dim} with {self.channels} channels")
        shape = [1] * x.ndim
        shape[self.dim] = self.channels
        return value.to(x.dtype).reshape(shape)

    def extra_repr(self) -> str:
        given = {"gamma": self.gamma, "f": self.f, "g": self.g, **self.start}
        more = {"trainable": (self.trainable, False), "channels": (self.channels, None), "dim": (self.dim, 1)}
        shown = {**given, **{name: value for name, (value, default) in more.items() if value != default}}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


def _least(inner: str) -> float:
    """The least alpha: with an argument that is never positive the function continues through 0."""
    return -0.9 if inner.startswith("-") else 0.25
