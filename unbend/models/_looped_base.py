"""Programs of one instruction: their assembler, and a plain interpreter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from unbend._errors import ArgumentError, UnknownNameError

Command = tuple[int, int, int]
# What each short hand stands for: subleq with operands, `Z` being a cell that is zero again after each of them.
_SHORT: dict[str, tuple[int, tuple[str, ...]]] = {
    "sub": (2, ("0 1",)),
    "add": (2, ("0 Z", "Z 1", "Z Z")),
    "clear": (1, ("0 0",)),
    "move": (2, ("1 1", "0 Z", "Z 1", "Z Z")),
    "jump": (1, ("Z Z 0",)),
    "jump_if_le": (2, ("Z 0 1",)),
    "halt": (0, ("Z Z HERE",)),
}


@dataclass(frozen=True)
class SubleqProgram:
    """Commands and memory cells; cells have the addresses from 1 on, the commands those after them."""

    commands: tuple[Command, ...]
    memory: tuple[int, ...]
    cells: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def start(self) -> int:
        """Address of the first command."""
        return len(self.memory) + 1


@dataclass(frozen=True)
class Snapshot:
    """Where a program is, and what its cells hold."""

    at: int
    memory: tuple[int, ...]


def assemble(text: str) -> SubleqProgram:
    """Read a program: a cell or a command a line, `#` before a remark.

    `name = 5` is a cell. `subleq a b there` takes cell a from cell b and goes to the command labelled `there:` if the
    result is at most zero; without `there` it goes on. Short hands: `sub a b` (b less a), `add a b`, `clear a`,
    `move a b`, `jump there`, `jump_if_le a there` and `halt`, which stands at the end of every program without being
    written. A cell `Z` of zero is there without being named.

    Raises:
        ArgumentError: a line is none of these, or a name is given twice.
        UnknownNameError: no cell or no label is called so.

    Examples:
        >>> program = assemble("x = 3\\none = 1\\nagain: sub one x\\njump_if_le x end\\njump again\\nend: halt")
        >>> subleq(program, 20, bits=8)[-1].memory[program.cells["x"] - 1]
        0
    """
    values: dict[str, int] = {"Z": 0}
    lines: list[tuple[str, ...]] = []
    labels: dict[str, int] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].strip()
        if "=" in line:
            name, value = (part.strip() for part in line.split("=", 1))
            if not name.isidentifier() or name in values or not value.lstrip("-").isdigit():
                raise ArgumentError.of(f"line {number}", raw.strip(), "a new name = a whole number")
            values[name] = int(value)
            continue
        while ":" in line:
            label, line = (part.strip() for part in line.split(":", 1))
            if not label.isidentifier() or label in labels:
                raise ArgumentError.of(f"line {number}", raw.strip(), "a label that is new")
            labels[label] = len(lines)
        lines += _expanded(line, number)
    lines += _expanded("halt", 0)
    cells = {name: address for address, name in enumerate(values, 1)}
    start = len(cells) + 1
    places = {name: start + index for name, index in labels.items()}
    commands: list[Command] = []
    for index, (a, b, then) in enumerate(lines):
        here = {"HERE": start + index, "NEXT": start + index + 1}
        commands.append((_find(cells, a, "cell"), _find(cells, b, "cell"), _find(places | here, then, "label")))
    return SubleqProgram(tuple(commands), tuple(values.values()), cells)


def _expanded(line: str, number: int) -> Iterator[tuple[str, ...]]:
    """Operands `a b then` of every subleq that a line stands for."""
    if not line:
        return
    kind, *given = line.replace(",", " ").split()
    if kind == "subleq" and len(given) in (2, 3):
        yield (*given, "NEXT")[:3]
        return
    if kind not in _SHORT or len(given) != _SHORT[kind][0]:
        raise ArgumentError.of(f"line {number}", line, f"subleq a b [there], or one of {', '.join(_SHORT)}")
    for one in _SHORT[kind][1]:
        operands = [given[int(part)] if part.isdigit() else part for part in one.split()]
        yield (*operands, "NEXT")[:3]


def _find(known: dict[str, int], name: str, kind: str) -> int:
    if name not in known:
        raise UnknownNameError.of(kind, name, known)
    return known[name]


def subleq(program: SubleqProgram, cycles: int, bits: int = 8) -> list[Snapshot]:
    """Run a program plainly: what holds before the first command and after each; numbers wrap at `bits` bits."""
    memory, at = [wrapped(value, bits) for value in program.memory], program.start
    seen = [Snapshot(at, tuple(memory))]
    for _ in range(cycles):
        a, b, then = program.commands[at - program.start]
        memory[b - 1] = wrapped(memory[b - 1] - memory[a - 1], bits)
        at = then if memory[b - 1] <= 0 else at + 1
        seen.append(Snapshot(at, tuple(memory)))
    return seen


def wrapped(value: int, bits: int) -> int:
    """The number of two's complement with `bits` bits that is `value` modulo 2^bits."""
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def code(value: int, bits: int) -> list[float]:
    """Bits of `value`, the lowest first, as -1 and 1."""
    return [1.0 if value >> k & 1 else -1.0 for k in range(bits)]


def decode(bits: Sequence[float], signed: bool) -> int:
    """The number of bits that are -1 and 1, up to rounding."""
    value = sum(1 << k for k, bit in enumerate(bits) if bit > 0)
    return wrapped(value, len(bits)) if signed else value
