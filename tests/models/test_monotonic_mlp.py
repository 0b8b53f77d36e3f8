"""The promise of the layers holds for the network, of both types, while it learns."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from unbend.models import MonotonicMLP


def slopes(f: MonotonicMLP, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(f(x).sum(), x)
    return slope


@given(st.permutations([1, -1, 0, 0, 1]), st.sampled_from([None, 3]), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_slopes_have_the_promised_sign(directions: list[int], embed: int | None, seed: int) -> None:
    torch.manual_seed(seed)
    f = MonotonicMLP(5, 1, directions, (9, 8), embed, dtype=torch.float64)
    x = 3 * torch.randn(64, 5, dtype=torch.float64)
    assert (slopes(f, x) * torch.tensor(directions) >= 0).all()


@pytest.mark.parametrize("embed", [None, 4])
def test_a_saturating_function_is_learned_and_the_promise_kept_on_the_way(embed: int | None) -> None:
    torch.manual_seed(0)
    x = torch.rand(512, 2) * 2 - 1
    y = torch.tanh(4 * x[:, :1]) + torch.sin(4 * x[:, 1:])
    f = MonotonicMLP(2, 1, (1, 0), (32, 32), embed)
    optimizer = torch.optim.Adam(f.parameters(), lr=1e-2)
    for step in range(400):
        loss = (f(x) - y).square().mean()
        if step % 100 == 0:
            assert (slopes(f, x)[:, 0] >= 0).all()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05 * y.var()


def test_a_convex_network_lies_below_its_chords() -> None:
    torch.manual_seed(0)
    f = MonotonicMLP(3, 1, (1, -1, 0), (16, 16), activation="softplus", parts=(1, 0, 0), dtype=torch.float64)
    a, b = 4 * torch.randn(2, 256, 3, dtype=torch.float64)
    assert (f(a) + f(b) - 2 * f((a + b) / 2) >= -1e-12).all()


def test_free_inputs_only_enter_through_their_own_layer() -> None:
    f = MonotonicMLP(4, 1, (0, 1, 0, -1), (6,), embed=2)
    assert f.free is not None
    assert f.free.in_features == 2
    assert f.body[0].directions == (1, -1, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"directions": (1,)}, "directions"), ({"hidden": ()}, "hidden"), ({"directions": (1, 1), "embed": 2}, "embed")],
)
def test_bad_arguments_are_named(arguments: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        MonotonicMLP(**{"in_features": 2, "out_features": 1, "directions": (1, 0), **arguments})
