"""Compiled sums over edges against their plain form: values, all gradients, mapped axes, awkward graphs."""

import pytest
import torch
from torch import Tensor

from unbend._errors import ArgumentError
from unbend.kernels._edges import (
    checked,
    edge_dot,
    edge_dot_reference,
    edge_softmax_sum,
    edge_sum,
    edge_sum_reference,
)
from unbend.testing import poisoned


def graph(n: int, m: int, heads: int = 2, size: int = 3, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(n + m)
    edges = torch.randint(0, n, (2, m), generator=random)
    weight, value, other = (
        torch.randn(shape, generator=random, dtype=torch.float64).to(dtype)
        for shape in ((m, heads), (n, heads, size), (n, heads, size))
    )
    return weight, value, other, edges


@pytest.mark.parametrize(
    ("n", "m", "heads", "size"), [(1, 1, 1, 1), (7, 0, 2, 3), (5, 63, 3, 1), (131, 7, 1, 5), (17, 1009, 4, 7)]
)
def test_equal_the_references(n: int, m: int, heads: int, size: int) -> None:
    weight, value, other, edges = graph(n, m, heads, size)
    with poisoned():
        sums, dots = edge_sum(weight, value, edges), edge_dot(other, value, edges)
    torch.testing.assert_close(sums, edge_sum_reference(weight, value, edges))
    torch.testing.assert_close(dots, edge_dot_reference(other, value, edges))


def test_threads_share_columns_and_edges() -> None:
    weight, value, other, edges = graph(211, 20011, 2, 5, torch.float32)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        sums, dots = edge_sum(weight, value, edges), edge_dot(other, value, edges)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(sums, edge_sum_reference(weight, value, edges), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(dots, edge_dot_reference(other, value, edges))


@pytest.mark.parametrize("run", [edge_sum, edge_softmax_sum])
def test_gradients_of_sums(run) -> None:
    weight, value, _, edges = graph(5, 13)
    inputs = weight.requires_grad_(), value.requires_grad_()
    assert torch.autograd.gradcheck(lambda w, v: run(w, v, edges), inputs)
    assert torch.autograd.gradgradcheck(lambda w, v: run(w, v, edges), inputs)


def test_gradients_of_products() -> None:
    _, value, other, edges = graph(5, 13)
    inputs = other.requires_grad_(), value.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: edge_dot(a, b, edges), inputs)
    assert torch.autograd.gradgradcheck(lambda a, b: edge_dot(a, b, edges), inputs)


def test_mapped_axes_are_more_heads() -> None:
    weight, value, _, edges = graph(7, 19)
    weights, values = torch.stack([weight, 2 * weight, -weight]), torch.stack([value, value + 1, value * 3])
    for dims, given in (((0, 0), (weights, values)), ((None, 0), (weight, values)), ((0, None), (weights, value))):
        got = torch.vmap(lambda w, v: edge_softmax_sum(w, v, edges), dims)(*given)
        every = zip(*(t if dim == 0 else t.expand(3, *t.shape) for dim, t in zip(dims, given)))
        torch.testing.assert_close(got, torch.stack([edge_softmax_sum(w, v, edges) for w, v in every]))


def test_per_sample_gradients() -> None:
    weight, value, _, edges = graph(5, 11)
    values = torch.stack([value, value.sin()])
    got = torch.vmap(torch.func.jacrev(lambda v: edge_softmax_sum(weight, v, edges)))(values)
    expected = torch.stack(
        [torch.autograd.functional.jacobian(lambda v: edge_softmax_sum(weight, v, edges), v) for v in values]
    )
    torch.testing.assert_close(got, expected)


def test_softmax_is_that_of_incoming_edges_and_huge_scores_do_no_harm() -> None:
    score, value, _, edges = graph(6, 23)
    expected = torch.zeros_like(value)
    for t in range(6):
        mine = edges[1] == t
        if mine.any():
            expected[t] = torch.einsum("eh,ehc->hc", score[mine].softmax(0), value[edges[0, mine]])
    torch.testing.assert_close(edge_softmax_sum(score, value, edges), expected)
    by_node = score + 1e4 * torch.arange(6)[edges[1], None]
    torch.testing.assert_close(edge_softmax_sum(by_node, value, edges), expected, atol=1e-9, rtol=1e-9)


def test_nodes_without_edges_get_zero_and_nan_stays_with_its_neighbours() -> None:
    score, value, _, _ = graph(4, 2)
    edges = torch.tensor([[0, 1], [1, 2]])
    out = edge_softmax_sum(score, value, edges)
    assert bool((out[[0, 3]] == 0).all())
    torch.testing.assert_close(out[[1, 2]], value[[0, 1]])
    score[0, 0] = torch.nan
    out = edge_softmax_sum(score, value, edges)
    assert bool(out[1, 0].isnan().all())
    assert bool(out[[0, 2, 3]].isfinite().all())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_narrow_types_are_summed_wide(dtype: torch.dtype) -> None:
    weight, value, _, edges = graph(3, 4096, 1, 2, dtype)
    got = edge_softmax_sum(weight, value, edges)
    assert got.dtype == dtype
    exact = edge_softmax_sum(weight.double(), value.double(), edges)
    torch.testing.assert_close(got.double(), exact, atol=4 * torch.finfo(dtype).eps, rtol=4 * torch.finfo(dtype).eps)


def test_edges_are_checked() -> None:
    with pytest.raises(ArgumentError, match="numbers from 0 to 5; expected 0 to 4"):
        checked(torch.tensor([[0, 1], [5, 2]]), 5)
    with pytest.raises(ArgumentError, match=r"int64 of shape \(2, m\)"):
        checked(torch.zeros(2, 3), 5)
    with pytest.raises(ArgumentError, match=r"shape \(3, 2\)"):
        checked(torch.zeros(3, 2, dtype=torch.int64), 5)
    weight, value, other, edges = graph(5, 7)
    with pytest.raises(ArgumentError, match=r"weight: got \(6, 2\); expected shape \(7, 2\)"):
        edge_sum(weight[1:], value, edges)
    with pytest.raises(ArgumentError, match="one shape"):
        edge_dot(value, other[1:], edges)


def test_compiles_in_one_graph() -> None:
    score, value, _, edges = graph(5, 11)

    def run(s: Tensor, v: Tensor) -> Tensor:
        return edge_softmax_sum(s, v, edges)

    got = torch.compile(run, backend="aot_eager", fullgraph=True)(score, value)
    torch.testing.assert_close(got, run(score, value))
