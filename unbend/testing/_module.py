"""What holds of every module: shapes, types, extremes, copies, and no trace left behind."""

import copy
import io
import pickle
import random

import numpy as np
import torch
from torch import nn

from unbend.testing._compare import close
from unbend.testing._poison import poisoned
from unbend.testing._subject import BATCH, Subject, gradients, leaves, total
from unbend.testing._suite import Skip, kind

module = kind("module", lambda cls: issubclass(cls, nn.Module))


@module.check
def empty_batch(subject: Subject) -> None:
    """A batch of none gives an output of none, and gradients of zero."""
    m, x = subject.module(), subject.input(batch=0)
    some = m(subject.input(batch=1))
    for got, one in zip(leaves(m(x)), leaves(some), strict=True):
        assert got.shape == (0, *one.shape[1:]), f"the output has shape {tuple(got.shape)}, not (0, ...)"
    assert all(bool((g == 0).all()) for g in gradients(m, x)), "a gradient is not zero"


@module.check
def rows_are_independent(subject: Subject) -> None:
    """In evaluation mode a row gives the same output alone as in a batch of any size and order."""
    m = subject.module()
    x = subject.input(batch=7)
    y = m(x)
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    close(m(x[order]), [leaf[order] for leaf in leaves(y)], x.dtype, "the output of a permuted batch")
    close(m(x[2:3]), [leaf[2:3] for leaf in leaves(y)], x.dtype, "the output of one row")


@module.check
def non_contiguous(subject: Subject) -> None:
    """The layout of the input in memory does not matter."""
    m, x = subject.module(), subject.input()
    turned = x.permute(*reversed(range(x.ndim))).contiguous().permute(*reversed(range(x.ndim)))
    close(m(turned), m(x), x.dtype)
    wide = torch.stack([x, torch.full_like(x, torch.nan)], -1)[..., 0]
    close(m(wide), m(x), x.dtype)
    close(gradients(m, wide), gradients(m, x), x.dtype, "the gradient")


@module.check
def gradients_are_right(subject: Subject) -> None:
    """In float64 the gradients by input and parameters agree with finite differences."""
    _true_gradient(subject)
    inputs, run = _as_function(subject)
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


@module.check
def second_gradients_are_right(subject: Subject) -> None:
    """In float64 the gradients of the gradients agree with finite differences."""
    _true_gradient(subject)
    inputs, run = _as_function(subject)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def _true_gradient(subject: Subject) -> None:
    """A class that passes gradients where it has no slope, as a rounding does, declares `surrogate = True`."""
    if getattr(subject.module(), "surrogate", False):
        raise Skip("its gradient is a surrogate, and not the derivative")


