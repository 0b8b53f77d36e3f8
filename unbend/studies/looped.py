"""How sharp must the attention of the transformer that executes programs be, and what does its last layer do?"""

import math
from typing import Any

import numpy as np
import torch

from unbend.data import Dataset
from unbend.models import SubleqMachine, SubleqProgram, subleq
from unbend.study import Arm, Cell, Claim, Metric, Steps, Study

CELLS, BITS, TRIED = 6, 8, 5


class Programs:
    """Random programs that fill a number of columns: a source of data for this study."""

    def __init__(self, columns: int) -> None:
        self.columns, self.name = columns, f"columns-{columns}"

    def load(self) -> Dataset:
        random, size = np.random.default_rng(6), self.columns - CELLS - 1
        commands = random.integers(1, CELLS + 1, (400, size, 3))
        commands[..., 2] = random.integers(CELLS + 1, self.columns, (400, size))
        commands[:, -1, :2] = 1  # takes a cell from itself, and so always jumps
        memory = random.integers(-(1 << (BITS - 1)), 1 << (BITS - 1), (400, CELLS))
        rows = torch.from_numpy(np.concatenate([memory, commands.reshape(400, -1)], 1)).double()
        about = f"{self.__doc__} {self.columns} columns; {CELLS} cells, {BITS} bits. A row is one program."
        y = rows[:, :CELLS]
        return Dataset(self.name, "regression", (rows[:200], y[:200]), (rows[200:], y[200:]), about=about)


def program(row: torch.Tensor) -> SubleqProgram:
    numbers = [int(value) for value in row.tolist()]
    triples: Any = zip(*(numbers[CELLS + k :: 3] for k in range(3)))
    return SubleqProgram(tuple(triples), tuple(numbers[:CELLS]))


def executed(cell: Cell) -> dict[str, float]:
    """Share of some programs whose whole trace is exact, cycles until the first fault, and the error of digits."""
    rows = cell.data.test[0]
    chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(cell.seed))[:TRIED]
    cycles, exact, reached, error = getattr(cell.budget, "steps", 1), 0, 0, 0.0
    for row in rows[chosen]:
        machine: SubleqMachine = cell.arm(program(row), bits=BITS)
        x, plain = machine.start(), subleq(machine.program, cycles, BITS)
        right = 0
        for wanted in plain[1:]:
            cell.check_deadline()
            x = machine.cycle(x)
            if machine.read(x) != wanted:
                break
            right += 1
        exact, reached = exact + (right == cycles), reached + right
        error = max(error, machine.error(x) if bool(x.isfinite().all()) else 1e30)
    return {
        "exact": exact / TRIED,
        "cycles": reached / TRIED,
        "log10_error": math.log10(min(max(error, 1e-17), 1e30)),
    }


def sharp(value: float, correct: bool = True) -> Arm:
    return Arm(SubleqMachine, {"sharpness": value, "correct": correct})


main = Study(
    name="looped",
    question="How sharp must the attention of a transformer be that executes programs exactly, and does it need the "
    "layer that puts its digits right?",
    data=["columns-16", "columns-64"],
    sources={"columns-16": Programs(16), "columns-64": Programs(64)},
    arms={
        "0.5": sharp(0.5),
        "1": sharp(1.0),
        "2": sharp(2.0),
        "3": sharp(3.0),
        "5": sharp(5.0),
        "10": sharp(10.0),
        "3, not put right": sharp(3.0, correct=False),
        "10, not put right": sharp(10.0, correct=False),
    },
    trial=executed,
    budget=Steps(60),
    claims=[
        Claim("at 10 every program is executed exactly, as at 5", "exact", "10", ">=", "5"),
        Claim("at 1 hardly any is", "exact", "10", ">", "1", 0.5),
        Claim("at 3 the layer that puts digits right is needed", "exact", "3", ">", "3, not put right", 0.2),
        Claim("at 10 programs of 60 cycles can do without", "exact", "10, not put right", ">=", "10"),
        Claim("put right, digits stay exact", "log10_error", "10", "<", "10, not put right", 3.0),
    ],
    metrics=(Metric("exact", worst=0.0), Metric("cycles", worst=0.0), Metric("log10_error", "lower")),
    minutes=3,
    paper="looped",
    reference="10",
    notes="The paper takes 10. A column takes 1 - n exp(-2 sharpness) or more of the one that it means, which is above "
    "three quarters, what the last layer puts right, from 2.1 on for 16 columns and 2.8 for 64; but the adder "
    "multiplies errors of fetched digits by up to 2^bits before that layer comes. Five random programs for each seed, "
    "60 cycles each; a trace is exact if the place and all cells agree after every cycle. Run once at another seed "
    "before.",
)
