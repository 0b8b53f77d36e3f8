"""The transformer that executes programs: its trace is that of a plain interpreter, and its sharpness is enough."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from unbend.models import SubleqMachine, SubleqProgram, assemble, subleq

MULTIPLY = """
    x = {x}
    y = {y}
    product = 0
    one = 1
    again: jump_if_le x done
    add y product
    sub one x
    jump again
    done: halt
"""

FACTORIAL = """
    n = {n}
    result = 1
    one = 1
    count = 0
    sum = 0
    outer: jump_if_le n done
    move n count
    clear sum
    inner: add result sum
    sub one count
    jump_if_le count stop
    jump inner
    stop: move sum result
    sub one n
    jump outer
    done: halt
"""


def cells(**values: int) -> str:
    return "".join(f"{name} = {value}\n" for name, value in values.items())


def sorting(values: list[int]) -> str:
    """A network of exchanges between neighbours."""
    text, count = cells(t=0, **{f"v{i}": value for i, value in enumerate(values)}), 0
    for last in range(len(values) - 1, 0, -1):
        for i in range(last):
            text += f"move v{i} t\nsub v{i + 1} t\njump_if_le t next{count}\n"
            text += f"sub t v{i}\nadd t v{i + 1}\nnext{count}:\n"
            count += 1
    return text + "halt"


def reversal(values: list[int]) -> str:
    text = cells(t=0, **{f"v{i}": value for i, value in enumerate(values)})
    for i in range(len(values) // 2):
        j = len(values) - 1 - i
        text += f"move v{i} t\nmove v{j} v{i}\nmove t v{j}\n"
    return text + "halt"


def traced(program: SubleqProgram, cycles: int, bits: int = 8) -> dict[str, int]:
    """Run both ways, see that they agree all along, and give the cells at the end."""
    plain = subleq(program, cycles, bits)
    assert plain[-1] == plain[-4], "the program has not come to its end"
    assert SubleqMachine(program, bits).run(cycles) == plain
    return {name: plain[-1].memory[address - 1] for name, address in program.cells.items()}


@pytest.mark.parametrize(("x", "y"), [(6, 7), (0, 5), (3, -4), (11, 12)])
def test_multiplication(x, y) -> None:
    wrapped = (x * y + 128) % 256 - 128
    assert traced(assemble(MULTIPLY.format(x=x, y=y)), 8 * x + 12)["product"] == wrapped


def test_factorial() -> None:
    assert traced(assemble(FACTORIAL.format(n=5)), 260, bits=10)["result"] == 120


def test_sorting() -> None:
    values = [5, -3, 9, 0]
    found = traced(assemble(sorting(values)), 80)
    assert [found[f"v{i}"] for i in range(4)] == sorted(values)


def test_reversal() -> None:
    values = [4, -8, 15, 16, 23, 42]
    found = traced(assemble(reversal(values)), 45)
    assert [found[f"v{i}"] for i in range(6)] == values[::-1]


@settings(max_examples=15, deadline=None)
@given(st.data(), st.integers(2, 10))
def test_random_programs_that_overflow(data, bits) -> None:
    half = 1 << (bits - 1)
    memory = data.draw(st.lists(st.integers(-half, half - 1), min_size=2, max_size=6))
    size = data.draw(st.integers(1, 9))
    start = len(memory) + 1
    cell, place = st.integers(1, len(memory)), st.integers(start, start + size - 1)
    commands = data.draw(st.lists(st.tuples(cell, cell, place), min_size=size - 1, max_size=size - 1))
    # The last command always jumps: what is taken from itself is zero.
    program = SubleqProgram((*commands, (1, 1, data.draw(place))), tuple(memory))
    assert SubleqMachine(program, bits).run(25) == subleq(program, 25, bits)


def test_every_column_takes_nearly_all_of_the_one_it_means() -> None:
    machine = SubleqMachine(assemble(MULTIPLY.format(x=2, y=3)), sharpness=3.0)
    keys, queries, _ = machine.layers[0].heads[0]
    weights = machine.layers[0].attention(machine.start(), keys, queries)
    bound = 1 - machine.columns * math.exp(-2 * 3.0)
    assert float(weights[machine.program.start, 0]) >= bound
    assert float(weights.diagonal()[1:].min()) >= bound


def test_the_last_layer_puts_digits_right_and_errors_grow_without_it() -> None:
    program = assemble(MULTIPLY.format(x=3, y=3))
    right, left = (SubleqMachine(program, sharpness=4.0, correct=correct) for correct in (True, False))
    x, z = right.start(), left.start()
    for _ in range(12):
        x, z = right.cycle(x), left.cycle(z)
    assert right.error(x) < 1e-14
    assert left.error(z) > 1e-4
    shaken = right.layers[-1](x + 0.2 * torch.rand_like(x))
    torch.testing.assert_close(shaken[right.rows.memory], x[right.rows.memory], atol=1e-14, rtol=0)


def test_too_soft_an_attention_fails() -> None:
    program = assemble(MULTIPLY.format(x=3, y=3))
    plain = subleq(program, 30)
    exact = [SubleqMachine(program, sharpness=s).run(30) == plain for s in (0.2, 0.5, 3.0, 6.0, 10.0)]
    assert exact == [False, False, True, True, True]


def test_size_of_the_state() -> None:
    machine = SubleqMachine(assemble(MULTIPLY.format(x=1, y=1)), bits=8)
    places, bits = machine.places, 8
    assert machine.start().shape == (8 * places + 3 * bits + max(3 * places, 2 * bits) + 1, machine.columns)


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match="line 2: got sub x; expected subleq a b"):
        assemble("x = 1\nsub x")
    with pytest.raises(ValueError, match="line 2: got x = 2; expected a new name"):
        assemble("x = 1\nx = 2")
    with pytest.raises(LookupError, match="unknown cell 'y'"):
        assemble("x = 1\nsub x y")
    with pytest.raises(LookupError, match="unknown label 'ther'; did you mean there"):
        assemble("x = 1\nthere: jump ther")
    with pytest.raises(ValueError, match="bits: got 50"):
        SubleqMachine(assemble("halt"), bits=50)