def _as_function(subject: Subject):
    """The module as a function of its input and of (at most five of) its parameters."""
    m = subject.module()
    named = [(name, p.detach()) for name, p in m.named_parameters() if p.requires_grad]
    step = max(1, len(named) // 5)
    chosen = named[::step]

    def run(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        given = {name: value for (name, _), value in zip(chosen, values, strict=True)}
        return total(torch.func.functional_call(m, given, (x,)))

    return [t.clone().requires_grad_() for t in (subject.input(batch=2), *(p for _, p in chosen))], run


@module.check
def float32_is_accurate(subject: Subject) -> None:
    """In float32 output and gradients agree with float64."""
    _agrees(subject, torch.float32)


@module.check
def bfloat16_is_accurate(subject: Subject) -> None:
    """In bfloat16 the output has that type, and agrees with float64."""
    _agrees(subject, torch.bfloat16)


def _agrees(subject: Subject, dtype: torch.dtype) -> None:
    narrow = subject.module().to(dtype)
    exact = copy.deepcopy(narrow).double()
    x = subject.input(dtype)
    y = narrow(x)
    for leaf in leaves(y):
        assert leaf.dtype == dtype, f"the output has type {leaf.dtype}, the input {dtype}"
    close(y, exact(x.double()), dtype)
    # On its way back through a deep network a gradient is rounded at every layer, and in both factors of each product.
    close(gradients(narrow, x), gradients(exact, x.double()), dtype, "the gradient", times=5)


@module.check
def extremes_are_finite(subject: Subject) -> None:
    """Value and gradient are finite at inputs of 1e-30, 90, 1e4 and 1e30, as far as the example allows."""
    m = subject.module(torch.float32)
    for size in (1e-30, 90.0, 1e4, 1e30):
        if size > subject.example.largest:
            continue
        for sign in (1.0, -1.0):
            x = subject.input(torch.float32)
            for at in (torch.full_like(x, sign * size), x * size, _with_one(x, sign * size)):
                assert all(bool(leaf.isfinite().all()) for leaf in leaves(m(at))), f"the value at {sign * size:g}"
                assert all(bool(g.isfinite().all()) for g in gradients(m, at)), f"the gradient at {sign * size:g}"


@module.check
def nan_is_not_dropped(subject: Subject) -> None:
    """A nan in a row shows in that row of the output, and in no other."""
    m = subject.module()
    y = m(_with_one(subject.input(batch=BATCH), torch.nan))
    assert any(bool(leaf[0].isnan().any()) for leaf in leaves(y)), "the nan has been dropped"
    assert not any(bool(leaf[1:].isnan().any()) for leaf in leaves(y)), "the nan has reached another row"


def _with_one(x: torch.Tensor, value: float) -> torch.Tensor:
    """`x` with its first element replaced."""
    x = x.clone()
    x.view(-1)[0] = value
    return x


@module.check
def state_survives_saving(subject: Subject) -> None:
    """`state_dict` goes through a file that is read with `weights_only=True`, into a module that differs."""
    m, x, file = subject.module(), subject.input(), io.BytesIO()
    torch.save(m.state_dict(), file)
    file.seek(0)
    other = subject.module(seed=1)
    other.load_state_dict(torch.load(file, weights_only=True))
    close(other(x), m(x), x.dtype)


@module.check
def copies_are_equal_and_apart(subject: Subject) -> None:
    """A deep copy and a pickled copy give the same output, and share no memory."""
    m, x = subject.module(), subject.input()
    y = m(x)
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert type(other) is type(m)
        close(other(x), y, x.dtype, "the output of a copy")
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.fill_(torch.nan)
    close(m(x), y, x.dtype, "the output after a change of the copy")


@module.check
def keywords_place_it(subject: Subject) -> None:
    """`device=` and `dtype=` place what the constructor makes; on the meta device shapes still follow."""
    m = subject.build()
    if not [*m.parameters(), *m.buffers()]:
        raise Skip("it holds no tensors")
    if not subject.rebuilds:
        raise Skip("an instance cannot be built again")
    for p in subject.build(dtype=torch.float64).parameters():
        assert p.dtype == torch.float64, f"a parameter has type {p.dtype}"
    meta = subject.build(device="meta").eval()
    for name, tensor in [*meta.named_parameters(), *meta.named_buffers()]:
        assert tensor.is_meta, f"{name} is on {tensor.device}"
    x = subject.input(torch.float32)
    for a, b in zip(leaves(meta(x.to("meta"))), leaves(m.eval()(x)), strict=True):
        assert a.shape == b.shape, f"the shape on meta is {tuple(a.shape)}, not {tuple(b.shape)}"


@module.check
def every_parameter_counts(subject: Subject) -> None:
    """Every parameter that asks for a gradient gets one that is not zero, in one of three states at least."""
    idle = {name for name, p in subject.module().named_parameters() if p.requires_grad}
    for seed in range(3):
        m = subject.module(seed=seed)
        learned = [name for name, p in m.named_parameters() if p.requires_grad]
        found = gradients(m, subject.input(batch=7, seed=seed))[1:]
        idle -= {name for name, g in zip(learned, found, strict=True) if bool((g != 0).any())}
    assert not idle, f"the gradients of {', '.join(sorted(idle))} are zero"


@module.check
def leaves_no_trace(subject: Subject) -> None:
    """A call repeats itself, and changes neither its input, nor its weights, nor any global state."""
    m, x = subject.module(), subject.input()
    kept, weights = x.clone(), copy.deepcopy(m.state_dict())
    before = _global_state()
    first = m(x)
    gradients(m, x)
    assert _global_state() == before, "global state has changed"
    assert torch.equal(x, kept), "the input has changed"
    close(list(m.state_dict().values()) or [x], list(weights.values()) or [kept], x.dtype, "the state")
    for a, b in zip(leaves(m(x)), leaves(first), strict=True):
        assert torch.equal(a, b), "a second call gives another output"


def _global_state() -> tuple[object, ...]:
    return (
        torch.get_rng_state().numpy().tobytes(),
        str(np.random.get_state()),  # noqa: NPY002  the old global state is what must not change
        random.getstate(),
        *(torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()),
        *(torch.are_deterministic_algorithms_enabled(), torch.get_default_device()),
    )


@module.check
def writes_all_its_memory(subject: Subject) -> None:
    """Built and run where fresh memory is nan, it gives the same output and gradients."""
    m, x = subject.module(), subject.input()
    with poisoned():
        other = subject.module()
        y, g = other(x), gradients(other, x)
    assert not any(bool(leaf.isnan().any()) for leaf in [*leaves(y), *g]), "nan from unwritten memory is in the result"
    close(y, m(x), x.dtype)
    close(g, gradients(m, x), x.dtype, "the gradient")
