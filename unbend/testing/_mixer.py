"""What holds of every mixer: padding, causality, one step at a time, any length, cost."""

import inspect
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from unbend._errors import UnbendError
from unbend.testing._compare import close
from unbend.testing._subject import Subject
from unbend.testing._suite import Skip, kind
from unbend.testing._transforms import Elements

mixer = kind("mixer", lambda cls: issubclass(cls, nn.Module) and hasattr(cls, "causal"))

_LENGTHS = (1, 2, 3, 13, 63)


def sequences(subject: Subject, length: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Input of the example's batch and width, with `length` tokens; skips a mixer of images."""
    shape = subject.example.input
    if len(shape) != 3:
        raise Skip("it mixes images, whose size is part of the example")
    whole = torch.randn(shape[0], 600, shape[2], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return whole[:, :length].to(dtype)


def runs(made: nn.Module, x: Tensor) -> Tensor:
    """The output; skips a mixer that is built for one length alone and says so."""
    try:
        return made(x)
    except UnbendError as error:
        raise Skip(f"it is built for one length: {error}") from error


def causal(subject: Subject) -> Any:
    """The subject, if it is causal."""
    made: Any = subject.module()
    if not made.causal:
        raise Skip("it is not causal")
    return made


def tokens(y: Tensor) -> Tensor:
    """An output as (b, t, d), images flattened."""
    return y.flatten(2).transpose(1, 2) if y.ndim == 4 else y


@mixer.check
def padding_never_reaches_a_token(subject: Subject) -> None:
    """What stands in padded places, be it nan, changes no output of a real token; without padding there is no mask."""
    made, x = subject.module(), subject.input()
    shape = (x.shape[0], *x.shape[2:]) if x.ndim == 4 else x.shape[:2]
    close(made(x, torch.ones(shape, dtype=torch.bool)), made(x), x.dtype, "the output with no token padded")
    random = torch.Generator().manual_seed(1)
    real = torch.rand(shape, generator=random) < 0.6
    real.view(shape[0], -1)[:, 0] = True
    y = tokens(made(x, real))[real.flatten(1)]
    assert bool(y.isfinite().all()), "an output of a real token is not finite"
    padded = (~real)[:, None] if x.ndim == 4 else (~real)[..., None]
    for other in (100 * torch.randn(x.shape, generator=random, dtype=x.dtype), torch.full_like(x, torch.nan)):
        changed = tokens(made(torch.where(padded, other, x), real))[real.flatten(1)]
        close(changed, y, x.dtype, f"with {float(other.flatten()[0]):.3g} in padded places a real output")


@mixer.check
def padding_at_the_end_is_a_shorter_input(subject: Subject) -> None:
    """A sequence with its end padded gives what the shorter sequence gives."""
    made, x = subject.module(), sequences(subject, 11)
    short = runs(made, x[:, :7])
    real = (torch.arange(11) < 7).expand(len(x), -1)
    close(made(x, real)[:, :7], short, x.dtype)


@mixer.check
def later_tokens_change_nothing_earlier(subject: Subject) -> None:
    """In a causal mixer an output depends on its own token and those before it, and on no later one."""
    made = causal(subject)
    x = sequences(subject, 13)
    y = made(x)
    for t in (0, 1, 6, 11):
        changed = x.clone()
        changed[:, t + 1 :] = torch.randn(x[:, t + 1 :].shape, generator=torch.Generator().manual_seed(t)).double()
        close(made(changed)[:, : t + 1], y[:, : t + 1], x.dtype, f"after a change past token {t} an earlier output")

    def of_one(z: Tensor) -> Tensor:
        return made(z)[0].sum(-1)

    whole = cast(Tensor, torch.autograd.functional.jacobian(of_one, x))
    jacobian = whole[:, 0].abs().sum(-1)
    assert bool((jacobian.triu(1) == 0).all()), "the gradient of an output by a later token is not zero"
    assert bool((jacobian.diag() > 0).all()), "an output does not depend on its own token"


@mixer.check
def steps_equal_the_whole(subject: Subject) -> None:
    """In a causal mixer one step after another gives what the whole sequence gives."""
    made = causal(subject)
    x = sequences(subject, 13)
    state = made.init_state(len(x), device=x.device, dtype=x.dtype)
    outputs: list[Tensor] = []
    sizes: list[list[torch.Size]] = []
    for token in x.unbind(1):
        y, state = made.step(token, state)
        outputs.append(y)
        sizes.append([s.shape for s in state])
    close(torch.stack(outputs, 1), made(x), x.dtype, "the output step by step")
    assert sizes[0] == sizes[-1] or not getattr(made, "linear", True), f"the state grows from {sizes[0]} to {sizes[-1]}"


@mixer.check
def states_are_kept_wide(subject: Subject) -> None:
    """In bfloat16 the states are float32 all the same, and the outputs bfloat16."""
    made = causal(subject).to(torch.bfloat16)
    x = sequences(subject, 5, torch.bfloat16)
    state = made.init_state(len(x), device=x.device, dtype=x.dtype)
    for token in x.unbind(1):
        y, state = made.step(token, state)
        assert y.dtype == x.dtype, f"an output has type {y.dtype}"
        for part in state:
            assert not part.is_floating_point() or part.dtype == torch.float32, f"a state has type {part.dtype}"


@mixer.check
def chunks_equal_the_whole(subject: Subject) -> None:
    """Where the constructor takes `chunk=`, its value changes nothing but the speed."""
    if not subject.rebuilds or "chunk" not in inspect.signature(subject.construct).parameters:
        raise Skip("it has no chunked form")
    x = sequences(subject, 13)
    whole, state = subject.module()(x), subject.module().state_dict()
    for chunk in (1, 3, 5, 64):
        made = subject.construct(**{**subject.example.args, "chunk": chunk}).to(x.dtype).eval()
        made.load_state_dict(state)
        close(made(x), whole, x.dtype, f"with chunks of {chunk} the output")


@mixer.check
def takes_any_length(subject: Subject) -> None:
    """Sequences of one token, of a few, and of many more than the example's give outputs that are finite."""
    made = subject.module()
    for length in _LENGTHS:
        x = sequences(subject, length)
        y = runs(made, x)
        assert y.shape[:2] == x.shape[:2], f"{length} tokens become {tuple(y.shape)}"
        assert bool(y.isfinite().all()), f"with {length} tokens an output is not finite"
        if getattr(made, "causal", False):
            close(y, made(sequences(subject, _LENGTHS[-1]))[:, :length], x.dtype, f"the first {length} outputs")


@mixer.check
def cost_grows_linearly(subject: Subject) -> str:
    """Counted operations, forward and backward, grow with the number of tokens and not with its square."""
    made = subject.module(torch.float32)
    if not getattr(made, "linear", True):
        raise Skip("it says that it is not linear in the number of tokens")
    counts: list[int] = []
    for length in (128, 256, 512):
        x = sequences(subject, length, torch.float32).requires_grad_()
        runs(made, x[:, :1])
        with FlopCounterMode(display=False) as flops, Elements() as written:
            made(x).sum().backward()
        counts.append(flops.get_total_flops() + written.count)
    growth = (counts[2] - counts[1]) / (counts[1] - counts[0])
    assert growth < 2.5, f"from 256 to 512 tokens it costs {growth:.2f} times as much more as from 128 to 256"
    return f"{(counts[2] - counts[1]) / 256:.4g} operations a token"
