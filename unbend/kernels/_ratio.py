"""A ratio of two polynomials, elementwise: the form of its denominator, in plain torch, and the way to the loops."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd import forward_ad

Coefficients = Sequence[float] | Sequence[Tensor]


class Form(NamedTuple):
    """How the denominator follows from the coefficients q.

    Attributes:
        fold: it is `base + |q_0 + q_1 x + ...|`.
        mirror: it is `|q_0| + |q_1 x| + ...`.
        base: see `fold`; 0 without it.
        lead: what q_0 is; None where it is among the coefficients.
    """

    fold: bool = False
    mirror: bool = False
    base: float = 0.0
    lead: float | None = 1.0


def plain(x: Tensor, a: Coefficients, q: Coefficients, form: Form) -> Tensor:
    """`a_0 + a_1 x + ...` over the denominator of `form`, in plain torch: the reference of the loops.

    A number beyond 1 is replaced by its inverse, with the coefficients in reverse: no power of it overflows.

    Args:
        x: floating.
        a: coefficients of the numerator from the lowest on: numbers, or tensors that broadcast with x.
        q: those of the denominator, from q_0 on.
        form: how the denominator follows from q.
    """
    dtype, x = x.dtype, x if x.dtype == torch.float64 else x.float()
    m, n, far = len(a) - 1, len(q) - 1, x.abs() > 1
    if n == 0 and not form.fold:  # a polynomial overflows in any case
        return (_homogeneous(a, x, None) / q[0]).to(dtype)
    u = torch.where(far, x, 1.0).reciprocal()
    s, t = torch.where(far, 1.0, x), torch.where(far, u, 1.0)
    over = _homogeneous(a, s, t)
    under = _homogeneous(q, *((s.abs(), t.abs()) if form.mirror else (s, t)))
    under = form.base * t.abs() ** n + under.abs() if form.fold else under
    lift = torch.where(far, x, 1.0) ** (m - n) if m > n else u ** (n - m)
    if n % 2 and (form.fold or form.mirror):
        lift = torch.where(far & (x < 0), -lift, lift)
    return (over / under * lift).to(dtype)


def _homogeneous(c: Coefficients, s: Tensor, t: Tensor | None) -> Tensor:
    """The sum of `c_j s^j t^(last - j)`; t is 1 where there is none."""
    total, power = c[-1] * torch.ones_like(s), t
    for coefficient in c[-2::-1]:
        total = total * s + (coefficient if power is None else coefficient * power)
        power = None if power is None or t is None else power * t
    return total


def rational(x: Tensor, a: Coefficients, q: Coefficients, form: Form) -> Tensor:
    """`plain` by compiled loops on the CPU, twice differentiable by x and by the coefficients.

    Of each tensor of coefficients one axis at most is longer than 1, the same in all. Elsewhere, and under
    `torch.compile`, `torch.export`, `torch.func` and forward differentiation, it is `plain`.

    Args:
        x: floating.
        a: coefficients of the numerator, numbers or tensors.
        q: those of the denominator, from q_1 on, or from q_0 on where `form.lead` is None.
        form: how the denominator follows from q.
    """
    if _by_operators(x):
        below = [abs(c) for c in q] if form.mirror else list(q)
        return plain(x, a, cast(Any, below if form.lead is None else [form.lead, *below]), form)
    from unbend.kernels._rational import Ratio  # numba takes a second to import

    return cast(Tensor, Ratio.apply(*_narrowed(x, a, q, form), form)).to(x.dtype)


def rational_slope(x: Tensor, a: Coefficients, q: Coefficients, form: Form) -> Tensor:
    """The derivative of `rational` by x, by the loops where nothing is to be differentiated further."""
    tensors = [t for t in (x, *a, *q) if isinstance(t, Tensor)]
    if _by_operators(x) or (torch.is_grad_enabled() and any(t.requires_grad for t in tensors)):
        x = x.contiguous()  # an expanded tensor cannot carry a tangent

        def of(x: Tensor) -> Tensor:
            return rational(x, a, q, form)

        return torch.func.jvp(of, (x,), (torch.ones_like(x),))[1]
    from unbend.kernels._rational import slope

    return slope(*_narrowed(x, a, q, form), form).to(x.dtype)


def _by_operators(x: Tensor) -> bool:
    """Whether the loops cannot be used."""
    return not x.is_cpu or not x.is_floating_point() or torch.compiler.is_compiling() or _transformed()


def _narrowed(x: Tensor, a: Coefficients, q: Coefficients, form: Form) -> tuple[Tensor, Tensor, Tensor]:
    """What the loops take: all in one type, coefficients in one tensor each, the leading one included."""
    dtype = x.dtype if x.dtype in (torch.float32, torch.float64) else torch.float32
    over, under = _together(a, dtype), _together(q, dtype)
    under = under.abs() if form.mirror else under
    if form.lead is not None:
        lead = torch.full((1, *over.shape[1:]), form.lead, dtype=dtype)
        under = torch.cat([lead, under]) if len(under) else lead
    return x.to(dtype), over, under


def _together(c: Coefficients, dtype: torch.dtype) -> Tensor:
    tensors = [t for t in c if isinstance(t, Tensor)]
    return torch.stack(tensors).to(dtype) if tensors else torch.tensor(c, dtype=dtype)


def _transformed() -> bool:
    # Neither question has a public form.
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0  # pyright: ignore[reportPrivateUsage]
