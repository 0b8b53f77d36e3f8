"""The unitary network: lengths kept, phrases as products, rotations by their angle, gradients that do not fade."""

import math

import torch

from unbend.mixers import UnitaryRNN, antisymmetric, average_effect, unitary_distance

DOUBLE = torch.float64


def made(**options: object) -> UnitaryRNN:
    torch.manual_seed(0)
    return UnitaryRNN(6, 5, **{"dtype": DOUBLE, **options})


@torch.no_grad()
def test_the_state_keeps_its_length_over_ten_thousand_tokens() -> None:
    for dtype, most in ((torch.float32, 2e-3), (DOUBLE, 1e-10)):
        layer = made(dtype=dtype)
        states = layer.turn(layer.rotations(torch.randn(1, 10_000, 6, dtype=dtype)), layer.init_state(1)[0])
        assert float((states.norm(dim=-1) - 1).abs().max()) < most


def test_rotations_are_rotations() -> None:
    layer = made()
    q = layer.rotations(torch.randn(7, 6, dtype=DOUBLE)).detach()
    torch.testing.assert_close(q.mT @ q, torch.eye(5, dtype=DOUBLE).expand(7, -1, -1))
    torch.testing.assert_close(torch.linalg.det(q), torch.ones(7, dtype=DOUBLE))
    torch.testing.assert_close(unitary_distance(q[0], q[1]), (q[0] - q[1]).square().sum())
    torch.testing.assert_close(average_effect(q), q.diagonal(dim1=1, dim2=2).sum(-1) / 5)


def test_two_numbers_turn_by_an_angle() -> None:
    a = 0.7
    q = torch.linalg.matrix_exp(antisymmetric(torch.tensor([a], dtype=DOUBLE), 2))
    expected = torch.tensor([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]], dtype=DOUBLE)
    torch.testing.assert_close(q, expected)


def test_a_phrase_is_the_product_of_its_words() -> None:
    layer, x = made(), torch.randn(1, 4, 6, dtype=DOUBLE)
    q = layer.rotations(x)[0]
    phrase = q[3] @ q[2] @ q[1] @ q[0]
    torch.testing.assert_close(layer(x)[0, -1], layer.out(phrase[:, 0]))


def test_gradients_through_time_keep_their_length() -> None:
    layer, start = made(), torch.randn(1, 5, dtype=DOUBLE, requires_grad=True)
    states = layer.turn(layer.rotations(torch.randn(1, 200, 6, dtype=DOUBLE)), start)
    for t in (0, 50, 199):
        (gradient,) = torch.autograd.grad(states[0, t, 2], start, retain_graph=True)
        torch.testing.assert_close(gradient.norm(), torch.ones((), dtype=DOUBLE))


def test_fewer_rows_are_fewer_numbers() -> None:
    layer = made(rows=2)
    assert layer.to_plane.out_features == 2 * 5 - 3
    s = antisymmetric(torch.ones(7, dtype=DOUBLE), 5)
    assert bool((s[2:, 2:] == 0).all())
    torch.testing.assert_close(s, -s.mT)
