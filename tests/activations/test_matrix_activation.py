"""Matrix activations: what they start as, the matrix written out, and that they are linear in what is learned."""

import pytest
import torch
from hypothesis import given, strategies as st

from unbend._errors import ArgumentError
from unbend.activations import DiagMatrixActivation, TridiagMatrixActivation, matrix_activation

LAYERS = [DiagMatrixActivation, TridiagMatrixActivation]
POINTS = (-0.75, 0.0, 0.5)


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shaken(kind, channels: int = 6, **more):
    layer = kind(channels, POINTS, dtype=torch.float64, **more)
    with torch.no_grad():
        layer.table.copy_(rows(*layer.table.shape, seed=1))
    return layer


@pytest.mark.parametrize("kind", LAYERS)
def test_starts_as_relu_or_as_the_identity(kind) -> None:
    x = rows(9, 6)
    assert torch.equal(kind(6, POINTS)(x), x.relu())
    assert torch.equal(kind(6, (0.3,), "identity")(x), x)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_matrix_written_out(kind) -> None:
    layer, x = shaken(kind), rows(9, 6)
    for row, got in zip(x, layer(x)):
        j = [sum(float(at) > s for s in POINTS) for at in row]
        matrix = torch.diag(torch.stack([layer.table[0, i, j[i]] for i in range(6)]))
        if len(layer.table) == 3:
            for i in range(1, 6):
                matrix[i, i - 1] = layer.table[1, i, j[i]]
            for i in range(5):
                matrix[i, i + 1] = layer.table[2, i, j[i]]
        torch.testing.assert_close(got, matrix @ row)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_table_can_be_had_by_least_squares(kind) -> None:
    layer, x = shaken(kind, 3), rows(200, 3)
    y = layer(x).detach()

    def of(table: torch.Tensor) -> torch.Tensor:
        return matrix_activation(x, table, layer.breakpoints).flatten()

    design = torch.func.jacrev(of)(layer.table.detach()).flatten(1)
    found = torch.linalg.lstsq(design, y.flatten()[:, None], driver="gelsd").solution
    silent = (design == 0).all(0)  # entries of neighbours that are not there
    torch.testing.assert_close(found[~silent, 0], layer.table.detach().flatten()[~silent])
    assert int(silent.sum()) == (0 if len(layer.table) == 1 else 8)


@given(x=st.floats(-3, 3))
def test_jumps_are_the_change_of_slope_times_the_place(x: float) -> None:
    layer = shaken(DiagMatrixActivation, 1)
    for j, s in enumerate(POINTS):
        point = torch.tensor(s, dtype=torch.float64)
        near = torch.stack([point, torch.nextafter(point, point + 1)])[:, None]
        jump = float(layer(near).diff(dim=0))
        assert jump == pytest.approx(s * float(layer.table[0, 0, j + 1] - layer.table[0, 0, j]), abs=1e-12)
    at = torch.tensor([[x]], dtype=torch.float64)
    assert float(layer(at)) == float(layer.table[0, 0, sum(x > s for s in POINTS)]) * x


def test_continuous_has_the_same_slopes_and_no_jumps() -> None:
    jumpy, smooth = shaken(DiagMatrixActivation), shaken(DiagMatrixActivation, continuous=True)
    x = rows(50, 6).requires_grad_()
    slopes = [torch.autograd.grad(layer(x).sum(), x)[0] for layer in (jumpy, smooth)]
    torch.testing.assert_close(*slopes)
    assert not smooth(torch.zeros(1, 6).double()).any()
    line = torch.linspace(-2, 2, 4001, dtype=torch.float64)[:, None].expand(-1, 6)
    assert float(smooth(line).diff(dim=0).abs().max()) <= 1.001e-3 * float(smooth.table.abs().max())


def test_channels_of_an_image() -> None:
    layer, x = shaken(TridiagMatrixActivation), rows(2, 6, 4, 5)
    torch.testing.assert_close(layer(x)[:, :, 1, 2], layer(x[:, :, 1, 2]))
    last = TridiagMatrixActivation(6, POINTS, dim=-1, dtype=torch.float64)
    last.load_state_dict(layer.state_dict())
    torch.testing.assert_close(last(x.movedim(1, -1)), layer(x).movedim(1, -1))


def test_one_channel_has_no_neighbours() -> None:
    x = rows(5, 1)
    torch.testing.assert_close(
        shaken(TridiagMatrixActivation, 1)(x),
        shaken(TridiagMatrixActivation, 1).table[0, 0][torch.bucketize(x, torch.tensor(POINTS).double())] * x,
    )


@pytest.mark.parametrize("kind", LAYERS)
def test_bad_arguments_are_named(kind) -> None:
    for bad in ((), (0.0, 0.0), (1.0, 0.0)):
        with pytest.raises(ArgumentError, match="breakpoints: got"):
            kind(3, bad)
    with pytest.raises(ArgumentError, match=r"breakpoints: got .*expected one at 0.*start='identity'"):
        kind(3, (1.0,))
    with pytest.raises(ArgumentError, match="start: got zero"):
        kind(3, start="zero")
    with pytest.raises(ArgumentError, match=r"input: got shape \(2, 4\); expected 3 channels along axis 1"):
        kind(3)(torch.zeros(2, 4))
