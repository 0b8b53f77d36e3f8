"""Causal products in chunks against the table of all pairs, at awkward lengths."""

import pytest
import torch
from torch import Tensor

from unbend.kernels._causal_product import causal_average, causal_product

DOUBLE = torch.float64


def pairs(q: Tensor, k: Tensor, v: Tensor, reverse: bool = False) -> Tensor:
    """All pairs written out."""
    weights = q @ k.transpose(-1, -2)
    return (weights.triu() if reverse else weights.tril()) @ v


def parts(t: int, dtype: torch.dtype = DOUBLE, b: int = 2, f: int = 5, d: int = 3) -> tuple[Tensor, ...]:
    draw = torch.Generator().manual_seed(t)
    return tuple(torch.randn(b, 3, t, n, generator=draw, dtype=DOUBLE).to(dtype).requires_grad_() for n in (f, f, d))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("t", [1, 7, 63, 64, 65, 1000])
def test_it_is_the_table_of_all_pairs(t, reverse) -> None:
    inputs = parts(t)
    y, expected = causal_product(*inputs, reverse=reverse), pairs(*inputs, reverse)
    torch.testing.assert_close(y, expected)
    weight = torch.randn(y.shape, dtype=DOUBLE)
    found, wanted = (torch.autograd.grad(out, inputs, weight) for out in (y, expected))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("t", [1, 7, 63, 1000, 4097])
def test_float32_keeps_to_float64(t) -> None:
    exact = [x.detach().abs().requires_grad_() for x in parts(t, b=1)]
    narrow = [x.detach().float().requires_grad_() for x in exact]
    outputs = []
    for inputs in (exact, narrow):
        y = causal_average(*inputs, 1e-6)
        outputs.append((y, *torch.autograd.grad(y.sin().sum(), inputs)))
    for a, b in zip(*outputs, strict=True):
        # The one output of a single token does not depend on its weight: there the gradient is zero but for rounding.
        assert float((b - a).detach().abs().max()) <= 2e-5 * float(a.detach().abs().max()) + 1e-6


@pytest.mark.parametrize("chunk", [1, 3, 16, 100])
def test_the_chunk_changes_nothing(chunk) -> None:
    inputs = parts(37)
    torch.testing.assert_close(causal_product(*inputs, chunk=chunk), pairs(*inputs))


def test_gradients_and_theirs() -> None:
    inputs = parts(9, b=1)
    for reverse in (False, True):
        run = lambda q, k, v, way=reverse: causal_product(q, k, v, reverse=way, chunk=4)  # noqa: E731  read once
        assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
        assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def test_it_maps_and_compiles() -> None:
    q, k, v = (x.detach() for x in parts(11))
    torch.testing.assert_close(torch.vmap(causal_product, (0, None, 0))(q, k[0], v), pairs(q, k[0], v))
    jacobian = torch.vmap(torch.func.jacrev(causal_product))(q, k, v)
    wanted = torch.vmap(torch.func.jacrev(pairs))(q, k, v)
    torch.testing.assert_close(jacobian, wanted)
    compiled = torch.compile(causal_product, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(q, k, v), pairs(q, k, v))


def test_a_batch_of_none() -> None:
    inputs = parts(5, b=0)
    y = causal_product(*inputs)
    assert y.shape == (0, 3, 5, 3)
    y.sum().backward()


def test_nothing_of_the_size_of_all_pairs_is_formed() -> None:
    from unbend.study import PeakMemory

    sizes = []
    for t in (2048, 4096):
        inputs = [torch.randn(1, 1, t, 4, requires_grad=True) for _ in range(3)]
        with PeakMemory() as peak:
            causal_product(*inputs).sum().backward()
        sizes.append(peak.bytes)
    assert sizes[1] < 2.2 * sizes[0]
