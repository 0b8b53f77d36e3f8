"""What holds of every bend: its formula, its facts, its lean backward, its exported form."""

import math
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from unbend.activations import Bend, bend
from unbend.activations._facts_base import Facts
from unbend.activations._lean_base import LARGE, slope_of
from unbend.activations._outline_base import Curve
from unbend.testing._compare import close
from unbend.testing._exact import exact
from unbend.testing._subject import Subject, gradients, total
from unbend.testing._suite import Skip, kind

a_bend = kind("bend", lambda cls: issubclass(cls, Bend))

_FAR = 1e7
_TIGHT = 0.02


def the_bend(subject: Subject, dtype: torch.dtype = torch.float64) -> Bend:
    """The subject as what it is."""
    made = subject.module(dtype)
    assert isinstance(made, Bend)
    return made


def one_channel(subject: Subject) -> Bend:
    """The same for checks that look at a single curve."""
    made = the_bend(subject)
    if made.channels is not None:
        raise Skip("it has several channels; an example with one shows it")
    return made


def column(made: Bend, x: Tensor) -> Tensor:
    """The points of `x`, once for each channel."""
    return x if made.channels is None else x[:, None].expand(-1, made.channels)


def span(facts: Facts) -> float:
    """A length in which the curve does something."""
    size = max([abs(p) for p in (*facts.turns, *facts.breaks)] + [facts.period or 0.0])
    return size if size > 1e-6 else 1.0


def grid(made: Bend, count: int = 20_001) -> Tensor:
    """Points dense near zero and out to ten million times the curve's own length."""
    t = torch.linspace(-1, 1, count, dtype=torch.float64)
    return column(made, span(made.facts) * torch.sinh(t * math.asinh(_FAR)))


@a_bend.check
def is_elementwise(subject: Subject) -> None:
    """Every element is mapped by itself, in any shape; those of a channel by the same curve."""
    made = the_bend(subject)
    x = subject.input()
    if made.channels is None:
        flat = made(x.flatten())
        close(made(x).flatten(), flat, x.dtype)
        for shape in ((), (1,), (0, 3), (2, 3, 5, 7)):
            y = made(torch.ones(shape, dtype=x.dtype))
            assert y.shape == shape, f"shape {shape} becomes {tuple(y.shape)}"
    jacobian = torch.autograd.functional.jacobian(made, x).view(x.numel(), x.numel())
    close(jacobian, made.slope(x).flatten().diag(), x.dtype, "the Jacobian")


@a_bend.check
def formula_is_the_code(subject: Subject) -> None:
    """In float64 the code is within the stated rounding of the docstring's formula, from 1e-30 to 1e4."""
    made = one_channel(subject)
    values = {name: made.at(name) for name in made.start}
    size = torch.logspace(-30, 4, 35, dtype=torch.float64)
    for x in torch.cat([size, -size, torch.linspace(-9, 9, 61, dtype=torch.float64) + 0.01]).tolist():
        expected, got = exact(made.formula, x, values), float(made(torch.tensor(x, dtype=torch.float64)).detach())
        error = abs(got - expected)
        assert error <= made.outline.slack * (1 + abs(expected)), (
            f"at {x!r} the formula is {expected!r}, the code {got!r}"
        )


@a_bend.check
def extremes_follow_the_formula(subject: Subject) -> None:
    """In float32 the value is right at 1e-30, 90, 1e4 and 1e30, and infinite only where the formula leaves the type."""
    made = one_channel(subject).float()
    values = {name: made.at(name) for name in made.start}
    for x in (sign * size for size in (1e-30, 90.0, 1e4, 1e30) for sign in (1, -1)):
        point = torch.tensor(x)
        expected, got = exact(made.formula, float(point), values), float(made(point).detach())
        if abs(expected) < torch.finfo(torch.float32).max:
            error = abs(got - expected)
            assert error <= 1e-5 * abs(expected) + 1e-37, f"at {x!r} the formula is {expected!r}, the code {got!r}"


@a_bend.check
def slope_is_the_derivative(subject: Subject) -> None:
    """The closed form of the slope agrees with automatic differentiation, far out as well."""
    made = the_bend(subject)
    x = grid(made, 2001).clone().requires_grad_()
    (expected,) = torch.autograd.grad(made(x).sum(), x)
    got = made.slope(x.detach())
    assert bool(got.isfinite().all()), "the slope is not finite"
    error = ((got - expected).abs() / (1 + expected.abs())).detach()
    at = int(error.argmax())
    where = float(x.detach().flatten()[at])
    assert float(error.max()) <= 1e-7, f"at {where!r} the slope is {float(got.flatten()[at])!r}"


