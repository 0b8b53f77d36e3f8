"""A module, a bend and a mixer that keep the contract, and for every check one that breaks it."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend.activations._base import IDENTITY, ZERO, Bend, Line, Outline
from unbend.activations._silu import silu, silu_slope


class Scale(nn.Module):
    """Scale each of `width` channels: a module that keeps the contract."""

    examples: ClassVar[tuple[Example, ...]] = (Example({"width": 5}),)

    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.sigmoid(x)

    def extra_repr(self) -> str:
        return f"width={len(self.weight)}"


class NoEmptyBatch(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.amax(0, keepdim=True))


class CentredOverTheBatch(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.sum(0, keepdim=True) / 10)


class SwappedAxes(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).reshape(*x.shape[1:], x.shape[0]).movedim(-1, 0)


class ReadsRawMemory(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.as_strided(x, x.shape, torch.empty(x.shape, device="meta").stride()))


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return 2 * grad


class WrongGradient(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return _Doubled.apply(super().forward(x))


class _SquareOnce(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x.detach() * grad


class WrongSecondGradient(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return _SquareOnce.apply(super().forward(x))


class Cancels(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x + 1e5) - 1e5)


class WidensItsOutput(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).to(torch.promote_types(x.dtype, torch.float32))


class Overflows(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.exp(-torch.exp(-x))


class DropsNan(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.nan_to_num(0.0))


class SpreadsNan(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * x.sum()


class KeepsStateToItself(Scale):
    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__(width, device, dtype)
        self.hidden = float(torch.rand(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.hidden * super().forward(x)


class HoldsALambda(Scale):
    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__(width, device, dtype)
        self.act = lambda x: x

    def forward(self, x: Tensor) -> Tensor:
        return self.act(super().forward(x))


class SharesWithItsCopy(Scale):
    def __deepcopy__(self, memo):
        copied = type(self)(len(self.weight))
        copied.weight = self.weight
        return copied


class IgnoresDtype(Scale):
    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__(width, device)


class IgnoresDevice(Scale):
    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__(width, None, dtype)


class HasAnIdleParameter(Scale):
    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__(width, device, dtype)
        self.idle = nn.Parameter(torch.zeros(width, device=device, dtype=dtype))


class WritesIntoItsInput(Scale):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        x.detach().mul_(2)
        return y


class DrawsRandomNumbers(Scale):
    def forward(self, x: Tensor) -> Tensor:
        torch.rand(1)
        return super().forward(x)


class CountsItsCalls(Scale):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x) * (1 + 1e-3 * self.calls)


class ForgetsToFill(Scale):
    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__(width, device, dtype)
        self.bias = nn.Parameter(torch.empty(width, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias


class BranchesOnValues(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if float(x.sum()) > -1e9 else x


class HasNoBuiltins(Scale):
    def forward(self, x: Tensor) -> Tensor:
        # An operator that a dispatch mode meets for the first time is imported, by the builtins of whoever calls it.
        bare: dict = {"__builtins__": {}}
        exec("def f(x): return x.lgamma()", bare)
        return bare["f"](super().forward(x))


class KeepsAHandle(Scale):
    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__(width, device, dtype)
        self.handle = [self.weight]

    def forward(self, x: Tensor) -> Tensor:
        return self.handle[0] * x * torch.sigmoid(x)


class HidesItsArguments(Scale):
    def extra_repr(self) -> str:
        return ""


# Bends. `Curve` keeps the contract; each broken one differs from it in one thing.


def outline(**changes) -> Outline:
    """The outline of silu, but for `changes`."""
    whole = {
        "breaks": (-2.399357280515468, 2.399357280515468),
        "turns": (-1.278464542761074,),
        "left": ZERO,
        "right": IDENTITY,
    }
    return Outline(**{**whole, **changes})


class Curve(Bend):
    """The sigmoid linear unit: a bend that keeps the contract.

    Formula:
        y = x * sigmoid(x)
    """

    function = staticmethod(silu)
    derivative = staticmethod(silu_slope)
    told: ClassVar[Outline] = outline()

    def __init__(self, *, lean: bool = False) -> None:
        super().__init__(lean=lean)

    @property
    def outline(self) -> Outline:
        return self.told


def variant(name: str, formula: str = "y = x * sigmoid(x)", **members) -> type[Bend]:
    """A `Curve` with other members."""
    return type(name, (Curve,), {"__doc__": f"Broken.\n\nFormula:\n    {formula}\n", "__module__": __name__, **members})


def _saturating(x: Tensor) -> Tensor:
    return silu(x.clamp(max=1e6))


def _hidden_kink(x: Tensor) -> Tensor:
    return torch.relu(x - 0.3)


def _tanh2(x: Tensor) -> Tensor:
    return torch.tanh(2 * x)


def _wrong_dual(q11: Tensor, q12: Tensor, q22: Tensor) -> tuple[Tensor, Tensor]:
    return q12 / 4 + 0.05, torch.full_like(q12, 0.25)


@torch.library.custom_op("unbend_tests::opaque", mutates_args=())
def _opaque(x: Tensor) -> Tensor:
    return silu(x)


@_opaque.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


class Greedy(Curve):
    """Ignores `lean`.

    Formula:
        y = x * sigmoid(x)
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x) * 1.0


class RoundsToNearest(Curve):
    """Bounds that are cast, not rounded outward.

    Formula:
        y = x * sigmoid(x)
    """

    def bounds(self, lower, upper):
        low, high = super().bounds(torch.as_tensor(lower).double(), torch.as_tensor(upper).double())
        return low.to(torch.as_tensor(lower).dtype), high.to(torch.as_tensor(lower).dtype)


