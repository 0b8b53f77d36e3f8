"""Fits of a gain and an offset, against closed forms and least squares by another road."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.surgery.nets import SmallCNN
from unbend.surgery import swap
from unbend.surgery._calibrate_base import FITS, Sums


def pairs() -> tuple[Tensor, Tensor]:
    z = torch.randn(2, 97, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return 3 * z**2 - z + 0.5, z + 0.3 * z.cos()


def summed(y: Tensor, z: Tensor) -> Sums:
    sums = Sums()
    for row in range(len(y)):
        sums.add(y[row], z[row])
    return sums


def test_affine_is_least_squares() -> None:
    y, z = pairs()
    design = np.stack((z.flatten().numpy(), np.ones(z.numel())), 1)
    expected = np.linalg.lstsq(design, y.flatten().numpy())[0]
    assert FITS["affine"](summed(y, z)) == pytest.approx(tuple(expected))


def test_gain_is_least_squares_through_zero() -> None:
    y, z = pairs()
    expected = np.linalg.lstsq(z.reshape(-1, 1).numpy(), y.flatten().numpy())[0]
    assert FITS["gain"](summed(y, z)) == (pytest.approx(expected[0]), 0.0)


def test_moments_agree() -> None:
    y, z = pairs()
    gain, offset = FITS["moments"](summed(y, z))
    fitted = gain * z + offset
    assert fitted.mean().item() == pytest.approx(y.mean().item())
    assert fitted.var().item() == pytest.approx(y.var().item())
    assert gain > 0


@pytest.mark.parametrize("fit", [(1.0, 0.0), (-0.5, 2.0)])
def test_error_is_that_of_the_outputs(fit: tuple[float, float]) -> None:
    y, z = pairs()
    error = (fit[0] * z + fit[1] - y).norm() / y.norm()
    assert summed(y, z).error(*fit) == pytest.approx(error.item())


@pytest.mark.parametrize("how", FITS)
def test_constants_do_not_divide_by_zero(how: str) -> None:
    gain, offset = FITS[how](summed(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2)))
    assert gain == 0
    assert offset == (0.0 if how == "gain" else 2.0)
    assert summed(torch.zeros(1, 3), torch.zeros(1, 3)).error(gain) == 0


class Affine(nn.Module):
    """ReLU, stretched and moved."""

    def forward(self, x: Tensor) -> Tensor:
        return 4 * F.relu(x) - 7


@pytest.mark.parametrize("how", ["affine", "moments"])
def test_what_differs_by_an_affine_map_is_undone_exactly(how: str) -> None:
    torch.manual_seed(0)
    model, x = SmallCNN(), torch.randn(6, 1, 12, 12)
    before = model(x)
    model, account = swap(model, {nn.ReLU: Affine}, calibrate=x, how=how)
    torch.testing.assert_close(model(x), before)
    assert [row.after for row in account.rows] == ["Calibrated(Affine(), gain=0.25, offset=1.75)"] * 3
    assert all(row.error[0] > 1 and row.error[1] < 1e-6 for row in account.rows)
    assert account.error[0] > 1e-3
    assert account.error[1] < 1e-5
    assert "error of the output on the calibration data" in str(account)
    account.undo(model)
    assert torch.equal(model(x), before)
    assert "Calibrated" not in repr(model)


def test_the_error_of_the_account_is_that_of_the_outputs() -> None:
    torch.manual_seed(0)
    model, x = SmallCNN().eval(), torch.randn(6, 1, 12, 12)
    with torch.no_grad():
        before = model(x)
        _, account = swap(model, {nn.ReLU: nn.SiLU})
        bare = (model(x) - before).norm() / before.norm()
        account.undo(model)
        model, account = swap(model, {nn.ReLU: nn.SiLU}, calibrate=x)
        fitted = (model(x) - before).norm() / before.norm()
    assert account.error == (pytest.approx(bare.item(), rel=1e-4), pytest.approx(fitted.item(), rel=1e-4))
    first = torch.relu(model.conv1(x)), F.silu(model.conv1(x))
    assert account.rows[0].error[0] == pytest.approx(((first[1] - first[0]).norm() / first[0].norm()).item(), rel=1e-4)


def test_batches_are_taken_together() -> None:
    torch.manual_seed(0)
    model, x = SmallCNN(), torch.randn(6, 1, 12, 12)
    one = swap(model, {nn.ReLU: nn.SiLU}, calibrate=x, dry_run=True)[1]
    many = swap(model, {nn.ReLU: nn.SiLU}, calibrate=iter(x.split(2)), dry_run=True)[1]
    for a, b in zip(one.rows, many.rows, strict=True):
        assert a.error == pytest.approx(b.error)
        assert a.error[1] < a.error[0]
    assert one.error is None, "a dry run says what would happen at each site, not to the model"


def test_a_shared_module_gets_one_fit_and_copies_and_trains() -> None:
    torch.manual_seed(0)
    act = nn.ReLU(inplace=True)
    model, x = nn.Sequential(nn.Linear(3, 5), act, nn.Linear(5, 5), act), torch.randn(64, 3)
    model, account = swap(model, {nn.ReLU: nn.PReLU}, calibrate=x)
    assert model[1] is model[3]
    assert account.parameters == (50, 51)
    assert set(model.state_dict()) >= {"1.gain", "1.offset", "1.new.weight"}
    model(x).sum().backward()
    assert model[1].new.weight.grad is not None
    torch.testing.assert_close(torch.compile(model, backend="aot_eager", fullgraph=True)(x), model(x))


def test_a_new_module_may_work_in_place() -> None:
    torch.manual_seed(0)
    model, x = SmallCNN(), torch.randn(6, 1, 12, 12)
    plain, inplace = (
        swap(model, {nn.ReLU: nn.SiLU(inplace=way)}, calibrate=x, dry_run=True)[1] for way in (False, True)
    )
    assert [row.error for row in plain.rows] == [row.error for row in inplace.rows]


def test_sites_that_are_not_one_tensor_to_one_tensor_are_left_as_they_are() -> None:
    class Halves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[..., ::2]

    model, account = swap(nn.Sequential(nn.Linear(4, 4), nn.GLU()), {nn.GLU: Halves}, calibrate=torch.randn(8, 4))
    assert "Calibrated" in repr(model)
    model, account = swap(
        nn.Sequential(nn.Linear(4, 4), nn.ReLU()), {nn.ReLU: Halves}, calibrate=torch.randn(8, 4), dry_run=True
    )
    assert account.rows[0].after == "Halves()"
    assert account.rows[0].error is None
