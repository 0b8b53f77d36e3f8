"""A transformer with weights made by hand that, run in a loop, executes programs."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from unbend._errors import ArgumentError, at_least, positive
from unbend.models._looped_base import Snapshot, SubleqProgram, code, decode

_ROUND = 0.25  # how far from -1, 0 and 1 the rows may be for the last layer to put them right


class SubleqMachine:
    """A transformer whose every pass executes one command `subleq a b c` of the program in its input.

    Formula:
        X1 = X + sum_h V_h X softmax(sharpness (K_h X)^T (Q_h X)), over columns;  X2 = X1 + W2 relu(W1 X1 + b1) + b2
        memory[b] -= memory[a];  at = c if memory[b] <= 0 else at + 1

    Shape:
        X: (rows, columns): a column of working space, one for each memory cell, one for each command.

    Args:
        program: see `assemble`.
        bits: of a number, in two's complement; a result beyond them wraps.
        sharpness: lambda, of the softmax.
        correct: whether the last layer puts -1, 0 and 1 right again.

    Behaviour:
        Numbers and addresses are rows of -1 and 1. Seven layers a cycle: fetch the command, fetch both cells, subtract,
        write back, test and step on, jump, put right. Two addresses of log2(columns) digits differ in a product of 2 at
        least, so a column takes 1 - columns exp(-2 sharpness) or more of the one it means; the last layer undoes
        errors below a quarter, and then no error grows. In float64.

    Departures:
        The paper's machine has ten layers: here one adds the negative in one go, and two decide on the jump. What makes
        -1, 0 and 1 right has a fixed reach, and not one taken from the data as in the authors' code.

    References:
        Giannou, Rajput, Sohn, Lee, Lee, Papailiopoulos (2023), Looped Transformers as Programmable Computers,
        arXiv:2301.13196.

    Examples:
        >>> from unbend.models import assemble
        >>> program = assemble("x = 20\\ny = 22\\nadd x y\\nhalt")
        >>> SubleqMachine(program).run(4)[-1].memory[program.cells["y"] - 1]
        42
    """

    def __init__(self, program: SubleqProgram, bits: int = 8, sharpness: float = 10.0, correct: bool = True) -> None:
        if not 2 <= at_least(2, bits=bits) <= 40:
            raise ArgumentError.of("bits", bits, "a whole number from 2 to 40: float64 adds them exactly")
        self.program, self.bits, self.sharpness = program, bits, positive(sharpness=sharpness)
        columns = 1 + len(program.memory) + len(program.commands)
        self.places = max(math.ceil(math.log2(columns)), 2)
        self.columns = columns
        self.rows = _Rows(self.places, bits)
        steps = [_fetch_command, _fetch_cells, _subtract, _write, _test, _jump] + [_put_right] * correct
        self.layers = [_Layer(step(self.rows), self.rows.count, sharpness) for step in steps]

    def start(self) -> Tensor:
        """The input: the program, its memory, and the address of its first command."""
        r, p = self.rows, self.program
        x = torch.zeros(r.count, self.columns, dtype=torch.float64)
        x[r.here, 0] = 1
        for address in range(1, self.columns):
            x[r.place, address] = _numbers(code(address, self.places))
        for address, value in enumerate(p.memory, 1):
            x[r.memory, address] = _numbers(code(value, self.bits))
        for address, command in enumerate(p.commands, p.start):
            for rows, operand in zip(r.command, command):
                x[rows, address] = _numbers(code(operand, self.places))
        x[r.at, 0] = _numbers(code(p.start, self.places))
        return x

    def cycle(self, x: Tensor) -> Tensor:
        """One pass: the state after one more command."""
        for layer in self.layers:
            x = layer(x)
        return x

    def read(self, x: Tensor) -> Snapshot:
        """The program's place and its cells."""
        r = self.rows
        cells = (x[r.memory, address].tolist() for address in range(1, self.program.start))
        return Snapshot(decode(x[r.at, 0].tolist(), False), tuple(decode(cell, True) for cell in cells))

    def error(self, x: Tensor) -> float:
        """The largest distance of a digit of the cells or of the program's place from -1 and 1."""
        digits = torch.cat([x[self.rows.memory, 1 : self.program.start].flatten(), x[self.rows.at, 0]])
        return float((digits.abs() - 1).abs().max())

    def run(self, cycles: int) -> list[Snapshot]:
        """What holds before the first command and after each, as `subleq` has it."""
        x = self.start()
        seen = [self.read(x)]
        for _ in range(at_least(0, cycles=cycles)):
            x = self.cycle(x)
            seen.append(self.read(x))
        return seen


