"""The store of a study: one file of JSON lines, one writer, and nothing finished is ever lost. Imports no torch."""

import errno
import os
import re
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from unbend._errors import ArgumentError, UnbendError
from unbend.study._record import NewerFormatError, Record

try:
    import fcntl
except ImportError:  # A system without it, such as Windows.
    fcntl = None

# A record is some ten kilobytes; a longer line is not one, and is not worth the memory.
LONGEST_LINE = 1 << 22
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class StoreError(UnbendError):
    """The store cannot be read, written or locked; what is in it stays as it is."""

    exit_code = 3


@dataclass(frozen=True)
class Contents:
    """What a store holds: the last record of every key, and a sentence on each line that could not be read."""

    records: dict[str, Record]
    problems: tuple[str, ...] = ()


def runs_folder() -> Path:
    """Where stores are when nothing else is said: `$UNBEND_RUNS`, else `unbend-runs` in the working directory."""
    return Path(os.environ.get("UNBEND_RUNS") or "unbend-runs")


class Store:
    """The records of one study, in `<root>/<study>.jsonl`, one line each.

    Lines are only ever added, and flushed to the disk one by one. Of several lines with one key the last one counts,
    so that two stores are joined by `cat`. A last line without an end was cut off by a crash: readers pass over it,
    and the next writer takes it away.

    Args:
        root: folder of the stores; made when the first record is written.
        study: name of the study.
    """

    def __init__(self, root: str | Path, study: str) -> None:
        if not _NAME.fullmatch(study):
            raise ArgumentError.of("name of the study", study, "letters, digits, dots, - and _: it names files")
        self.study = study
        self.path = Path(root) / f"{study}.jsonl"
        self.folder = Path(root) / study
        self._lock = Path(root) / f"{study}.lock"

    def read(self) -> Contents:
        """All records, in the order in which their keys first came.

        Raises:
            StoreError: the file cannot be read, or a newer version of unbend wrote it.
        """
        records: dict[str, Record] = {}
        problems: list[str] = []
        for number, line in self._lines():
            try:
                found = [Record.parse(line.decode())]
            except NewerFormatError as error:
                raise StoreError(f"{self.path}, line {number}: {error}. Upgrade unbend to read it") from None
            except ValueError as error:
                found = _salvaged(line)
                if not found:
                    problems.append(f"{self.path}, line {number}: not a record ({error}); passed over, and kept")
            for record in found:
                if record.study == self.study:
                    records[record.key] = record
                else:
                    problems.append(f"{self.path}, line {number}: of study {record.study!r}; passed over, and kept")
        return Contents(records, tuple(problems))

    @contextmanager
    def writing(self) -> Generator["Writer"]:
        """The right to add records, for one process at a time (where the system can lock files).

        Raises:
            StoreError: another process has it (the message has its number), or the folder cannot be written to.
        """
        with ExitStack() as stack:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(_locked(self._lock))
                file = stack.enter_context(open(self.path, "ab", buffering=0))
                _heal(self.path)
            except OSError as error:
                raise StoreError(f"cannot write to {self.path}: {error.strerror or error}. {_remedy(error)}") from error
            yield Writer(self.path, file.fileno())

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Numbered lines; the rest of a line that is too long is read and dropped."""
        try:
            with open(self.path, "rb") as file:
                number = 0
                while line := file.readline(LONGEST_LINE):
                    number += 1
                    whole = line.endswith(b"\n")
                    while not whole and (more := file.readline(LONGEST_LINE)):
                        line, whole = b"too long", more.endswith(b"\n")
                    # Without an end it is the last line, and torn, unless only its end is missing.
                    if line.strip() and (whole or _complete(line)):
                        yield number, line
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"cannot read {self.path}: {error.strerror or error}") from error


class Writer:
    """Adds records to a store whose lock it holds."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def append(self, record: Record) -> None:
        """Add one record, and return when it is on the disk.

        Raises:
            StoreError: the disk is full or failing; the records before this one stay.
        """
        line = f"{record.line()}\n".encode()
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._descriptor)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._descriptor, before)
            raise StoreError(
                f"cannot write to {self._path}: {error.strerror or error}. Finished cells are safe; {_remedy(error)}"
            ) from error


def _complete(line: bytes) -> bool:
    try:
        Record.parse(line.decode())
    except (ValueError, NewerFormatError):
        return False
    return True


def _salvaged(line: bytes) -> list[Record]:
    """The record at the end of a line that begins with a torn one, as `cat` makes them."""
    start = line.rfind(b'{"arm":"', 1)
    if start > 0:
        with suppress(ValueError, NewerFormatError):
            return [Record.parse(line[start:].decode())]
    return []


def _heal(path: Path) -> None:
    """Take away a torn last line, or give a whole one the end that it lacks."""
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - LONGEST_LINE)
        file.seek(start)
        tail = file.read()
        torn = tail[tail.rfind(b"\n") + 1 :]
        if not torn:
            return
        if _complete(torn):
            file.write(b"\n")
        elif len(torn) < LONGEST_LINE:
            file.truncate(size - len(torn))
        else:
            file.write(b"\n")


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold `path` as a lock; its text is the number of the process that does.

    The system lets go of the lock when its process ends, however it ends: a file left behind locks nothing.
    """
    if fcntl is None:
        yield
        return
    with open(path, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StoreError(
                f"{path.with_suffix('.jsonl')} is in use by process {file.read(32).strip() or 'unknown'}. Wait for it "
                "to end, or end it, and run the same command again"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room on the disk and run the same command again: it goes on from here"
    return "Choose a folder that you may write to with --runs, or set UNBEND_RUNS"