@a_bend.check
def ranges_are_tight(subject: Subject) -> None:
    """The facts' ranges of value and slope contain every sample, and are at most 2 % wider than the samples'."""
    made = the_bend(subject)
    facts, x = made.facts, grid(made)
    for name, (low, high), samples in (("value", facts.value, made(x)), ("slope", facts.slope, made.slope(x))):
        least, most = (float(v) for v in samples.detach().aminmax())
        allowed = 1e-9 * (1 + abs(least) + abs(most))
        assert low <= least + allowed, f"the {name} reaches down to {least!r}, the facts say {low!r}"
        assert most - allowed <= high, f"the {name} reaches up to {most!r}, the facts say {high!r}"
        width = high - low if math.isfinite(high - low) else 1.0
        assert math.isfinite(low) or least < -3, f"the facts let the {name} fall without end; it stays above {least!r}"
        assert math.isfinite(high) or most > 3, f"the facts let the {name} rise without end; it stays below {most!r}"
        assert not math.isfinite(low) or least - low <= _TIGHT * width + allowed, f"{name} from {low!r}, not {least!r}"
        assert not math.isfinite(high) or high - most <= _TIGHT * width + allowed, f"{name} to {high!r}, not {most!r}"
    steep = max(map(abs, facts.slope)) if facts.smooth >= 0 else math.inf
    assert facts.lipschitz == steep, f"the Lipschitz constant is {steep!r}, the facts say {facts.lipschitz!r}"


@a_bend.check
def shape_is_as_told(subject: Subject) -> None:
    """Zero, monotony, curvature, symmetry and period are those that samples show, neither more nor less."""
    made = the_bend(subject)
    facts, x = made.facts, grid(made)
    y, slope = made(x), made.slope(x)
    noise = 1e-9 * (1 + y.abs())
    zero = made(column(made, torch.zeros(1, dtype=x.dtype)))
    assert math.isnan(facts.zero) or bool((zero == facts.zero).all()), f"f(0) is {zero}, the facts say {facts.zero!r}"
    rises, falls = (bool((sign * y.diff(dim=0) > noise[1:]).any()) for sign in (1, -1))
    shown = None if rises and falls else "decreasing" if falls else "increasing"
    assert facts.monotone == shown, f"samples are {shown}, the facts say {facts.monotone}"
    steeper, flatter = (bool((sign * slope.diff(dim=0) > 1e-7 * (1 + slope[1:].abs())).any()) for sign in (1, -1))
    kind = {(True, False): "convex", (False, True): "concave", (False, False): "linear"}.get((steeper, flatter))
    assert facts.curvature == (kind if facts.smooth >= 0 else None), f"samples are {kind}, not {facts.curvature}"
    odd, even = (bool(((made(-x) - sign * y).abs() <= noise).all()) for sign in (-1, 1))
    assert facts.symmetry == ("odd" if odd else "even" if even else None), f"odd: {odd}, even: {even}"
    if facts.period is not None and not math.isnan(facts.period):
        near = column(made, torch.linspace(-9, 9, 101, dtype=x.dtype) * facts.period)
        for part, repeats in ((1.0, True), (0.5, False), (1 / 3, False)):
            step = made(near + part * facts.period) - made(near)
            assert bool(((step - step[0]).abs() < 1e-9).all()) == repeats, f"{part:g} of the period {facts.period!r}"


@a_bend.check
def tails_are_as_told(subject: Subject) -> None:
    """Far out the curve lies on the lines that the facts name."""
    made = one_channel(subject)
    facts = made.facts
    for side, line in ((-1, facts.left), (1, facts.right)):
        if line is None:
            continue
        x = torch.tensor([side * 1e6, side * 1e8], dtype=torch.float64) * span(facts)
        y = made(x)
        slope, offset = float(line.slope), float(line.offset)
        mean = float((y[1] - y[0]) / (x[1] - x[0]))
        if math.isinf(slope):
            assert mean * math.copysign(1, slope) > 1e2, f"on side {side:+d} it is no steeper than {mean!r}"
            continue
        assert abs(mean - slope) <= 1e-5 * (1 + abs(slope)), f"on side {side:+d} the slope is {mean!r}, not {slope!r}"
        rest = float((y - slope * x)[0])
        if math.isfinite(offset):
            assert abs(rest - offset) <= _TIGHT * (1 + abs(offset)), f"the offset is {rest!r}, not {offset!r}"
        else:
            assert rest * math.copysign(1, offset) > 3, f"the offset is {rest!r}, not {offset!r}"