class _Rows:
    """Which rows of the state mean what."""

    def __init__(self, places: int, bits: int) -> None:
        self.places, self.bits, self.count = places, bits, 0
        self.command = [self._take(places) for _ in range(3)]  # in the columns of commands
        self.memory = self._take(bits)  # in the columns of cells
        self.fetched = [self._take(places) for _ in range(3)]  # from here on in the first column, but for the places
        self.a, self.b = self._take(bits), self._take(bits)
        self.at, self.place = self._take(places), self._take(places)
        self.buffer = self._take(max(3 * places, 2 * bits))
        (self.here,) = self._take(1)

    def _take(self, size: int) -> list[int]:
        self.count += size
        return [*range(self.count - size, self.count)]


class _Weights:
    """Heads and units of one layer while they are put together; `here` is one in the first column, zero in others."""

    def __init__(self) -> None:
        self.heads: list[tuple[Sequence[Sequence[int]], Sequence[Sequence[int]], Mapping[int, Sequence[int]]]] = []
        self.units: list[tuple[Mapping[int, float], float, Mapping[int, float]]] = []
        self.bias: dict[int, float] = {}

    def head(
        self, keys: Sequence[Sequence[int]], queries: Sequence[Sequence[int]], values: Mapping[int, Sequence[int]]
    ) -> None:
        """Keys and queries are sums of groups of rows; `values` says of which rows each row takes the sum."""
        self.heads.append((keys, queries, values))

    def unit(self, inputs: Mapping[int, float], outputs: Mapping[int, float], bias: float = 0.0) -> None:
        """relu(inputs + bias), added to the outputs."""
        self.units.append((inputs, bias, outputs))

    def line(self, inputs: Mapping[int, float], output: int, gate: Mapping[int, float] | None = None) -> None:
        """Add a sum of rows to one row; where `gate` is at least as large as the sum, nothing."""
        for sign in (1.0, -1.0):
            signed = {row: sign * weight for row, weight in inputs.items()}
            for row, weight in (gate or {}).items():
                signed[row] = signed.get(row, 0.0) - weight
            self.unit(signed, {output: sign})

    def clear(self, rows: Sequence[int]) -> None:
        for row in rows:
            self.line({row: -1.0}, row)

    def at_least(self, total: Mapping[int, float], bound: float, outputs: Mapping[int, float], here: int) -> None:
        """Add to the outputs where a whole number of the first column is at least `bound`."""
        for shift, sign in ((1.0, 1.0), (0.0, -1.0)):
            inputs = {**total, here: total.get(here, 0.0) + shift - bound}
            self.unit(inputs, {row: sign * weight for row, weight in outputs.items()})

    def digits(self, total: Sequence[Mapping[int, float]], rows: Sequence[int], here: int) -> None:
        """Replace rows by the digits of a sum; `total[i]` is the sum of what counts up to digit i, below 2^(i + 2)."""
        for i, row in enumerate(rows):
            self.line({row: -1.0, here: -1.0}, row)
            for bound, sign in ((1, 2.0), (2, -2.0), (3, 2.0)):
                self.at_least(total[i], float(bound << i), {row: sign}, here)


