"""The compiled scans against the recurrences written out, in value and all derivatives."""

import numba
import numpy as np
import pytest
import torch
from torch import Tensor

from unbend.kernels import _scan_loops
from unbend.kernels._scan import linear_recurrence, linear_scan, selective_recurrence, selective_scan
from unbend.testing import poisoned

DOUBLE = torch.float64


def numbers(t: int, c: int, n: int, batch: int = 2, dtype: torch.dtype = DOUBLE) -> list[Tensor]:
    random = torch.Generator().manual_seed(t)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=DOUBLE).to(dtype).requires_grad_()

    delta = torch.rand(batch, t, c, generator=random, dtype=DOUBLE).to(dtype).requires_grad_()
    rates = (-3 * torch.rand(c, n, generator=random, dtype=DOUBLE)).to(dtype).requires_grad_()
    return [normal(batch, t, c), delta, rates, normal(batch, t, n), normal(batch, t, n), normal(batch, c, n)]


def same(got: object, expected: object, **limits: float) -> None:
    torch.testing.assert_close(got, expected, **(limits or {"rtol": 1e-10, "atol": 1e-11}))


@pytest.mark.parametrize("t", [1, 7, 31, 32, 33, 63, 1000, 4097])
@pytest.mark.parametrize(("c", "n"), [(3, 5), (32, 1), (67, 2)])
def test_selective_scan_is_its_recurrence(t, c, n) -> None:
    inputs = numbers(t, c, n)
    y, expected = selective_scan(*inputs), selective_recurrence(*inputs)
    same(y, expected)
    weights = [torch.randn_like(part) for part in y]
    same(torch.autograd.grad(y, inputs, weights), torch.autograd.grad(expected, inputs, weights), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("t", [1, 7, 63, 1000, 4097])
def test_linear_scan_is_its_recurrence(t) -> None:
    a, b, h = (torch.randn(s, dtype=DOUBLE) for s in ((3, t, 5), (3, t, 5), (3, 5)))
    inputs = [v.requires_grad_() for v in (a.tanh().detach(), b, h)]
    y, expected, weight = linear_scan(*inputs), linear_recurrence(*inputs), torch.randn(3, t, 5, dtype=DOUBLE)
    same(y, expected)
    same(torch.autograd.grad(y, inputs, weight), torch.autograd.grad(expected, inputs, weight))


def test_gradients_and_theirs() -> None:
    inputs = numbers(5, 3, 2)
    assert torch.autograd.gradcheck(selective_scan, inputs)
    assert torch.autograd.gradgradcheck(selective_scan, inputs)
    a, b, h = (torch.randn(s, dtype=DOUBLE, requires_grad=True) for s in ((2, 4, 3), (2, 4, 3), (2, 3)))
    assert torch.autograd.gradcheck(linear_scan, (a, b, h))
    assert torch.autograd.gradgradcheck(linear_scan, (a, b, h))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(threads) -> None:
    inputs, before = numbers(300, 96, 4, batch=1), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        y, last = selective_scan(*inputs)
        found = torch.autograd.grad(y.sum() + last.sum(), inputs)
    finally:
        torch.set_num_threads(before)
    expected, end = selective_recurrence(*inputs)
    same((y, last), (expected, end))
    same(found, torch.autograd.grad(expected.sum() + end.sum(), inputs))


@pytest.mark.parametrize("cut", [0, 1, 32, 50, 99])
def test_a_chunk_goes_on_from_the_state_of_the_last(cut) -> None:
    u, delta, a, b, c, h = numbers(99, 5, 3)
    whole, end = selective_scan(u, delta, a, b, c, h)
    first, state = selective_scan(u[:, :cut], delta[:, :cut], a, b[:, :cut], c[:, :cut], h)
    second, last = selective_scan(u[:, cut:], delta[:, cut:], a, b[:, cut:], c[:, cut:], state)
    same(torch.cat((first, second), 1), whole)
    same(last, end)


def test_composition_is_associative() -> None:
    a, b = torch.rand(2, 1, 9, 3, dtype=DOUBLE)
    gain, add = a[:, 8], b[:, 8]
    for t in range(7, -1, -1):
        gain, add = gain * a[:, t], gain * b[:, t] + add
    h = torch.randn(1, 3, dtype=DOUBLE)
    same(linear_scan(a, b, h)[:, -1], gain * h + add)


def test_a_hundred_thousand_steps_are_finite() -> None:
    u, delta, a, b, c, h = numbers(100_000, 4, 2, batch=1, dtype=torch.float32)
    inputs = [u, delta, a, b, c, h]
    y, last = selective_scan(*inputs)
    found = torch.autograd.grad(y.sum() + last.sum(), inputs)
    assert all(bool(part.isfinite().all()) for part in (y, last, *found))
    exact, _ = selective_scan(*(v.double() for v in inputs))
    same(y.double(), exact, rtol=1e-4, atol=1e-4)


def test_slow_and_fast_steps() -> None:
    u, _, a, b, c, h = numbers(40, 3, 2)
    y, last = selective_scan(u, torch.zeros_like(u), a, b, c, h)
    same(last, h.detach(), rtol=0, atol=0)
    same(y, (h[:, None] * c[:, :, None]).sum(-1))
    y, last = selective_scan(u, torch.full_like(u, 1e4), a, b, c, h)
    same(last, 1e4 * (u[:, -1, :, None] * b[:, -1, None]), rtol=1e-6, atol=0)


def test_nan_stays_in_its_row_and_channel() -> None:
    u, *others = (v.detach() for v in numbers(40, 40, 2, dtype=torch.float32))
    u[0, 7, 33] = torch.nan
    y, _ = selective_scan(u, *others)
    assert bool(y[0, 7:, 33].isnan().all())
    assert int(y.isnan().sum()) == 33


def test_writes_all_its_memory() -> None:
    inputs = numbers(70, 35, 3)
    with poisoned():
        y, last = selective_scan(*inputs)
        found = torch.autograd.grad(y.sum() + last.sum(), inputs)
    assert not any(bool(part.isnan().any()) for part in (y, last, *found))


def test_mapped_over_rates_and_over_inputs() -> None:
    u, delta, a, b, c, h = (v.detach() for v in numbers(9, 3, 2))
    rates = torch.stack((a, 2 * a))
    got = torch.func.vmap(lambda r: selective_scan(u, delta, r, b, c, h))(rates)
    for i in range(2):
        same([part[i] for part in got], list(selective_scan(u, delta, rates[i], b, c, h)))
    jacobian = torch.func.jacrev(lambda x: selective_scan(x, delta, a, b, c, h)[0])(u)
    assert jacobian.shape == (2, 9, 3, 2, 9, 3)
    assert bool((jacobian[0, 3, 1, 0, 4:] == 0).all())


def test_it_compiles_in_one_graph() -> None:
    inputs = [v.detach() for v in numbers(9, 3, 2)]
    torch._dynamo.reset()
    same(torch.compile(selective_scan, fullgraph=True, backend="aot_eager")(*inputs), selective_scan(*inputs))


def test_exponential_in_single_precision() -> None:
    @numba.njit
    def each(x, out) -> None:
        for i in range(len(x)):
            out[i] = _scan_loops.exp32(x[i])

    x = np.linspace(-87, 88, 300_001).astype(np.float32)
    out = np.empty_like(x)
    each(x, out)
    assert np.abs(out / np.exp(x.astype(np.float64)) - 1).max() < 2.5e-7
    edges = np.array([np.nan, -np.inf, -1e30, 0.0], np.float32)
    out = np.empty_like(edges)
    each(edges, out)
    assert np.isnan(out[0])
    assert (out[1:3] < 2e-38).all()
    assert out[3] == 1
