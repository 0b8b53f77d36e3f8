"""What every bend has from its base: faces of curves with jumps, waves and parameters; wrong use."""

import math

import pytest
import torch

import unbend
from unbend._errors import ArgumentError
from unbend.activations import GELU, GoLU, PReLU, ReLU, SiLU, Snake
from unbend.activations._base import ZERO, Bend, Line, Outline


class Step(Bend):
    """One above zero, nothing below.

    Formula:
        y = where(x >= 0, 1, 0)
    """

    function = staticmethod(lambda x: (x >= 0).to(x.dtype))

    @property
    def outline(self) -> Outline:
        return Outline(breaks=(0.0,), left=ZERO, right=Line(0.0, 1.0), smooth=-1)


class Wave(Bend):
    """A sine on a slope.

    Formula:
        y = sin(x) + tilt * x
    """

    function = staticmethod(lambda x, tilt: torch.sin(x) + tilt * x)

    def __init__(self, tilt: float = 0.0) -> None:
        super().__init__(tilt=tilt)

    @property
    def outline(self) -> Outline:
        tilt = float(self.at("tilt"))
        turns = (math.acos(-tilt), 2 * math.pi - math.acos(-tilt)) if abs(tilt) < 1 else ()
        return Outline((0.0, math.pi), turns, period=2 * math.pi, drift=tilt)


def test_bounds_of_a_jump() -> None:
    step = Step()
    assert [[round(float(v), 6) for v in step.bounds(*ends)] for ends in ((-1, -0.5), (-1.0, 0.0), (0.0, 2.0))] == [
        [0, 0],
        [0, 1],
        [1, 1],
    ]
    assert step.facts.lipschitz == math.inf
    assert step.facts.monotone == "increasing"
    lower, upper = step.relax(torch.tensor(-1.0).double(), torch.tensor(3.0).double())
    x = torch.linspace(-1, 3, 4001, dtype=torch.float64)
    assert bool(((step(x) >= lower(x)) & (step(x) <= upper(x))).all())
    assert float(upper(torch.tensor(1.0))) < 1.51, "the upper line rests on (-1, 0) and (0, 1), or is level"


@pytest.mark.parametrize("tilt", [0.0, 0.5, -0.3, 1.5])
def test_bounds_and_lines_of_a_wave(tilt: float) -> None:
    wave, random = Wave(tilt), torch.Generator().manual_seed(0)
    low = torch.randn(300, generator=random, dtype=torch.float64) * 20
    high = low + 10 ** (torch.rand(300, generator=random, dtype=torch.float64) * 4 - 2)
    x = low + (high - low) * torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None]
    y = wave(x)
    least, most = wave.bounds(low, high)
    lower, upper = wave.relax(low, high)
    assert bool(((y >= least) & (y <= most) & (y >= lower(x)) & (y <= upper(x))).all())
    step = (high - low) / 2000 * (1 + abs(tilt))
    assert bool((((y.amin(0) - least) <= step**2) & ((most - y.amax(0)) <= step**2 + 1e-12)).all())
    assert wave.facts.monotone == (None if abs(tilt) < 1 else "increasing")
    assert wave.facts.value == ((-1.0, 1.0) if tilt == 0 else (-math.inf, math.inf))


def test_kernel_of_a_sine_in_closed_form() -> None:
    wave = Wave()
    for q11, q12, q22 in ((1.0, 0.5, 2.0), (40.0, -39.0, 40.0), (0.01, 0.01, 0.01)):
        near, far = math.exp(-(q11 + q22 - 2 * q12) / 2), math.exp(-(q11 + q22 + 2 * q12) / 2)
        assert float(wave.double().dual_kernel(*(torch.tensor(q).double() for q in (q11, q12, q22)))) == pytest.approx(
            (near - far) / 2, abs=1e-9
        )