@a_bend.check
def landmarks_are_complete(subject: Subject) -> None:
    """The value turns at the turns and nowhere else; the slope turns or jumps only at the breaks."""
    made = one_channel(subject)
    facts = made.facts
    half = facts.period or 20 * span(facts)
    x = torch.linspace(-half, half, 40_001, dtype=torch.float64) + 1e-3 * half / 7
    step = float(x[1] - x[0])
    for name, points, y in (("value", facts.turns, made(x)), ("slope", facts.breaks, made.slope(x))):
        change = y.diff()
        change = torch.where(change.abs() > 1e-11 * (1 + y[1:].abs()), change, 0.0)
        moving = change.nonzero()[:, 0]
        flips = moving[1:][change[moving[1:]].sign() != change[moving[:-1]].sign()]
        places = [(float(x[i]), float(x[moving[moving < i][-1]])) for i in flips.tolist()]
        known = [p + k * (facts.period or 0.0) for p in points for k in range(-3, 4)]
        for high, low in places:
            near = any(low - 2 * step <= p <= high + 2 * step for p in known)
            assert near, f"the {name} turns between {low!r} and {high!r}, which the outline does not list"
        if name == "value":
            for p in points:
                assert any(low - 2 * step <= p <= high + 2 * step for high, low in places), f"no turn at {p!r}"


@a_bend.check
def smoothness_is_as_told(subject: Subject) -> None:
    """At the breaks as many derivatives are continuous as the facts say, and the next one jumps at one of them."""
    made = one_channel(subject)
    facts = made.facts
    curves: list[Curve] = [lambda x: made.function(x, *[made.at(name) for name in made.start])]
    for _ in range(3):
        curves.append(partial(slope_of, curves[-1]))
    jumps = [0.0] * 4
    for point in facts.breaks:
        x = point + 1e-7 * span(facts) * torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=torch.float64)
        for order, f in enumerate(curves):
            a, b, c, d = f(x).tolist()
            extrapolated = (c - (d - c)) - (b + (b - a))
            jumps[order] = max(jumps[order], abs(extrapolated) / (1 + abs(a) + abs(d)))
    for order, jump in enumerate(jumps):
        if order <= facts.smooth:
            assert jump < 1e-3, f"derivative {order} jumps by {jump:.3g}; the facts say {facts.smooth} are continuous"
        elif order == facts.smooth + 1:
            assert jump > 1e-3, f"derivative {order} does not jump; the facts say only {facts.smooth} are continuous"


@a_bend.check
def fixed_points_are_complete(subject: Subject) -> None:
    """f(x) = x on the intervals that the facts name, and nowhere else within a period of zero."""
    made = one_channel(subject)
    facts = made.facts
    if facts.smooth < 0:
        raise Skip("it jumps, and may jump over the identity")
    for low, high in facts.fixed:
        x = torch.tensor([max(low, -1e3), min(high, 1e3)], dtype=torch.float64)
        assert bool(((made(x) - x).abs() <= 1e-7 * (1 + x.abs())).all()), f"f moves the ends of {(low, high)}"
    half = facts.period or 50 * span(facts)
    x = torch.linspace(-half, half, 20_002, dtype=torch.float64)
    gap = made(x) - x
    crossed = ((gap[1:] * gap[:-1] < 0) & (gap.diff().abs() < 0.1 * half)).nonzero()[:, 0].tolist()
    for i in crossed:
        a, b = float(x[i]), float(x[i + 1])
        assert any(low <= b and a <= high for low, high in facts.fixed), f"f(x) = x between {a!r} and {b!r}"


@a_bend.check
def lean_backward_is_the_same(subject: Subject) -> None:
    """With `lean` output, gradients and second gradients are the same, under compile and export as well."""
    made, thin, x = the_bend(subject), the_bend(subject), subject.input()
    made.lean, thin.lean = False, "slope"
    close(gradients(thin, x), gradients(made, x), x.dtype, "the gradient from the slope")
    made.lean, thin.lean = False, True
    close(thin(x), made(x), x.dtype)
    close(gradients(thin, x), gradients(made, x), x.dtype, "the gradient")
    close(_second(thin, x), _second(made, x), x.dtype, "the second gradient")
    close(_jacobians(thin, x), _jacobians(made, x), x.dtype, "the Jacobian under vmap")
    close(torch.export.export(thin, (x,)).module()(x), made(x), x.dtype, "the exported output")
    torch.compiler.reset()
    compiled: Any = torch.compile(thin, fullgraph=True, backend="aot_eager", dynamic=False)
    close(gradients(compiled, x), gradients(made, x), x.dtype, "the compiled gradient")
    torch.compiler.reset()


def _jacobians(made: Bend, x: Tensor) -> Tensor:
    def row_by_row(row: Tensor) -> Tensor:
        return made(row[None])[0]

    return torch.vmap(torch.func.jacrev(row_by_row))(x)


