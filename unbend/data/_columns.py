"""Named columns out of a CSV or a Parquet file: numbers with NaN, or text with None, where a cell is missing."""

import codecs
import csv
import sys
from collections import Counter
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from unbend._errors import ArgumentError, UnknownNameError, extra

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?"})
MOST_CELLS = 50_000_000
_CHUNK = 8192


@dataclass(frozen=True)
class Columns:
    """Columns by name, and for row `i` the place in the file that an error names."""

    values: Mapping[str, NDArray[Any]]
    lines: Sequence[int]
    unit: str = "line"
    note: str = ""

    @property
    def rows(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """`line 7`, or `row 7` where a file has no lines."""
        return f"{self.unit} {self.lines[row]}"


def read_csv(path: Path, drop: Collection[str] = ()) -> Columns:
    """Read a CSV file but for the columns in `drop`; its separator is the one of `, ; tab |` used most in line 1."""
    with _open_text(path) as file:
        header, separator, first = _header(path, file)
    _known(path, drop, header)
    # `DataFrame.to_csv` writes its index as a first column without a name.
    wanted = [name if name and name not in drop else "" for name in header]
    # A column is taken for numbers until a cell says otherwise; then the file is read once more, with it as text.
    text: set[int] = set()
    while True:
        pieces, lines, refused = _scan(path, wanted, separator, first, text)
        if not refused:
            break
        text |= refused
    if not lines:
        raise ArgumentError.of(f"{path}: line {first + 1}", "the end of the file", "rows below the header")
    values = {name: _settle(path, name, np.concatenate(pieces[i]), lines) for i, name in enumerate(wanted) if name}
    return Columns(values, lines, note="" if header[0] else "the first column, which has no name, is left out")


def read_parquet(path: Path, drop: Collection[str] = ()) -> Columns:
    """Read a Parquet file through pyarrow but for the columns in `drop`; nested and time columns are refused."""
    parquet = extra("pyarrow.parquet", "data")
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise _not_parquet(path, error) from error
    names, rows = file.schema_arrow.names, file.metadata.num_rows
    _unique(path, names, "column names")
    _known(path, drop, names)
    _limit(path, rows * len(names))
    if not rows:
        raise ArgumentError.of(f"{path}", "no rows", "at least two")
    wanted = [name for name in names if name not in drop]
    try:
        table = file.read(columns=wanted)
    except (OSError, ValueError) as error:
        raise _not_parquet(path, error) from error
    values = {name: _arrow(path, name, table.column(name)) for name in wanted}
    return Columns(values, range(1, rows + 1), unit="row")


def _not_parquet(path: Path, error: Exception) -> ArgumentError:
    return ArgumentError.of(f"{path}", f"{error}".split("\n")[0], "a Parquet file")


def _arrow(path: Path, name: str, column: Any) -> NDArray[Any]:
    types = extra("pyarrow", "data").types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return np.array(column.to_pylist(), dtype=object)
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        numbers = [np.nan if cell is None else float(cell) for cell in column.to_pylist()]
        return np.array(numbers, dtype=np.float64)
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    raise ArgumentError.of(
        f"{path}: column {name!r}", f"the type {kind}", "numbers or text", f"Leave it out: --drop {name}"
    )


@contextmanager
def _open_text(path: Path) -> Generator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    except csv.Error as error:
        raise ArgumentError.of(f"{path}", f"{error}", "comma-separated text with closed quotes") from error


def not_utf8(path: Path) -> ArgumentError:
    """The error for a file whose bytes are not UTF-8, with the line of the first bad byte."""
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            try:
                raw.decode()
            except UnicodeDecodeError as error:
                wide = line == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
                if b"\0" in raw and not wide:
                    return ArgumentError.of(f"{path}: line {line}", "binary data", "text in UTF-8")
                bad, coding = raw[error.start : error.start + 4], "utf-16" if wide else "latin1"
                return ArgumentError.of(
                    f"{path}: line {line}, byte {error.start + 1}", f"{bad!r}", "text in UTF-8",
                    f"Convert it, e.g. iconv -f {coding} -t utf-8 {path.name} > new{path.suffix}",
                )  # fmt: skip
    return ArgumentError.of(f"{path}: its end", "a torn character", "text in UTF-8")


def _header(path: Path, file: TextIO) -> tuple[list[str], str, int]:
    first = next((line for line in file if line.strip()), "")
    if not first:
        raise ArgumentError.of(f"{path}", "an empty file", "a header line and rows below it")
    if "\0" in first:
        raise ArgumentError.of(f"{path}: line 1", "binary data", "comma-separated text")
    separator = max(",;\t|", key=first.count)
    file.seek(0)
    rows = csv.reader(file, delimiter=separator, strict=True)
    names = [name.strip() for name in next(filter(any, rows))]
    line = rows.line_num
    numbers = [number for name in names if (number := _number(name)) is not None]
    # Columns that are merely counted, as a table without names writes them, are named well enough.
    if 2 * len(numbers) >= len(names) and numbers != [numbers[0] + i for i in range(len(numbers))]:
        raise ArgumentError.of(
            f"{path}: line {line}", f"{len(numbers)} numbers among {len(names)} cells ({', '.join(names[:3])} ...)",
            "the names of the columns", "Write a header line above the rows",
        )  # fmt: skip
    if "" in names[1:]:
        raise ArgumentError.of(f"{path}: line {line}, column {names.index('', 1) + 1}", "no name", "a name")
    _unique(path, names, f"names in line {line}")
    return names, separator, line


def _known(path: Path, drop: Collection[str], names: Collection[str]) -> None:
    for name in drop:
        if name not in names:
            raise UnknownNameError.of(f"column of {path}", name, names)


def _unique(path: Path, names: Sequence[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        shown = ", ".join(map(repr, twice[:5])) + (" ..." if len(twice) > 5 else "")
        raise ArgumentError.of(f"{path}: {what}", f"{shown} more than once", "a different name for each column")


def _scan(
    path: Path, wanted: Sequence[str], separator: str, skip: int, text: set[int]
) -> tuple[list[list[NDArray[Any]]], list[int], set[int]]:
    """One pass over the rows: the pieces of each column, the line of each row, and columns that are not numbers."""
    width = len(wanted)
    pieces: list[list[NDArray[Any]]] = [[] for _ in wanted]
    lines, refused = list[int](), set[int]()
    with _open_text(path) as file:
        for _ in range(skip):
            file.readline()
        rows = csv.reader(file, delimiter=separator, strict=True)
        while chunk := list(islice(_checked(path, rows, width, skip, lines), _CHUNK)):
            _limit(path, len(lines) * width)
            for i, cells in enumerate(zip(*chunk)):
                if not wanted[i] or i in refused:
                    continue
                if i in text:
                    pieces[i].append(np.array([sys.intern(cell.strip()) for cell in cells], dtype=object))
                elif (numbers := _numbers(cells)) is not None:
                    pieces[i].append(numbers)
                else:
                    refused.add(i)
    return pieces, lines, refused


def _checked(path: Path, rows: Any, width: int, skip: int, lines: list[int]) -> Iterator[list[str]]:
    for row in rows:
        if not row:
            continue
        line = rows.line_num + skip
        if len(row) != width:
            raise ArgumentError.of(f"{path}: line {line}", f"{len(row)} cells", f"{width}, as the header has names")
        lines.append(line)
        yield row


def _limit(path: Path, cells: int) -> None:
    if cells > MOST_CELLS:
        raise ArgumentError.of(
            f"{path}", f"more than {MOST_CELLS:,} cells", "a smaller table", "Take a sample of its rows"
        )


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _numbers(cells: Sequence[str]) -> NDArray[np.float64] | None:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        pass
    try:
        return np.array([np.nan if cell.strip().lower() in MISSING else float(cell) for cell in cells])
    except ValueError:
        return None


def _settle(path: Path, name: str, column: NDArray[Any], lines: Sequence[int]) -> NDArray[Any]:
    """Mark missing text as None; refuse a column that is mostly numbers and yet holds text."""
    if column.dtype != object:
        return column
    column = np.array([None if cell.lower() in MISSING else cell for cell in column], dtype=object)
    words = [i for i, cell in enumerate(column) if cell is not None and _number(cell) is None]
    present = sum(cell is not None for cell in column)
    if 2 * len(words) < present:
        cell = column[words[0]]
        comma = "Write decimals with a point" if _number(cell.replace(",", ".")) is not None else ""
        raise ArgumentError.of(
            f"{path}: line {lines[words[0]]}, column {name!r}", repr(cell),
            f"a number, as in {present - len(words):,} of its {present:,} cells",
            comma or f"Correct it, empty it (a missing value), or leave the column out: --drop {name}",
        )  # fmt: skip
    return column