wrong_formula = variant("WrongFormula", "y = x * sigmoid(1.001 * x)")
no_operation = variant("NoOperation", "y = x")
saturates = variant("Saturates", function=staticmethod(_saturating), derivative=None)
wrong_slope = variant("WrongSlope", derivative=staticmethod(lambda x: 1.01 * silu_slope(x)))
centred = variant("Centred", function=staticmethod(lambda x: silu(x - x.mean())), derivative=None)
forgets_a_turn = variant("ForgetsATurn", told=outline(turns=()))
forgets_a_break = variant("ForgetsABreak", told=outline(breaks=(-2.399357280515468,)))
misplaces_a_break = variant("MisplacesABreak", told=outline(breaks=(-2.2, 2.2)))
wrong_tail = variant("WrongTail", told=outline(right=Line(1.0, -0.2)))
too_smooth = variant(
    "TooSmooth", function=staticmethod(torch.relu), derivative=None, told=outline(breaks=(0.0,), smooth=1)
)
too_rough = variant("TooRough", told=outline(smooth=1))
loose = variant("Loose", told=outline(slack=0.2))
opaque = variant("Opaque", function=staticmethod(_opaque), derivative=None)
wrong_dual = variant("WrongDual", dual=staticmethod(_wrong_dual))
misnamed = variant("Silu2", __module__="unbend.activations._silu")
hides_a_kink = variant(
    "HidesAKink", "y = relu(x - 0.3)", function=staticmethod(_hidden_kink), derivative=None, told=outline(turns=())
)
loses_fixed_points = variant(
    "LosesFixedPoints",
    "y = tanh(2 * x)",
    function=staticmethod(_tanh2),
    derivative=None,
    told=Outline((), left=Line(0.0, -1.0), right=Line(0.0, 1.0)),
)
wrong_period = variant(
    "WrongPeriod",
    "y = sin(x)",
    function=staticmethod(torch.sin),
    derivative=None,
    told=Outline((0.0, math.pi), (math.pi / 2, 3 * math.pi / 2), period=4 * math.pi),
)


# Mixers.


class Decay(nn.Module):
    """`s_t = s_{t-1} / 2 + x_t`, read through a matrix: a causal mixer that keeps the contract."""

    causal = True
    examples: ClassVar[tuple[Example, ...]] = (Example({"width": 5}, (2, 7, 5)),)

    def __init__(self, width: int, chunk: int = 4, device=None, dtype=None) -> None:
        super().__init__()
        self.width, self.chunk = width, chunk
        self.read = nn.Linear(width, width, device=device, dtype=dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        if padding is not None:
            x = self.hide(x, padding)
        state = self.init_state(x.shape[0], device=x.device, dtype=x.dtype)[0]
        outputs = []
        for part in x.split(self.chunk, 1):
            t = torch.arange(part.shape[1], device=x.device)
            weights = (0.5 ** (t[:, None] - t)).tril().to(state.dtype)
            seen = torch.einsum("ts,bsd->btd", weights, part.to(state.dtype))
            seen = seen + 0.5 ** (t + 1)[:, None].to(state.dtype) * state[:, None]
            state = self.carry(seen)
            outputs.append(seen)
        return self.read(torch.cat(outputs, 1).to(x.dtype))

    def hide(self, x: Tensor, padding: Tensor) -> Tensor:
        return x.masked_fill(~padding[..., None], 0.0)

    def carry(self, seen: Tensor) -> Tensor:
        return seen[:, -1]

    def init_state(self, batch: int, *, device=None, dtype=None) -> tuple[Tensor, ...]:
        wide = torch.promote_types(dtype or torch.float32, torch.float32)
        return (torch.zeros(batch, self.width, device=device, dtype=wide),)

    def step(self, x_t: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        new = state[0] / 2 + x_t.to(state[0].dtype)
        return self.read(new.to(x_t.dtype)), (new,)

    def extra_repr(self) -> str:
        return f"width={self.width}, chunk={self.chunk}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


class IgnoresPadding(Decay):
    def hide(self, x: Tensor, padding: Tensor) -> Tensor:
        return x


class MultipliesByTheMask(Decay):
    def hide(self, x: Tensor, padding: Tensor) -> Tensor:
        return x * padding[..., None]


class CountsPaddedTokens(Decay):
    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        return super().forward(x, padding) / x.shape[1]


class LooksAhead(Decay):
    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        return super().forward(x + 0.1 * x.roll(-1, 1), padding)


class StepsTooFar(Decay):
    def step(self, x_t: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        return super().step(x_t, (state[0] * 0.9,))


class GrowsItsState(Decay):
    def step(self, x_t: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        y, new = super().step(x_t, state[:1])
        return y, (*new, *state[1:], x_t)


class KeepsNarrowStates(Decay):
    def init_state(self, batch: int, *, device=None, dtype=None) -> tuple[Tensor, ...]:
        return (torch.zeros(batch, self.width, device=device, dtype=dtype),)


class ForgetsBetweenChunks(Decay):
    def carry(self, seen: Tensor) -> Tensor:
        return 0.9 * seen[:, -1]


class HasATable(Decay):
    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        table = torch.zeros(32, self.width, dtype=x.dtype)
        return super().forward(x + table[torch.arange(x.shape[1])], padding)


class IsQuadratic(Decay):
    def __init__(self, width: int, device=None, dtype=None) -> None:
        super().__init__(width, 10**6, device, dtype)
