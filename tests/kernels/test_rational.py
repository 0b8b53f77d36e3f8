"""The compiled ratio against the plain form, at awkward sizes, far out, and through every way of asking for it."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from unbend.kernels._ratio import Form, plain, rational, rational_slope

FORMS = {
    "A": Form(mirror=True),
    "B": Form(fold=True, base=1.0, lead=0.0),
    "C": Form(fold=True, base=0.1, lead=None),
    "N": Form(),
}


Shape = tuple[int, ...]
Lists = tuple[list[Tensor], list[Tensor]]


def numbers(
    version: str, m: int, n: int, shape: tuple[int, ...], dtype: torch.dtype
) -> tuple[list[Tensor], list[Tensor]]:
    """Coefficients drawn at random; those of version N so small that there is no pole."""
    random = torch.Generator().manual_seed(m + 10 * n)
    a = [torch.randn(shape, generator=random, dtype=dtype).requires_grad_() for _ in range(m + 1)]
    size = 0.01 if version == "N" else 1.0
    q = [
        (size * torch.randn(shape, generator=random, dtype=dtype)).requires_grad_() for _ in range(n + (version == "C"))
    ]
    if version == "N" and n % 2 == 0 and n:
        q[-1] = q[-1].detach().abs().add(0.5).requires_grad_()
    return a, q


def reference(x: Tensor, a: list[Tensor], q: list[Tensor], form: Form) -> Tensor:
    """The textbook: powers, one by one."""
    over = sum(c * x**j for j, c in enumerate(a))
    below = [c.abs() for c in q] if form.mirror else q
    below = below if form.lead is None else [torch.as_tensor(form.lead, dtype=x.dtype), *below]
    at = x.abs() if form.mirror else x
    under = sum(c * at**k for k, c in enumerate(below))
    return over / (form.base + under.abs() if form.fold else under)


@pytest.mark.parametrize("version", FORMS)
@pytest.mark.parametrize(("m", "n"), [(5, 4), (3, 0), (0, 0), (4, 6), (2, 2), (1, 3)])
@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        ((1025,), ()),
        ((), ()),
        ((4, 3, 5), (1, 3, 1)),
        ((4, 5, 3), (1, 1, 3)),
        ((2, 3, 67), (1, 3, 1)),
        ((0, 3, 2), (1, 3, 1)),
    ],
)
def test_value_and_gradients(version: str, m: int, n: int, shape: Shape, channels: Shape) -> None:
    if version == "N" and n % 2:
        pytest.skip("an odd polynomial has a root, and this version a pole")
    form, dtype = FORMS[version], torch.float64
    a, q = numbers(version, m, n, channels, dtype)
    x = (2 * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)).requires_grad_()
    weight = torch.cos(torch.arange(x.numel(), dtype=dtype)).view(shape)
    y, expected = rational(x, a, q, form), reference(x, a, q, form)
    assert torch.allclose(y, expected, rtol=1e-11, atol=1e-12)
    got = torch.autograd.grad(y, (x, *a, *q), weight)
    wanted = torch.autograd.grad(expected, (x, *a, *q), weight, allow_unused=True, materialize_grads=True)
    for one, other in zip(got, wanted, strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-10 * float(1 + other.abs().sum()))
    with torch.no_grad():
        assert torch.allclose(rational_slope(x, a, q, form) * weight, got[0], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("version", FORMS)
def test_second_gradients(version: str) -> None:
    a, q = numbers(version, 3, 2, (), torch.float64)
    x = torch.tensor([-2.7, -0.6, 0.3, 0.9, 4.1], dtype=torch.float64, requires_grad=True)

    def of(x: Tensor, *c: Tensor) -> Tensor:
        return rational(x, c[:4], c[4:], FORMS[version])

    assert torch.autograd.gradgradcheck(of, (x, *a, *q))


@pytest.mark.parametrize("version", FORMS)
def test_far_out_it_follows_the_leading_terms(version: str) -> None:
    # Written as powers this is inf / inf in float32.
    a, q = numbers(version, 5, 4, (), torch.float32)
    x = torch.tensor([1e30, -1e30, 1e37, -1e37], requires_grad=True)
    lead = float(a[5].detach()) / (float(q[-1].detach()) if version == "N" else abs(float(q[-1].detach())))
    y = rational(x, a, q, FORMS[version])
    assert torch.allclose(y, lead * x, rtol=1e-5)
    assert torch.allclose(torch.autograd.grad(y.sum(), x)[0], torch.tensor(lead).expand(4), rtol=1e-5)
    assert torch.allclose(plain(x, a, *_with_lead(q, version)), y, rtol=1e-5)
    assert bool(reference(x, a, q, FORMS[version]).isnan().all()), "the trap is there"


def _with_lead(q: list[Tensor], version: str) -> tuple[list[Tensor], Form]:
    form = FORMS[version]
    below = [c.abs() for c in q] if form.mirror else q
    return (below if form.lead is None else [torch.tensor(form.lead), *below]), form


def test_nan_and_zero() -> None:
    y = rational(torch.tensor([torch.nan, 0.0]), (0.5, 1.0), (0.7,), FORMS["A"])
    assert bool(y[0].isnan())
    assert float(y[1]) == 0.5


def test_two_threads_give_the_same_each_time() -> None:
    a, q = numbers("A", 5, 4, (), torch.float32)
    x = torch.randn(200_003, generator=torch.Generator().manual_seed(1), requires_grad=True)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        first, second = (torch.autograd.grad(rational(x, a, q, FORMS["A"]).sum(), (x, *a, *q)) for _ in range(2))
        torch.set_num_threads(1)
        alone = torch.autograd.grad(rational(x, a, q, FORMS["A"]).sum(), (x, *a, *q))
    finally:
        torch.set_num_threads(threads)
    for one, two, other in zip(first, second, alone, strict=True):
        assert torch.equal(one, two)
        assert torch.allclose(one, other, rtol=1e-5)


def test_the_loops_are_imported_when_first_used() -> None:
    code = "import sys, unbend.activations as a; a.PAU(); assert 'unbend.kernels._rational' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
