"""EcoFormer: codes, their attention in two forms, the learned hash, and the energy that it saves."""

import pytest
import torch
from torch import Tensor

from unbend.mixers import EcoAttention, KernelHash, SignSTE, energy_estimate, hamming_linear_attention

DOUBLE = torch.float64


def codes(b: int = 2, n: int = 9, bits: int = 6) -> Tensor:
    return torch.where(torch.rand(b, 3, n, bits, dtype=DOUBLE) < 0.5, -1.0, 1.0).double()


def unit(*shape: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, dtype=DOUBLE), dim=-1)


def test_the_linear_form_is_the_table_of_all_pairs() -> None:
    h, v = codes(), torch.randn(2, 3, 9, 4, dtype=DOUBLE)
    hamming = (h[..., :, None, :] != h[..., None, :, :]).sum(-1)
    weights = (2 * 6 + 1 - 2 * hamming).double()
    torch.testing.assert_close(h @ h.transpose(2, 3) + 7, weights)
    torch.testing.assert_close(weights, weights.transpose(2, 3))
    assert float(weights.min()) >= 1
    y = hamming_linear_attention(h, v)
    torch.testing.assert_close(y, weights / weights.sum(-1, keepdim=True) @ v)
    assert bool(((y <= v.amax(2, keepdim=True)) & (y >= v.amin(2, keepdim=True))).all())
    official = (h @ h.transpose(2, 3) @ v + 7 * v) / weights.sum(-1, keepdim=True)
    torch.testing.assert_close(hamming_linear_attention(h, v, official_bias=True), official)


def test_turning_a_bit_of_all_codes_over_changes_nothing() -> None:
    layer, x = EcoAttention(8, heads=2, bits=4, anchors=6, dtype=DOUBLE), torch.randn(2, 7, 8, dtype=DOUBLE)
    y, before = layer(x), layer.codes(x)
    layer.hash.a[:, 2] *= -1
    torch.testing.assert_close(layer.codes(x)[..., 2], -before[..., 2])
    torch.testing.assert_close(layer(x), y)


def test_the_hash_is_its_formula() -> None:
    made, x = KernelHash(2, 3, bits=4, anchors=5, dtype=DOUBLE), unit(2, 2, 7, 3)
    made.mean.normal_()
    squares = torch.cdist(x, made.anchor.expand(2, -1, -1, -1)) ** 2
    near = (-squares / (2 * squares.mean((2, 3), keepdim=True))).exp()
    expected = torch.where(torch.einsum("bhnm,hrm->bhnr", near - made.mean[:, None], made.a) >= 0, 1.0, -1.0)
    torch.testing.assert_close(made(x), expected.double())


def test_learned_codes_agree_where_tokens_are_alike() -> None:
    torch.manual_seed(0)
    centres = unit(1, 2, 4, 8)
    x = torch.nn.functional.normalize(centres.repeat_interleave(10, 2) + 0.2 * unit(3, 2, 40, 8), dim=-1)
    alike = x @ x.transpose(2, 3)

    def correlation(made: KernelHash) -> float:
        h = made(x)
        return float(torch.corrcoef(torch.stack((alike.flatten(), (h @ h.transpose(2, 3)).flatten())))[0, 1])

    made = KernelHash(2, 8, bits=8, anchors=12, dtype=DOUBLE)
    loss, target = [], 8 * _target(x)
    for _ in range(2):
        h = made(x)
        loss.append(float(((8 * target - h @ h.transpose(2, 3)) ** 2).mean()))
        if not made.learned:
            random = correlation(made)
            made.learn(x, lr=0.05)
    assert bool(made.learned)
    assert loss[1] < loss[0]
    assert correlation(made) > max(random, 0.5)


def _target(x: Tensor) -> Tensor:
    from unbend.mixers._ecoformer import _alike

    target = _alike(x, 10)
    assert bool(((target == 1).sum(-1) == 10).all())
    assert bool(((target == -1).sum(-1) == 10).all())
    return target


def test_the_hash_is_learned_once_and_only_while_training() -> None:
    layer, x = EcoAttention(8, heads=2, bits=4, anchors=6), torch.randn(2, 12, 8)
    layer.eval()(x)
    assert not layer.hash.learned
    layer.train()(x)
    kept = layer.hash.a.clone()
    assert layer.hash.learned
    layer(torch.randn(2, 12, 8)).sum().backward()
    assert torch.equal(layer.hash.a, kept)
    assert bool(layer.to_qk.weight.grad.abs().sum() > 0)
    other = EcoAttention(8, heads=2, bits=4, anchors=6, learn=False).train()
    other(x)
    assert not other.hash.learned


def test_the_sign_passes_gradients_near_zero() -> None:
    x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0], requires_grad=True)
    y = SignSTE()(x)
    assert y.tolist() == [-1, -1, 1, 1, 1]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


def test_energy_is_counted_in_multiplications_and_additions() -> None:
    found = energy_estimate(1024, 64)
    assert found["softmax"].multiplications == 2 * 1024**2 * 64
    assert found["softmax"].picojoules == pytest.approx(4.6 * 2 * 1024**2 * 64)
    assert found["eco"].picojoules < found["linear"].picojoules < found["softmax"].picojoules
    doubled = energy_estimate(2048, 64)
    assert doubled["eco"].additions == 2 * found["eco"].additions
