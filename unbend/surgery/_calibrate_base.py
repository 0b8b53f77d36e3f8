"""Fit a gain and an offset to a new module, so that its output is near to that of the old one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import currentframe
from typing import Any

import torch
from torch import Tensor, nn

from unbend.surgery._find_base import Call, Finder
from unbend.surgery._plan_base import Choice
from unbend.surgery._watch_base import Subject, feed, quietly, tensors, watching


class Calibrated(nn.Module):
    """`gain * new(x) + offset`, the two numbers fixed."""

    gain: Tensor
    offset: Tensor

    def __init__(self, new: nn.Module) -> None:
        super().__init__()
        self.new = new
        device = next((p.device for p in new.parameters()), None)
        self.register_buffer("gain", torch.ones((), device=device))
        self.register_buffer("offset", torch.zeros((), device=device))
        self.train(new.training)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The calibrated output."""
        return self.gain * self.new(*args, **kwargs) + self.offset

    def __repr__(self) -> str:
        return f"Calibrated({self.new!r}, gain={float(self.gain):.4g}, offset={float(self.offset):.4g})"


@dataclass
class Sums:
    """Sums over pairs of an old output y and a new output z, from which every fit and its error follow."""

    n: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yy: float = 0.0
    zz: float = 0.0
    yz: float = 0.0

    def add(self, old: Tensor, new: Tensor) -> None:
        """Take in one pair of outputs."""
        y, z = old.double().flatten(), new.double().flatten()
        self.n += y.numel()
        self.y += float(y.sum())
        self.z += float(z.sum())
        self.yy += float(y @ y)
        self.zz += float(z @ z)
        self.yz += float(y @ z)

    def affine(self) -> tuple[float, float]:
        """The least squares of `gain * z + offset - y`."""
        variance = self.zz - self.z**2 / self.n
        gain = (self.yz - self.y * self.z / self.n) / variance if variance > 0 else 0.0
        return gain, (self.y - gain * self.z) / self.n

    def gain(self) -> tuple[float, float]:
        """The least squares of `gain * z - y`: zero stays zero."""
        return (self.yz / self.zz if self.zz > 0 else 0.0), 0.0

    def moments(self) -> tuple[float, float]:
        """Equal mean and equal variance of `gain * z + offset` and y."""
        old, new = (square - total**2 / self.n for square, total in ((self.yy, self.y), (self.zz, self.z)))
        gain = (max(old, 0.0) / new) ** 0.5 if new > 0 else 0.0
        return gain, (self.y - gain * self.z) / self.n

    def error(self, gain: float = 1.0, offset: float = 0.0) -> float:
        """Root of the mean square of `gain * z + offset - y`, over that of y."""
        square = gain**2 * self.zz + offset**2 * self.n + self.yy
        square += 2 * (gain * offset * self.z - gain * self.yz - offset * self.y)
        return (max(square, 0.0) / self.yy) ** 0.5 if self.yy > 0 else float(square > 0)


FITS: Mapping[str, Callable[[Sums], tuple[float, float]]] = {
    "affine": Sums.affine,
    "gain": Sums.gain,
    "moments": Sums.moments,
}


class Calibration:
    """Watches the model before it is changed, and fits what comes to what it saw.

    Args:
        finder: which has found the calls of the model.
        chosen: what becomes of them; where one tensor comes and goes, the new module is wrapped, to be fitted.
        batches: inputs of the model.
        how: a name of `FITS`.
    """

    def __init__(self, finder: Finder, chosen: Sequence[Choice], batches: Sequence[Any], how: str) -> None:
        self.batches = batches
        self.sums: dict[nn.Module, Sums | None] = {}
        news = {choice.call: choice.new for choice in chosen if choice.call and choice.new}

        def around(subject: Subject, run: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            call = finder.lookup(subject, currentframe())
            new = news.get(call) if call else None
            if call is None or new is None:
                return run(*args, **kwargs)
            # Before the old one runs, since that may overwrite its input; on a copy, since the new one may.
            coming = _call(new, call, args, kwargs)
            going = run(*args, **kwargs)
            self._take(new, going, coming)
            return going

        with watching(finder.rules.functions, finder.modules, around):
            self.before = self._outputs(finder.model)
        self.fits: dict[Calibrated, tuple[float, float]] = {}
        wrapped: dict[nn.Module, Calibrated] = {}
        for choice in chosen:
            if choice.new is not None and (sums := self.sums.get(choice.new)):
                fit = FITS[how](sums)
                choice.error = (sums.error(), sums.error(*fit))
                choice.new = wrapped.setdefault(choice.new, Calibrated(choice.new))
                self.fits[choice.new] = fit

    def finish(self, model: nn.Module) -> tuple[float, float]:
        """Set the fitted numbers; the relative error of the output of the changed model before and after that."""
        swapped = self._error(model)
        for module, (gain, offset) in self.fits.items():
            module.gain.fill_(gain)
            module.offset.fill_(offset)
        return swapped, self._error(model)

    def _take(self, new: nn.Module, going: Any, coming: Any) -> None:
        alike = isinstance(going, Tensor) and isinstance(coming, Tensor) and going.shape == coming.shape
        sums = self.sums.setdefault(new, Sums() if alike else None)
        if alike and sums is not None:
            sums.add(going, coming)

    def _outputs(self, model: nn.Module) -> list[Tensor]:
        with quietly(model):
            return [tensor.clone() for batch in self.batches for tensor in tensors(feed(model, batch))]

    def _error(self, model: nn.Module) -> float:
        sums = Sums()
        for old, new in zip(self.before, self._outputs(model), strict=True):
            sums.add(old, new)
        return sums.error()


def _call(new: nn.Module, call: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    if not call.everything:
        args, kwargs = (args[0] if args else kwargs["input"],), {}
    with quietly(new):
        return new(*(arg.clone() if isinstance(arg, Tensor) else arg for arg in args), **kwargs)
