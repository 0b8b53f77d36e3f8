"""Attention without a softmax: the Gaussian map, its landmarks, and Newton's inverse with its gradient."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.mixers import GaussianKernelAttention, SOFTAttention, newton_pinv
from unbend.mixers._soft import _gaussian

DOUBLE = torch.float64


def kernel(n: int = 7, c: int = 2) -> Tensor:
    x = torch.randn(n, c, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    return _gaussian(x, x)


def test_the_gaussian_map_is_positive_with_ones_on_its_diagonal() -> None:
    x = torch.randn(20, 3, dtype=DOUBLE)
    k = _gaussian(x, x)
    torch.testing.assert_close(k, (-(torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist") ** 2) / 2).exp())
    torch.testing.assert_close(k, k.T)
    torch.testing.assert_close(k.diagonal(), torch.ones(20, dtype=DOUBLE))
    assert float(torch.linalg.eigvalsh(k).min()) > -1e-12


def test_landmarks_that_are_the_tokens_give_the_whole_map() -> None:
    k = kernel()
    torch.testing.assert_close(k @ newton_pinv(k, 60, ridge=0.0) @ k, k, atol=1e-8, rtol=1e-8)


def test_each_step_squares_the_error() -> None:
    k = kernel() + 0.01 * torch.eye(7, dtype=DOUBLE)
    eye = torch.eye(7, dtype=DOUBLE)
    errors = [eye - k @ newton_pinv(kernel(), t) for t in range(8)]
    for before, after in pairwise(errors):
        torch.testing.assert_close(after, before @ before)
    size = [
        float((newton_pinv(kernel(), t) - torch.linalg.inv(k)).norm() / torch.linalg.inv(k).norm()) for t in (5, 20)
    ]
    assert size[0] > 0.9
    assert size[1] < 1e-12


def test_the_implicit_gradient_is_that_of_many_steps() -> None:
    p = kernel().requires_grad_()
    weight = torch.randn(7, 7, dtype=DOUBLE)
    (ours,) = torch.autograd.grad(newton_pinv(p, 60), p, weight)
    ridged = p + 0.01 * torch.eye(7, dtype=DOUBLE)
    v = 1.8 / p.sum(-1).amax().detach() ** 2 * ridged
    for _ in range(60):
        v = 2 * v - v @ ridged @ v
    (theirs,) = torch.autograd.grad(v, p, weight)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    assert torch.autograd.gradgradcheck(lambda z: newton_pinv(z, 40), (p,), fast_mode=True)


@pytest.mark.parametrize("norm", [False, True])
def test_the_layer_is_its_formula(norm) -> None:
    layer = SOFTAttention(8, (4, 6), heads=2, norm=norm, iters=40, dtype=DOUBLE)
    x = torch.randn(2, 24, 8, dtype=DOUBLE)
    q = (layer.to_q(x) / 4**0.25).unflatten(2, (2, 4)).transpose(1, 2)
    v = layer.to_v(x).unflatten(2, (2, 4)).transpose(1, 2)
    y = torch.zeros_like(v)
    for b in range(2):
        for h in range(2):
            maps = q[b, h].T.reshape(1, 4, 4, 6)
            marks = torch.nn.functional.gelu(layer.landmark_norm(layer.landmarks(maps).flatten(2)[0].T))
            among = _gaussian(marks, marks)
            inverse = torch.linalg.inv(among + 0.01 * torch.eye(6, dtype=DOUBLE))
            if norm:
                inverse = inverse / (among.sum(0)[None] * among.sum(1)[:, None]).sqrt()
            y[b, h] = _gaussian(q[b, h], marks) @ inverse @ _gaussian(marks, q[b, h]) @ v[b, h]
    local = torch.nn.functional.conv2d(
        v.permute(0, 3, 1, 2).reshape(8, 2, 4, 6), layer.convolution.weight, padding=1, groups=2
    )
    y = y + local.reshape(2, 4, 2, 24).permute(0, 2, 3, 1)
    torch.testing.assert_close(layer(x), layer.out(y.transpose(1, 2).flatten(2)), rtol=1e-5, atol=1e-6)


def test_the_exact_map_of_all_pairs() -> None:
    layer, x = GaussianKernelAttention(8, heads=2, dtype=DOUBLE), torch.randn(2, 9, 8, dtype=DOUBLE)
    q = (layer.to_q(x) / 4**0.25).unflatten(2, (2, 4)).transpose(1, 2)
    v = layer.to_v(x).unflatten(2, (2, 4)).transpose(1, 2)
    pairs = (-((q[..., :, None, :] - q[..., None, :, :]) ** 2).sum(-1) / 2).exp()
    torch.testing.assert_close(layer(x), layer.out((pairs @ v).transpose(1, 2).flatten(2)))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="ratio: got 4"):
        SOFTAttention(8, (3, 5), ratio=4)
