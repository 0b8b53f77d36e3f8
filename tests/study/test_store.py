"""What is finished stays finished, whatever happens to the file, the disk or the process."""

import errno
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.study._made import record
from unbend._errors import ArgumentError
from unbend.study import Store, StoreError
from unbend.study._record import Record
from unbend.study._store import LONGEST_LINE

MADE = [record("a", seed, accuracy=0.5 + seed / 100) for seed in range(5)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", "made")


def fill(store: Store, records: list[Record]) -> None:
    with store.writing() as writer:
        for made in records:
            writer.append(made)


def test_records_come_back_in_order(store: Store) -> None:
    assert store.read().records == {}
    fill(store, MADE[:2])
    fill(store, MADE[2:])
    assert list(store.read().records.values()) == MADE
    assert store.path.read_text().count("\n") == len(MADE)


def test_of_two_records_with_one_key_the_last_counts(store: Store) -> None:
    again = replace(MADE[0], metrics={"accuracy": 0.25})
    fill(store, [*MADE, again])
    assert store.read().records[again.key] == again
    assert len(store.read().records) == len(MADE)


@given(cut=st.integers(0, 5_000), more=st.booleans())
def test_a_torn_last_line_costs_that_line_only(tmp_path_factory: pytest.TempPathFactory, cut: int, more: bool) -> None:
    store = Store(tmp_path_factory.mktemp("torn"), "made")
    fill(store, MADE[:4])
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:cut])
    # A record whose end alone is missing is still a record.
    kept = whole[: cut + 1].count(b"\n")
    assert len(store.read().records) == kept
    assert store.read().problems == ()
    if more:
        fill(store, [MADE[4]])
        assert list(store.read().records.values()) == [*MADE[:kept], MADE[4]]
        assert store.read().problems == ()


def test_cat_joins_two_stores(tmp_path: Path) -> None:
    left, right, both = (Store(tmp_path / name, "made") for name in ("left", "right", "both"))
    fill(left, MADE[:3])
    fill(right, [replace(MADE[1], metrics={"accuracy": 0.0}), *MADE[2:]])
    both.path.parent.mkdir()
    subprocess.run(f"cat {left.path} {right.path} > {both.path}", shell=True, check=True)
    assert both.read().records == {**left.read().records, **right.read().records}


def test_cat_joins_stores_of_which_the_first_is_torn(tmp_path: Path) -> None:
    left, right, both = (Store(tmp_path / name, "made") for name in ("left", "right", "both"))
    fill(left, MADE[:3])
    fill(right, MADE[3:])
    both.path.parent.mkdir()
    both.path.write_bytes(left.path.read_bytes()[:-40] + right.path.read_bytes())
    assert list(both.read().records.values()) == [*MADE[:2], *MADE[3:]]
    # Even one that lacks nothing but its end.
    both.path.write_bytes(left.path.read_bytes()[:-1] + right.path.read_bytes())
    assert list(both.read().records.values())[-2:] == MADE[3:]


@pytest.mark.parametrize("garbage", [b"not a record", b"\xff\xfe\x00", b'{"arm":"a"}', b"[" * 50_000, b"NaN"])
def test_a_garbled_line_is_named_and_kept(store: Store, garbage: bytes) -> None:
    fill(store, MADE[:2])
    with open(store.path, "ab") as file:
        file.write(garbage + b"\n")
    fill(store, MADE[2:])
    contents = store.read()
    assert list(contents.records.values()) == MADE
    assert len(contents.problems) == 1
    assert "line 3" in contents.problems[0]
    assert garbage in store.path.read_bytes()


def test_a_line_that_is_too_long_is_passed_over(store: Store) -> None:
    fill(store, MADE[:1])
    with open(store.path, "ab") as file:
        file.write(b'{"arm":"' + b"a" * 2 * LONGEST_LINE + b"\n")
    fill(store, MADE[1:])
    assert list(store.read().records.values()) == MADE
    assert "line 2" in store.read().problems[0]


def test_a_torn_line_that_is_too_long_is_passed_over(store: Store) -> None:
    fill(store, MADE[:1])
    with open(store.path, "ab") as file:
        file.write(b"x" * (LONGEST_LINE + 10))
    fill(store, MADE[1:])
    assert list(store.read().records.values()) == MADE


def test_a_record_of_another_study_is_named(store: Store) -> None:
    fill(store, [MADE[0], record("a", 1, accuracy=0.5, study="other")])
    assert list(store.read().records.values()) == MADE[:1]
    assert "'other'" in store.read().problems[0]