def test_gradients_reach_bounds() -> None:
    low, high = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (-2.0, 1.0))
    bend = PReLU(0.5).double()
    least, most = bend.bounds(low, high)
    found = torch.autograd.grad(least + 3 * most, [low, high, bend.weight])
    assert [float(g) for g in found] == pytest.approx([0.5, 3.0, -2.0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_bounds_are_rounded_outward(dtype: torch.dtype) -> None:
    low = torch.linspace(-3, 2, 101).to(dtype)
    high = low + 1
    for bend in (GELU(), GoLU(), SiLU()):
        least, most = bend.bounds(low, high)
        assert least.dtype == most.dtype == dtype
        x = low.double() + (high.double() - low.double()) * torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
        assert bool(((bend(x) >= least.double()) & (bend(x) <= most.double())).all())


def test_plain_numbers_are_taken_as_they_are() -> None:
    least, most = GELU().bounds(-0.1, 0.1)
    assert least.dtype == torch.get_default_dtype()
    assert float(least) <= 0.5 * -0.1 * (1 + math.erf(-0.1 / math.sqrt(2))) < float(least) + 1e-8
    assert float(most) >= 0.5 * 0.1 * (1 + math.erf(0.1 / math.sqrt(2)))


def test_nan_in_nan_out() -> None:
    nan, one = torch.tensor(math.nan), torch.tensor(1.0)
    assert bool(torch.stack(GELU().bounds(nan, one)).isnan().all())
    assert bool(GELU().relax(nan, one).lower(one).isnan())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: GELU().bounds(1.0, 0.0), "lower: got 1.0; expected at most upper = 0.0"),
        (lambda: GELU().relax(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 1.0])), "lower: got 2.0"),
        (lambda: GELU().dual_kernel(1.0, 2.0, 1.0), "q12"),
        (lambda: GELU().dual_kernel(-1.0, 0.0, 1.0), "q11 >= 0"),
        (lambda: GELU().weight_std(0), "fan_in: got 0"),
        (lambda: Snake(channels=0), "channels: got 0"),
    ],
)
def test_wrong_use_is_explained(call, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        call()


def test_kernel_of_no_inputs_and_of_constants() -> None:
    zero = torch.zeros(3)
    assert GoLU().dual_kernel(torch.empty(0), torch.empty(0), torch.empty(0)).shape == (0,)
    assert torch.equal(GoLU().dual_kernel(zero, zero, zero), zero)
    assert float(GELU().dual_kernel(torch.ones(2, 3), 0.5, torch.ones(3))[1, 2]) == pytest.approx(
        float(GELU().dual_kernel(1.0, 0.5, 1.0))
    )


def test_large_variance_looks_like_the_rectifier() -> None:
    q = [torch.tensor(v, dtype=torch.float64) for v in (1e8, 3e7, 2e8)]
    for name in ("gelu", "silu", "golu", "gelu_tanh"):
        assert float(unbend.bend(name).dual_kernel(*q) / ReLU().dual_kernel(*q)) == pytest.approx(1, abs=1e-3)


def test_weights_of_the_suggested_size_keep_the_second_moment() -> None:
    bend, random, width = SiLU(), torch.Generator().manual_seed(0), 1000
    x = torch.randn(200, width, generator=random)
    for _ in range(5):
        x = bend(x) @ (bend.weight_std(width) * torch.randn(width, width, generator=random))
    assert float(x.square().mean()) == pytest.approx(1, abs=0.1)


def test_lean_is_an_option_of_the_instance() -> None:
    assert repr(GoLU(lean=True)) == "GoLU(lean=True)"
    assert not GoLU().lean


def test_cost_is_that_of_the_formula() -> None:
    assert (GoLU().cost().arithmetic, GoLU().cost().transcendental, GoLU().cost().total) == (3, 2, 5)


def test_slope_without_a_closed_form() -> None:
    wave, x = Wave(0.5), torch.linspace(-3, 3, 7, dtype=torch.float64)
    torch.testing.assert_close(wave.slope(x), torch.cos(x) + 0.5)


@pytest.mark.parametrize("bend", [GoLU(), GoLU(lean=True), GELU(), Snake(channels=3, lean=True)], ids=repr)
def test_onnx_takes_it_by_its_own_operators(bend: Bend) -> None:
    reference = pytest.importorskip("onnx.reference")
    pytest.importorskip("onnxscript")
    x = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    model = torch.onnx.export(bend, (x,), dynamo=True, verbose=False).model_proto
    assert {node.domain for node in model.graph.node} == {""}
    (y,) = reference.ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(y), bend(x).detach(), rtol=1e-5, atol=1e-6)