class _Layer(nn.Module):
    """Attention among columns, and units in each."""

    def __init__(self, weights: _Weights, rows: int, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.heads = [(_sums(k, rows), _sums(q, rows), _moves(v, rows)) for k, q, v in weights.heads]
        self.inward = torch.zeros(len(weights.units), rows, dtype=torch.float64)
        self.outward = torch.zeros(rows, len(weights.units), dtype=torch.float64)
        self.bias_in = _numbers([bias for _, bias, _ in weights.units])[:, None]
        self.bias_out = _numbers([weights.bias.get(row, 0.0) for row in range(rows)])[:, None]
        for unit, (inputs, _, outputs) in enumerate(weights.units):
            for row, weight in inputs.items():
                self.inward[unit, row] = weight
            for row, weight in outputs.items():
                self.outward[row, unit] = weight

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for keys, queries, values in self.heads:
            y = y + values @ x @ self.attention(x, keys, queries)
        return y + self.outward @ (self.inward @ y + self.bias_in).relu() + self.bias_out

    def attention(self, x: Tensor, keys: Tensor, queries: Tensor) -> Tensor:
        """Column j says what column j takes of each column."""
        return (self.sharpness * (keys @ x).T @ (queries @ x)).softmax(0)


def _fetch_command(r: _Rows) -> _Weights:
    """The first column asks for the command at its address; the others ask for themselves."""
    w = _Weights()
    wanted = [row for rows in r.command for row in rows]
    w.head([r.place], [r.at, r.place], {to: [row] for to, row in zip(r.buffer, wanted)})
    _keep(w, r, [row for rows in r.fetched for row in rows])
    return w


def _fetch_cells(r: _Rows) -> _Weights:
    w = _Weights()
    for operand, to in ((0, r.buffer[: r.bits]), (1, r.buffer[r.bits :])):
        w.head([r.place], [r.fetched[operand], r.place], {into: [row] for into, row in zip(to, r.memory)})
    _keep(w, r, [*r.a, *r.b])
    return w


def _keep(w: _Weights, r: _Rows, rows: Sequence[int]) -> None:
    """Put the buffer in place of rows of the first column, and empty it everywhere."""
    for row, source in zip(rows, r.buffer):
        # Off the first column both units are shut: there the gate is 4, for want of `here`.
        for sign in (1.0, -1.0):
            w.unit({source: sign, row: -sign, r.here: 4.0}, {row: sign}, -4.0)
    w.clear(r.buffer)


def _subtract(r: _Rows) -> _Weights:
    """b - a is b and a with its digits turned and one."""
    w = _Weights()
    totals: list[Mapping[int, float]] = []
    for i in range(r.bits):
        total = {r.here: 1.0 + sum(2.0**k for k in range(i + 1))}
        for k in range(i + 1):
            total |= {r.b[k]: 2.0 ** (k - 1), r.a[k]: -(2.0 ** (k - 1))}
        totals.append(total)
    w.digits(totals, r.b, r.here)
    return w


def _write(r: _Rows) -> _Weights:
    """The cell at address b takes half of itself and half of the result, the others take themselves."""
    w = _Weights()
    values = {to: [cell, result] for to, cell, result in zip(r.buffer, r.memory, r.b)}
    w.head([r.fetched[1], r.place], [r.place], values)
    for row, source in zip(r.memory, r.buffer):
        w.line({source: 2.0, row: -2.0}, row, gate={r.here: 8.0})
    w.clear(r.buffer)
    return w


def _test(r: _Rows) -> _Weights:
    """One in the buffer where the result is at most zero: its sign is set, or no digit is. And the next address."""
    w = _Weights()
    flag = r.buffer[0]
    w.unit({r.b[-1]: 0.5, r.here: 0.5}, {flag: 1.0})
    w.unit({**dict.fromkeys(r.b, -0.5), r.here: 1.0 - r.bits / 2}, {flag: 1.0})
    totals: list[Mapping[int, float]] = []
    for i in range(r.places):
        digits = {r.at[k]: 2.0 ** (k - 1) for k in range(i + 1)}
        totals.append({**digits, r.here: 1.0 + sum(2.0 ** (k - 1) for k in range(i + 1))})
    w.digits(totals, r.at, r.here)
    return w


def _jump(r: _Rows) -> _Weights:
    w = _Weights()
    flag = r.buffer[0]
    for row, then in zip(r.at, r.fetched[2]):
        w.line({then: 1.0, row: -1.0}, row, gate={r.here: 2.0, flag: -2.0})
    w.clear([flag])
    return w


def _put_right(r: _Rows) -> _Weights:
    """Round what is within a quarter of -1, 0 or 1."""
    w = _Weights()
    steep = 1 / (1 - 2 * _ROUND)
    for row in [*r.memory, *(row for rows in r.fetched for row in rows), *r.a, *r.b, *r.at, *r.buffer]:
        w.line({row: -1.0}, row)
        for bias, sign in ((1 - _ROUND, 1.0), (_ROUND, -1.0), (-_ROUND, 1.0), (_ROUND - 1, -1.0)):
            w.unit({row: 1.0}, {row: sign * steep}, bias)
        w.bias[row] = -1.0
    return w


def _sums(groups: Sequence[Sequence[int]], rows: int) -> Tensor:
    matrix = torch.zeros(len(groups[0]), rows, dtype=torch.float64)
    for group in groups:
        matrix[range(len(group)), group] += 1
    return matrix


def _moves(values: Mapping[int, Sequence[int]], rows: int) -> Tensor:
    matrix = torch.zeros(rows, rows, dtype=torch.float64)
    for to, sources in values.items():
        matrix[to, sources] = 1
    return matrix


def _numbers(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