def test_a_later_format_is_refused(store: Store) -> None:
    fill(store, MADE[:1])
    before = store.path.read_bytes()
    with open(store.path, "a") as file:
        file.write('{"format": 2}\n')
    with pytest.raises(StoreError, match=r"line 2: format 2.*Upgrade unbend"):
        store.read()
    assert store.path.read_bytes().startswith(before)


def test_a_thousand_records_are_read_in_no_time(store: Store) -> None:
    curve = [[float(step), 1.0 / (step + 1)] for step in range(64)]
    made = [record("a", seed, accuracy=0.5, curves={"loss": curve, "train_loss": curve}) for seed in range(1000)]
    store.path.parent.mkdir()
    store.path.write_text("".join(f"{one.line()}\n" for one in made))
    start = time.process_time()
    assert len(store.read().records) == 1000
    # A second of CPU is ten times what it takes: this is a guard against a mistake of order, not a measurement.
    assert time.process_time() - start < 1


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "-x", "x" * 200, ".hidden"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArgumentError, match="name of the study"):
        Store(tmp_path, name)


def hold(root: str, link: Connection) -> None:
    with Store(root, "made").writing():
        link.send(os.getpid())
        link.recv()


@pytest.fixture
def holder(store: Store) -> Iterator[multiprocessing.process.BaseProcess]:
    """Another process that is writing the store."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(str(store.path.parent), theirs))
    process.start()
    assert ours.recv() == process.pid
    yield process
    process.kill()
    process.join()


def test_a_second_process_is_told_the_first_ones_number(store: Store, holder: multiprocessing.Process) -> None:
    with pytest.raises(StoreError, match=rf"in use by process {holder.pid}\b") as caught, store.writing():
        pass
    assert caught.value.exit_code == 3
    assert store.read().records == {}, "reading needs no lock"
    holder.kill()
    holder.join()
    fill(store, MADE)
    assert len(store.read().records) == len(MADE)


def test_a_lock_file_left_behind_locks_nothing(store: Store) -> None:
    store.path.parent.mkdir()
    store.path.with_suffix(".lock").write_text(f"{os.getpid()}\n")
    fill(store, MADE)
    assert len(store.read().records) == len(MADE)


def test_a_folder_that_cannot_be_written_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write to .*--runs"), Store(tmp_path / "file", "made").writing():
        pass
    (tmp_path / "made.jsonl").mkdir()
    with pytest.raises(StoreError, match="cannot read"):
        Store(tmp_path, "made").read()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_clear_message(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"), Store(tmp_path, "made").writing():
        pass


FULL = """
import resource, signal, sys
from tests.study._made import record
from unbend.study import Store, StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(sys.argv[1], "made")
with store.writing() as writer:
    writer.append(record("a", 0, accuracy=0.5))
    size = store.path.stat().st_size
    # Room for the second record, and for half of the third.
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(2.5 * size), resource.RLIM_INFINITY))
    writer.append(record("a", 1, accuracy=0.5))
    try:
        writer.append(record("a", 2, accuracy=0.5))
    except StoreError as error:
        print(error)
"""


def test_a_full_disk_costs_nothing_that_was_finished(store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(store.path.parent)], capture_output=True, text=True, check=True
    )
    assert "Finished cells are safe" in done.stdout
    assert "Make room on the disk" in done.stdout
    assert len(store.path.read_text().splitlines()) == 2, "nothing of the third is left"
    fill(store, [record("a", 2, accuracy=0.5)])
    assert [made.seed for made in store.read().records.values()] == [0, 1, 2]


def test_a_failing_disk_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with store.writing() as writer:
        writer.append(MADE[0])
        monkeypatch.setattr(os, "fsync", fails)
        with pytest.raises(StoreError, match="Input/output error"):
            writer.append(MADE[1])
    assert list(store.read().records.values()) == MADE[:1]


@pytest.mark.slow
def test_a_full_file_system(tmp_path: Path) -> None:
    """The same on a disk that is really full; needs the right to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        shutil.which("mount")
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("no right to mount a file system")
    try:
        store = Store(disk, "made")
        with pytest.raises(StoreError, match="No space left"):
            fill(store, [record("a", seed, accuracy=0.5) for seed in range(1000)])
        written = len(store.read().records)
        assert 10 < written < 1000
        assert list(store.read().records.values()) == [record("a", seed, accuracy=0.5) for seed in range(written)]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
