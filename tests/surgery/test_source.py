"""Rewritten methods do what they did, but for the calls that were sent elsewhere."""

import ast
import inspect
import traceback

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend.surgery import swap
from unbend.surgery._source_base import call_at, whole_body


def twice(x: Tensor) -> Tensor:
    return 2 * x


class Awkward(nn.Module):
    """What a rewriter trips over: private names, closures, defaults, keywords only, comprehensions, long lines."""

    def __init__(self) -> None:
        super().__init__()
        self.__scale = 3.0

    def forward(self, x: Tensor, times: int = 2, *, shift: float = 0.5) -> Tensor:
        """Say something."""
        parts = [F.relu(x + n) for n in range(times)]
        gate = lambda z: torch.sigmoid(z * self.__scale)  # noqa: E731 - a lambda is what is tested
        x = (
            sum(parts)
            .tanh()
            .relu()
        )  # fmt: skip
        total: Tensor = gate(x) + shift
        return twice(F.elu(input=total, alpha=0.5) if times else total)


@pytest.mark.parametrize("key", ["relu", "sigmoid", "tanh", "elu"])
def test_only_the_chosen_calls_change(key: str) -> None:
    def plain(x: Tensor, f: dict) -> Tensor:
        x = f["relu"](f["tanh"](f["relu"](x) + f["relu"](x + 1)))
        return 2 * f["elu"](f["sigmoid"](3 * x) + 0.5)

    functions = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "elu": lambda x: F.elu(x, alpha=0.5)}
    model, account = swap(Awkward(), {key: nn.Softsign}, example=torch.ones(1))
    x = torch.linspace(-3, 3, 11)
    torch.testing.assert_close(model(x), plain(x, functions | {key: F.softsign}))
    assert {row.how for row in account.swapped} == {"source"}


def test_a_rewritten_method_keeps_its_signature_text_and_lines() -> None:
    model, _ = swap(Awkward(), {"elu": nn.Softsign}, example=torch.ones(1))
    forward = type(model).forward
    assert inspect.signature(forward) == inspect.signature(Awkward.forward)
    assert (forward.__doc__, forward.__qualname__, forward.__module__) == (
        Awkward.forward.__doc__, Awkward.forward.__qualname__, Awkward.forward.__module__,
    )  # fmt: skip
    try:
        model("text")
    except TypeError as error:
        places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    try:
        Awkward()("text")
    except TypeError as error:
        expected = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    assert places[1:] == expected[1:]


def test_a_source_that_is_not_what_runs_is_not_trusted() -> None:
    class Changed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x) + 1

    end = (Changed.forward.__code__.co_firstlineno + 1, len("            return F.relu(x)"))
    assert ast.unparse(call_at(Changed.forward, end)) == "F.relu(x)"
    assert call_at(Changed.forward, (end[0], end[1] + 1)) is None
    Changed.forward.__code__ = Changed.forward.__code__.replace(
        co_consts=tuple(2 if c == 1 else c for c in Changed.forward.__code__.co_consts)
    )
    assert call_at(Changed.forward, end) is None
    model, account = swap(Changed(), {nn.ReLU: nn.SiLU})
    assert account.rows[0].how == "intercepted"
    assert torch.equal(model(torch.ones(1)), F.silu(torch.ones(1)) + 2)


def test_another_self_is_not_mistaken_for_the_module() -> None:
    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            f = lambda self: F.relu(self) + 1  # noqa: E731 - a lambda is what is tested
            return f(x)

    model, account = swap(Inner(), {nn.ReLU: nn.SiLU})
    assert account.rows[0].how == "intercepted"
    assert torch.equal(model(torch.ones(1)), F.silu(torch.ones(1)) + 1)


def test_whole_body() -> None:
    class Forms:
        def one(self, x):
            """Doc."""
            return F.relu(x)

        def more(self, x):
            x = x + 1
            return F.relu(x)

        def other(self, x):
            return F.relu(x + 1)

    assert ast.unparse(whole_body(Forms.one)) == "F.relu(x)"
    assert whole_body(Forms.more) is None
    assert whole_body(Forms.other) is None