def _second(made: Bend, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    wanted = [x, *(p for p in made.parameters() if p.requires_grad)]
    first = torch.autograd.grad(total(made(x)), wanted, create_graph=True)
    # The input enters once more with weight zero, for a curve whose slope is constant on its pieces.
    again = total([g**2 for g in first]) + 0 * x.sum()
    return list(torch.autograd.grad(again, wanted, allow_unused=True, materialize_grads=True))


@a_bend.check
def lean_keeps_one_tensor(subject: Subject) -> None:
    """With `lean=True` only the input is kept for the backward pass; with "slope" one tensor, two with parameters."""
    made, x = the_bend(subject), subject.input().requires_grad_()
    made.lean = True
    kept = _kept(made, x)
    assert all(t.data_ptr() == x.data_ptr() for t in kept), f"{len(kept)} tensors as large as the input are kept"
    made.lean = "slope"
    most = 2 if any(p.requires_grad for p in made.parameters()) else 1
    kept = _kept(made, x)
    assert len(kept) <= most, f"{len(kept)} tensors as large as the input are kept"


def _kept(made: Bend, x: Tensor) -> list[Tensor]:
    """The tensors as large as the input that a call keeps for its backward pass."""
    kept: list[Tensor] = []

    def keep(t: Tensor) -> Tensor:
        kept.append(t)
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        made(x)
    return [t for t in kept if t.numel() >= x.numel()]


@a_bend.check
def large_inputs_are_the_same(subject: Subject) -> None:
    """On an input so large that it is computed in pieces, value and gradients are those of the plain function."""
    made = the_bend(subject, torch.float32)
    shape = (-(-LARGE // 15) + 1, 3, 5) if made.dim == 1 else (-(-LARGE // 15) + 1, 5, 3)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weight = (1 + torch.cos(torch.arange(x.numel(), dtype=x.dtype)).view(shape)) / len(x)
    wanted = [x, *(p for p in made.parameters() if p.requires_grad)]
    plain = made.function(x, *made.values(x.ndim, made.dim, x.dtype))
    expected = torch.autograd.grad(plain, wanted, weight, allow_unused=True, materialize_grads=True)
    with torch.no_grad():
        close(made(x), plain, x.dtype, "the value without gradients")
    for lean in (False, True, "slope"):
        made.lean = lean
        y = made(x)
        close(y, plain, x.dtype, f"the value with lean={lean!r}")
        got = torch.autograd.grad(y, wanted, weight, allow_unused=True, materialize_grads=True)
        # The gradient of a parameter is a sum of a quarter of a million terms.
        close(got, expected, x.dtype, f"the gradient with lean={lean!r}", times=5)


@a_bend.check
def exports_plain_operators(subject: Subject) -> None:
    """The exported graph holds operators of torch alone, so that ONNX can take it."""
    made, x = the_bend(subject, torch.float32), subject.input(torch.float32)
    for node in torch.export.export(made, (x,)).graph.nodes:
        if node.op == "call_function":
            assert str(node.target).startswith("aten."), f"{node.target} is no operator of torch"


@a_bend.slow_check
def exports_to_onnx(subject: Subject) -> None:
    """`torch.onnx.export` takes it, and another program that reads ONNX gives the same output."""
    made, x = the_bend(subject, torch.float32), subject.input(torch.float32)
    close(onnx_output(made, x), made(x), x.dtype, "the output of the ONNX graph")


def onnx_output(made: torch.nn.Module, x: Tensor) -> list[Tensor]:
    """What ONNX's own reference interpreter makes of the exported module."""
    try:
        reference: Any = import_module("onnx.reference")
        import_module("onnxscript")
    except ImportError as error:
        raise Skip(f"{error.name} is not installed") from error
    program: Any = torch.onnx.export(made, (x,), dynamo=True, verbose=False)
    model = program.model_proto
    found = reference.ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})
    return [torch.as_tensor(array) for array in found]


@a_bend.check
def cost_is_counted(subject: Subject) -> None:
    """The formula parses, and costs at least one operation."""
    made = the_bend(subject)
    assert made.cost().total >= 1 or made.facts.curvature == "linear", f"the cost is {made.cost()}"


@a_bend.check
def its_name_finds_it(subject: Subject) -> None:
    """`unbend.bend` makes it from its name, and from every alias."""
    made = the_bend(subject)
    cls = type(made)
    if not cls.__module__.startswith("unbend."):
        raise Skip("only unbend's own bends have names")
    own: str = getattr(made, "name", cls.__name__)  # a class of many bends tells each its name
    for name in (own, own.lower(), *cls.aliases):
        found = bend(name)
        assert type(found) is cls, f"{name} finds {found}"
        assert getattr(found, "name", own) == own, f"{name} finds {found}"
