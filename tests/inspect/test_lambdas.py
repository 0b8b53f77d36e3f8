"""Lambda layers read back: the functions give the layer's output, nothing is left behind, and the picture is whole."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from unbend import inspect
from unbend._errors import UnbendError
from unbend.mixers import CausalLambda, LambdaConv, LambdaLayer
from unbend.models import LambdaResNet


class Twice(nn.Module):
    """Uses one lambda layer twice, and another in a branch that `deep` switches."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = LambdaConv(8, 3, heads=2, key_dim=5)
        self.branch = nn.ModuleDict({"a": LambdaLayer(8, (4, 6), heads=4, key_dim=3)})
        self.fail = False

    def forward(self, x: Tensor) -> Tensor:
        y = self.mix(self.mix(x).relu())
        if self.fail:
            raise RuntimeError("midway")
        return self.branch["a"](y)


def settled(model: nn.Module) -> nn.Module:
    """`model` with statistics that differ from those of a fresh batch norm."""
    for name, buffer in model.named_buffers():
        if "running_mean" in name:
            nn.init.normal_(buffer)
        elif "running_var" in name:
            nn.init.uniform_(buffer, 0.5, 2.0)
    return model


LAYERS = {
    "layer": (lambda: LambdaLayer(8, (4, 6), heads=2, key_dim=5), (3, 8, 4, 6)),
    "sequence": (lambda: LambdaLayer(6, 7, dim_out=10, heads=2, key_dim=3), (3, 7, 6)),
    "intra": (lambda: LambdaLayer(8, (4, 6), heads=2, key_dim=5, intra_depth=3), (3, 8, 4, 6)),
    "both": (lambda: LambdaLayer(8, (4, 6), heads=2, key_dim=5, key_norm="softmax_both"), (3, 8, 4, 6)),
    "content": (lambda: LambdaLayer(8, (4, 6), heads=2, key_dim=5, position=False), (3, 8, 4, 6)),
    "position": (lambda: LambdaConv(8, 3, heads=2, key_dim=5, content=False), (3, 8, 4, 6)),
    "local": (lambda: LambdaConv(8, 3, heads=2, key_dim=5, pos_bias=True), (3, 8, 4, 6)),
    "causal": (lambda: CausalLambda(6, 3, dim_out=10, heads=2, key_dim=3), (3, 7, 6)),
    "local sequence": (lambda: LambdaConv(8, (5,), heads=4, key_dim=5, norm="layer"), (3, 11, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_functions_at_the_queries_give_the_output(name: str) -> None:
    make, shape = LAYERS[name]
    layer = settled(make().double()).eval()
    x = torch.randn(shape, dtype=torch.float64)
    (reading,) = inspect.lambdas(layer, x)
    y = layer(x)
    outputs = y.flatten(2).transpose(1, 2) if y.ndim == 4 else y
    b, h, n, _ = reading.queries.shape
    assert reading.grid == tuple(y.shape[2:] if y.ndim == 4 else y.shape[1:2])
    for example in (0, b - 1):
        for number in range(n):
            at = (number // reading.grid[1], number % reading.grid[1]) if len(reading.grid) == 2 else (number,)
            matrix = reading.matrix(example, at)
            assert torch.equal(matrix, reading.matrix(example, number))
            made = torch.cat([matrix.T @ reading.queries[example, head, number] for head in range(h)])
            torch.testing.assert_close(made, outputs[example, number])
    assert reading.error < 1e-12
    assert (reading.content is None) == (name == "position")
    assert (reading.position is None) == (name == "content")


def test_parts_add_up_and_are_what_the_layer_gives_without_the_other() -> None:
    layer = settled(LambdaConv(8, 3, heads=2, key_dim=5).double()).eval()
    x = torch.randn(2, 8, 4, 6, dtype=torch.float64)
    (reading,) = inspect.lambdas(layer, x)
    parts = reading.parts()
    alone = LambdaConv(8, 3, heads=2, key_dim=5, content=False).double().eval()
    alone.load_state_dict(layer.state_dict())
    expected = alone(x).unflatten(1, (2, 4)).flatten(3).transpose(2, 3)
    torch.testing.assert_close(parts["position"], expected)
    whole = layer(x).unflatten(1, (2, 4)).flatten(3).transpose(2, 3)
    torch.testing.assert_close(parts["content"] + parts["position"], whole)


def test_every_call_is_read_where_it_happens() -> None:
    model = settled(Twice()).eval()
    x = torch.randn(2, 8, 4, 6)
    read = inspect.lambdas(model, x)
    assert [(r.path, r.call, r.kind) for r in read] == [
        ("mix", 0, "LambdaConv"),
        ("mix", 1, "LambdaConv"),
        ("branch.a", 0, "LambdaLayer"),
    ]
    (first,) = inspect.lambdas(model.mix, x)
    (second,) = inspect.lambdas(model.mix, model.mix(x).relu())
    torch.testing.assert_close(read[0].position, first.position)
    torch.testing.assert_close(read[1].position, second.position)
    assert read["mix"] is read[0]
    assert [r.path for r in read[1:]] == ["mix", "branch.a"]


def test_arguments_of_the_call_are_kept() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = LambdaLayer(6, 7, heads=2, key_dim=3)

        def forward(self, x: Tensor) -> Tensor:
            padding = torch.arange(7).expand(len(x), 7) < 5
            return self.mix(x=x, padding=padding)

    model = settled(Padded()).eval()
    x = torch.randn(2, 7, 6)
    changed = x.clone()
    changed[:, 5:] += 1
    read, other = inspect.lambdas(model, x)[0], inspect.lambdas(model, changed)[0]
    assert torch.equal(read.content, other.content)
    assert not torch.equal(read.queries, other.queries)


def test_a_causal_layer_has_a_content_lambda_for_each_prefix() -> None:
    layer = CausalLambda(6, 3, heads=2, key_dim=3).double()
    x = torch.randn(2, 7, 6, dtype=torch.float64)
    (whole,), (prefix,) = inspect.lambdas(layer, x), inspect.lambdas(layer, x[:, :4])
    assert whole.content.shape == (2, 7, 3, 3)
    torch.testing.assert_close(whole.content[:, :4], prefix.content)
    torch.testing.assert_close(whole.position[:, :4], prefix.position)
    assert (whole.content[:, 3] - whole.content[:, 4]).abs().max() > 1e-6


def test_the_model_is_left_as_it_was() -> None:
    model = settled(Twice()).train()
    model.branch.eval()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    for fail in (False, True):
        model.fail = fail
        if fail:
            with pytest.raises(RuntimeError, match="midway"):
                inspect.lambdas(model, torch.randn(2, 8, 4, 6))
        else:
            inspect.lambdas(model, torch.randn(2, 8, 4, 6))
        assert [module.training for module in model.modules()] == modes
        assert not any(module._forward_hooks for module in model.modules())
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_batches_join_to_the_whole() -> None:
    model = settled(Twice())
    x = torch.randn(5, 8, 4, 6)
    whole, joined = inspect.lambdas(model, x), inspect.lambdas(model, x, batch_size=2)
    for one, other in zip(whole, joined, strict=True):
        torch.testing.assert_close(one.position, other.position)
        torch.testing.assert_close(one.content, other.content)
        torch.testing.assert_close(one.queries, other.queries)


def test_dry_run_forecasts_without_making() -> None:
    class Frames(nn.Module):
        """Takes videos `(b, t, c, H, W)`: its layer sees b * t images."""

        seen = 0

        def __init__(self) -> None:
            super().__init__()
            self.mix = LambdaConv(8, 3, heads=2, key_dim=5)

        def forward(self, x: Tensor) -> Tensor:
            self.seen += len(x)
            return self.mix(x.flatten(0, 1))

    model, x = Frames(), torch.randn(4, 3, 8, 5, 6)
    forecast = inspect.lambdas(model, x, dry_run=True)
    assert model.seen == 1
    real = inspect.lambdas(model, x)
    assert forecast.bytes == real.bytes == 4 * 12 * (5 * 4 + 30 * 5 * 4 + 2 * 30 * 5)
    assert forecast[0].position.is_meta
    assert "dry run" in str(forecast)
    with pytest.raises(ValueError, match="dry_run"):
        forecast.figure()


def test_half_precision() -> None:
    layer = LambdaConv(8, 3, heads=2, key_dim=5).bfloat16()
    (reading,) = inspect.lambdas(layer, torch.randn(2, 8, 4, 6).bfloat16())
    assert 0 < reading.error < 0.01


def test_a_layer_that_says_other_functions_than_it_uses_is_caught() -> None:
    class Liar(LambdaConv):
        def queries(self, x: Tensor) -> Tensor:
            return super().queries(x) * 1.01

    with pytest.raises(UnbendError, match="0: its lambdas give another output"):
        inspect.lambdas(nn.Sequential(Liar(8, 3, heads=2, key_dim=5)), torch.randn(2, 8, 4, 6))


def test_hooks_of_others_do_not_disturb() -> None:
    layer = LambdaConv(8, 3, heads=2, key_dim=5)
    layer.register_forward_hook(lambda module, args, output: output * 0)
    (reading,) = inspect.lambdas(layer, torch.randn(2, 8, 4, 6))
    assert reading.error < 1e-5
    assert len(layer._forward_hooks) == 1


def test_a_compiled_model_is_read_as_well() -> None:
    model = torch.compile(nn.Sequential(LambdaConv(8, 3, heads=2, key_dim=5), nn.ReLU()), backend="eager")
    x = torch.randn(2, 8, 4, 6)
    model(x)
    assert [r.path for r in inspect.lambdas(model, x)] == ["0"]


def test_a_lambda_network_is_read_block_by_block() -> None:
    net = LambdaResNet((1, 2, 2), ((), (2,), (1, 2)), width=8, scope=3, heads=2, key_dim=3, num_classes=0)
    read = inspect.lambdas(net, torch.randn(2, 3, 32, 48))
    assert [(r.path, r.grid) for r in read] == [("c3.1.mix.0", (4, 6)), ("c4.0.mix.0", (4, 6)), ("c4.1.mix.0", (2, 3))]
    table = str(read)
    assert "c4.0.mix.0" in table
    assert "2 x 24 x 3 x 16" in table


@pytest.mark.parametrize(
    ("model", "x", "said"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.ReLU()), torch.randn(2, 3), "Linear.*LambdaConv"),
        (nn.ModuleDict({"a": LambdaConv(8, 3)}), torch.randn(2, 8, 4, 6), None),
        (LambdaConv(8, 3), torch.randn(0, 8, 4, 6), "at least one example"),
    ],
)
def test_refusals(model: nn.Module, x: Tensor, said: str | None) -> None:
    if said is None:
        model.forward = lambda x: x
        said = "none of a called"
    with pytest.raises(ValueError, match=said):
        inspect.lambdas(model, x)


def test_bad_choices_are_named() -> None:
    read = inspect.lambdas(Twice(), torch.randn(2, 8, 4, 6))
    with pytest.raises(LookupError, match=r"branch\.a"):
        read["branch"]
    for position in ((4, 0), (0, -1), 24, (1,)):
        with pytest.raises(ValueError, match="position"):
            read[0].matrix(0, position)
    with pytest.raises(ValueError, match="example"):
        read.figure(example=2)
    with pytest.raises(ValueError, match=r"svg, png, html, json"):
        read.plot("picture.bmp")
    with pytest.raises(ValueError, match="batch_size"):
        inspect.lambdas(Twice(), torch.randn(2, 8, 4, 6), batch_size=0)


# -- the picture ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_figure_holds_the_numbers(name: str) -> None:
    make, shape = LAYERS[name]
    (reading,) = read = inspect.lambdas(make(), torch.randn(shape))
    places = [(0, 0), (3, 5)] if len(reading.grid) == 2 else [0, 6]
    sets = list(read.figure(example=1, positions=places).to_dict()["datasets"].values())
    cells = [row for rows in sets for row in rows if "k" in row]
    groups = {row["name"] for row in cells}
    expected = {"content lambda, everywhere"} if reading.content is not None else set()
    if name == "causal":
        expected = {f"content lambda at {p}" for p in places}
    if reading.position is not None:
        expected |= {f"position lambda at {p}" for p in places}
        number = reading.grid[-1] * 3 + 5 if len(reading.grid) == 2 else 6
        drawn = {(r["k"], r["v"]): r["value"] for r in cells if r["name"] == f"position lambda at {places[1]}"}
        assert drawn[2, 1] == pytest.approx(reading.position[1, number, 2, 1].item())
        assert len(drawn) == reading.position.shape[2] * reading.position.shape[3]
    assert groups == expected
    maps = [row["value"] for rows in sets for row in rows if "t" in row and "value" in row]
    maps += [row["value"] for rows in sets for row in rows if {"row", "column", "value"} <= row.keys()]
    size = reading.parts().popitem()[1][1].square().mean((0, 2)).sqrt()
    assert any(value == pytest.approx(size[0].item()) for value in maps)


def test_plot_writes_files_that_stand_alone(tmp_path: Path) -> None:
    read = inspect.lambdas(Twice(), torch.randn(2, 8, 4, 6))
    svg = read.plot(tmp_path / "a.svg", "branch.a").read_text()
    assert "branch.a: LambdaLayer" in svg
    assert "position lambda at (2, 3)" in svg
    assert read.plot(tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")
    page = read.plot(str(tmp_path / "a.html"), 1).read_text()
    assert "call 2" in page
    assert 'src="http' not in page


def test_picture_survives_a_network_gone_wrong() -> None:
    layer = LambdaConv(8, 3, heads=2, key_dim=5)
    with torch.no_grad():
        layer.table[0, 0, 0, 0] = float("nan")
    read = inspect.lambdas(layer, torch.randn(2, 8, 4, 6))
    assert read[0].error != read[0].error
    read.figure().to_dict()


@pytest.mark.browser
def test_picture_opens_offline_in_a_browser(tmp_path: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip("no chromium here")
    path = inspect.lambdas(Twice(), torch.randn(2, 8, 4, 6)).plot(tmp_path / "a.html")
    said: list[str] = []
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(path.as_uri())
        page.wait_for_selector("canvas, svg", timeout=30_000)
        browser.close()
    assert said == []
