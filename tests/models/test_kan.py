"""Networks of learned functions: pruning, reading back as formulas, pictures, saving."""

import io
import json

import pytest
import torch
from torch.nn import functional as F

from unbend._errors import ArgumentError
from unbend.models import KAN, SymbolicFit
from unbend.models._kan_symbol_base import symbolic_fits


def batch(rows: int = 200, features: int = 2) -> torch.Tensor:
    return torch.rand(rows, features, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def product() -> KAN:
    """x_0 * x_1 = ((x_0 + x_1)^2 - (x_0 - x_1)^2) / 4, exactly, beside a node that does nothing."""
    net = KAN((2, 3, 1), base=None, domain=(-2.5, 2.5), dtype=torch.float64)
    x = torch.linspace(-2.5, 2.5, 99, dtype=torch.float64)
    factors = [torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.0, 0.0]]), torch.tensor([[0.25, -0.25, 0.0]])]
    with torch.no_grad():
        for layer, factor, curve in zip(net.layers, factors, (x, x**2)):
            fitted = torch.linalg.lstsq(layer.bases(x[:, None].expand(-1, layer.in_features))[:, 0], curve[:, None])
            layer.coef.copy_(factor.double()[..., None] * fitted.solution[:, 0])
            layer.scale.fill_(1.0)
    return net


def test_the_product_is_a_network_of_squares() -> None:
    x = batch()
    assert torch.allclose(product()(x)[:, 0], x.prod(1), atol=1e-10)


def test_pruning_drops_the_idle_node_and_keeps_the_function() -> None:
    net, x = product(), batch()
    small = net.prune(x)
    assert small.widths == (2, 2, 1)
    assert torch.allclose(small(x), net(x), atol=1e-10)
    net.layers[0].refine(10)
    assert torch.allclose(net.prune(x)(x), net(x), atol=1e-10), "layers may have grids of their own"
    assert net.prune(x, nodes=1e9).widths == (2, 1, 1), "the best node stays"
    masked = net.prune(x, edges=0.05)
    assert int(masked.layers[0].mask.sum()) == 4
    assert int(net.prune(x, edges=1e9).layers[1].mask.sum()) == 0


def test_penalty_is_that_of_the_layers_on_what_reaches_them() -> None:
    net, x = product(), batch()
    hidden = net.layers[0](x)
    expected = net.layers[0].penalty(x, 2.0, 3.0) + net.layers[1].penalty(hidden, 2.0, 3.0)
    assert float(net.penalty(x, 2.0, 3.0).detach()) == pytest.approx(float(expected.detach()))
    for size, layer, z in zip(net.sizes(x), net.layers, net.nodes(x)):
        assert torch.allclose(size, layer.edges(z).abs().mean(0))


def test_the_product_is_read_back_as_a_product() -> None:
    import sympy

    net, x = product().prune(batch()), batch()
    (formula,) = net.formula(x)
    a, b = sympy.symbols("x_0 x_1")
    error = sympy.lambdify((a, b), formula - a * b, "numpy")
    assert abs(error(x[:, 0].numpy(), x[:, 1].numpy())).max() < 5e-3, formula
    best = net.symbolic_fit((1, 0, 0), x)[0]
    assert (best.name, round(best.r2, 9)) == ("x**2", 1.0)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sin(x)", lambda x: 2 * torch.sin(3 * x + 0.5) - 1),
        ("exp(x)", lambda x: 0.5 * torch.exp(-1.7 * x + 0.3)),
        ("log(x)", lambda x: torch.log(2 * x + 3)),
        ("1/x", lambda x: 1 / (x + 1.6)),
        ("abs(x)", lambda x: (x - 0.25).abs()),
        ("exp(-x**2)", lambda x: torch.exp(-((2 * x - 0.4) ** 2))),
        ("x", lambda x: 3 * x - 7),
    ],
)
def test_known_curves_are_found_with_their_numbers(name: str, make) -> None:
    x = batch()[:, 0]
    best = symbolic_fits(x, make(x))[0]
    assert best.name == name
    assert best.r2 > 0.9999
    assert torch.allclose(best(x), make(x), atol=0.03 * float(make(x).std()))


def test_bends_are_candidates_by_name() -> None:
    x = 3 * batch()[:, 0]
    best, other = symbolic_fits(x, 2 * F.silu(1.5 * x) + 1, ["softplus", "silu"])
    assert best.name == "silu"
    assert best.r2 > 0.9999 > other.r2
    with pytest.raises(ArgumentError, match="written out by"):
        best.expression(None)


def test_a_constant_is_fitted_by_anything_and_one_point_by_nothing() -> None:
    x = batch()[:, 0]
    best = symbolic_fits(x, torch.full_like(x, 3.0))[0]
    assert (best.c, best.d, best.r2) == (0.0, 3.0, 1.0)
    with pytest.raises(ArgumentError, match="three different"):
        symbolic_fits(torch.zeros(9), torch.zeros(9))


def test_a_fit_prints_as_a_formula() -> None:
    assert str(SymbolicFit("exp(-x**2)", 2.0, -0.5, 3.0, 1.0, 1.0)) == "3*exp(-(2*x-0.5)**2)+1"
    assert str(SymbolicFit("silu", 2.0, -0.5, 3.0, -1.0, 1.0)) == "3*silu(2*x-0.5)-1"


def test_update_grid_follows_the_values_through_the_layers() -> None:
    torch.manual_seed(0)
    net, x = KAN((2, 4, 1), noise=5.0, dtype=torch.float64), 3 * batch()
    y = net(x).detach()
    assert net.update_grid(x) is net
    for layer, z in zip(net.layers, net.nodes(x)):
        points = layer.basis.points(layer.knots)
        assert torch.allclose(points[:, 0], z.amin(0))
        assert torch.allclose(points[:, -1], z.amax(0))
    assert float((net(x) - y).square().mean().detach()) < 0.1 * float(y.var())


def test_a_refined_network_is_saved_and_loaded() -> None:
    net, other, file = product().refine(10), KAN((2, 3, 1), base=None, dtype=torch.float64), io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(batch()), net(batch()))


def test_the_picture_has_a_box_for_every_edge(tmp_path) -> None:
    net, x = product(), batch()
    spec = json.loads(net.plot(tmp_path / "net.json", x).read_text())
    boxes = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "rect")
    values = boxes["data"].get("values") or spec["datasets"][boxes["data"]["name"]]
    assert len(values) == 9
    idle = [row["strength"] for row in values if row["edge"] in ("0: 0 to 2", "0: 1 to 2", "1: 2 to 0")]
    assert idle == [0.0, 0.0, 0.0]
    assert "<svg" in net.plot(tmp_path / "net.svg", x).read_text()
    assert "</html>" in net.plot(tmp_path / "net.html", x).read_text()
    with pytest.raises(ArgumentError, match="Prune it first"):
        KAN((20, 20, 1)).figure(torch.zeros(3, 20))


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="widths"):
        KAN((3,))
    with pytest.raises(ArgumentError, match="l: got 2"):
        KAN((3, 2)).edge_function(2, 0, 0)
