"""Squeeze and excitation against its formula, and what it cannot see."""

import pytest
import torch

from unbend.layers import SqueezeExcite


def test_formula_by_hand() -> None:
    layer = SqueezeExcite(2, ratio=1, dtype=torch.float64)
    with torch.no_grad():
        layer.squeeze.weight.copy_(torch.tensor([[1.0, -2.0], [-1.0, 0.0]]))
        layer.squeeze.bias.copy_(torch.tensor([0.5, 0.25]))
        layer.excite.weight.copy_(torch.tensor([[1.0, 7.0], [-3.0, 7.0]]))
        layer.excite.bias.copy_(torch.tensor([0.25, 0.0]))
    x = torch.tensor([[[[1.0, 3.0]], [[0.0, 1.0]]]], dtype=torch.float64)
    hidden = 1.0 * 2.0 - 2.0 * 0.5 + 0.5  # the means are 2 and 0.5; the other unit is negative, and so silent
    gate = torch.tensor([hidden + 0.25, -3 * hidden], dtype=torch.float64).sigmoid()
    torch.testing.assert_close(layer(x), x * gate.reshape(1, 2, 1, 1))


def test_permuted_positions_permute_the_output() -> None:
    layer = SqueezeExcite(11, dtype=torch.float64)
    x = torch.randn(3, 11, 35, dtype=torch.float64)
    order = torch.randperm(35)
    torch.testing.assert_close(layer(x[..., order]), layer(x)[..., order])


@pytest.mark.parametrize(("dim", "hidden"), [(256, 64), (512, 128), (3, 1)])
def test_parameters(dim: int, hidden: int) -> None:
    layer = SqueezeExcite(dim, device="meta")
    assert sum(p.numel() for p in layer.parameters()) == 2 * dim * hidden + hidden + dim


def test_half_precision_mean_does_not_overflow() -> None:
    x = torch.full((1, 3, 300, 300), 2.0, dtype=torch.float16)
    layer = SqueezeExcite(3, dtype=torch.float16)
    y = layer(x)
    assert y.dtype == torch.float16
    assert y.isfinite().all()
    torch.testing.assert_close(y[..., 0, 0], layer(x[..., :1, :1])[..., 0, 0], rtol=2e-3, atol=0)


@pytest.mark.parametrize("ratio", [0.0, 1.5, float("nan")])
def test_bad_ratio(ratio: float) -> None:
    with pytest.raises(ValueError, match="ratio"):
        SqueezeExcite(4, ratio)


@pytest.mark.parametrize("shape", [(2, 5, 3, 3), (2, 4)])
def test_bad_input_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"x: got"):
        SqueezeExcite(4)(torch.randn(shape))
