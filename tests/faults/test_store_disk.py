"""Disks that are full, vanish, refuse or lie: flows wait, are counted, and go on by themselves."""

import errno
import itertools
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import pyarrow as pa
import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.clock import ManualClock
from nftui.engine.counters import Counts, add, total
from nftui.engine.limits import DEFAULT
from nftui.engine.store import disk, seal
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.writer import StoreWriter
from nftui.errors import DiskFull, PermissionDenied

LIMITS = replace(
    DEFAULT, chunk_rows=500, segment_rows=5000, row_group_rows=2000, unsaved_flows=20_000, reserve_share=0.0
)


class Feeder:
    """Appends numbered flows, a tenth of a second of the manual clock at a time, and keeps the books."""

    def __init__(self, writer: StoreWriter, clock: ManualClock) -> None:
        self.writer = writer
        self.clock = clock
        self.sent = 0
        self.counts: Counts = {}

    def feed(self, steps: int, flows: int = 500) -> None:
        for _ in range(steps):
            if flows:
                self.writer.append(sample_flows(self.sent, flows, self.clock.now_ms()))
                add(self.counts, {"flows.in_memory": flows})
                self.sent += flows
            self.clock.advance(0.1)
            self.writer.tick()
            self.settle()

    def settle(self) -> None:
        add(self.counts, self.writer.drain_counts())
        held = self.counts["flows.in_memory"]
        assert held == self.writer.status().unsaved_flows
        assert self.sent == held + self.counts.get("flows.stored", 0) + total(self.counts, "flows.failed")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON_MS)


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of 8 MiB, or with what `param` says."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    options = getattr(request, "param", "size=8m")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def wait_for_seals(writer: StoreWriter) -> None:
    deadline = time.monotonic() + 30
    while writer.status().waiting_segments and time.monotonic() < deadline:
        time.sleep(0.01)
    assert writer.status().waiting_segments == 0


def fill(folder: Path) -> Path:
    """A file that takes all space that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            with pytest.raises(OSError, match="No space left"):
                _write_forever(file, size)
    return filler


def _write_forever(file: IO[bytes], size: int) -> None:
    while True:
        file.write(bytes(size))


def _touch_forever(folder: Path) -> None:
    for number in itertools.count():
        (folder / f"filler{number}").touch()


def test_disk_full_and_back(small_disk: Path, clock: ManualClock) -> None:
    root = small_disk / "store"
    writer = StoreWriter(root, 60, clock, LIMITS)
    writer.open()
    feeder = Feeder(writer, clock)
    feeder.feed(5)
    assert feeder.counts["flows.stored"] == 2500
    filler = fill(small_disk)
    feeder.feed(100)
    assert "disk_full" in str(writer.status().error)
    failed = feeder.counts["flows.failed.disk_full"]
    assert feeder.counts["flows.in_memory"] == LIMITS.unsaved_flows
    assert failed == feeder.sent - feeder.counts["flows.stored"] - LIMITS.unsaved_flows > 0
    filler.unlink()
    feeder.feed(30, 0)  # three seconds later everything is written again
    assert feeder.counts["flows.failed.disk_full"] == failed
    assert feeder.counts["flows.in_memory"] == 0
    wait_for_seals(writer)
    feeder.feed(1, 1)
    assert writer.status().error is None
    writer.close()
    feeder.settle()
    ids = stored_ids(root)
    assert len(ids) == len(set(ids)) == feeder.counts["flows.stored"]
    # The oldest that waited are the ones that are missing.
    missing = sorted(set(range(feeder.sent)) - set(ids))
    assert missing == list(range(missing[0], missing[0] + failed))


def test_writing_pauses_before_the_disk_is_full(small_disk: Path, clock: ManualClock) -> None:
    """Below five per cent nothing new is written; what is complete is still sealed, and the end uses the reserve."""
    root = small_disk / "store"
    writer = StoreWriter(root, 60, clock, replace(LIMITS, reserve_share=0.05))
    writer.open()
    feeder = Feeder(writer, clock)
    feeder.feed(12)  # a full segment goes to the sealer
    filler = fill(small_disk)
    os.truncate(filler, filler.stat().st_size - 300_000)  # of 8 MiB less than five per cent are free
    feeder.feed(11)
    stored = feeder.counts["flows.stored"]
    feeder.feed(60)
    status = writer.status()
    assert status.fault == "low_space"
    free = f"{status.free_bytes / 2**20:.1f} MiB of the disk are free"
    assert status.error == f"flows are kept in memory (low_space): {free}, 0.4 MiB stay in reserve"
    assert 0 < status.free_bytes < 0.05 * (8 << 20)
    assert feeder.counts["flows.stored"] == stored
    assert feeder.counts["flows.failed.low_space"] == feeder.sent - stored - LIMITS.unsaved_flows
    filler.unlink()
    feeder.feed(11, 0)
    assert writer.status().error is None
    assert feeder.counts["flows.in_memory"] == 0
    fill(small_disk)
    os.truncate(filler, filler.stat().st_size - 300_000)
    feeder.feed(11, 0)
    feeder.feed(1)
    assert feeder.counts["flows.in_memory"] == 500
    writer.close()
    feeder.settle()
    assert feeder.counts["flows.in_memory"] == 0
    assert len(stored_ids(root)) == len(set(stored_ids(root))) == feeder.counts["flows.stored"]


@pytest.mark.parametrize("small_disk", ["size=8m,nr_inodes=200"], indirect=True)
def test_writing_pauses_before_the_inodes_are_gone(small_disk: Path, clock: ManualClock) -> None:
    root = small_disk / "store"
    writer = StoreWriter(root, 60, clock, replace(LIMITS, reserve_share=0.05))
    writer.open()
    feeder = Feeder(writer, clock)
    for number in range(writer.status().free_inodes - 6):  # one for the segment
        (small_disk / f"filler{number}").touch()
    feeder.feed(12)
    assert writer.status().error == (
        "flows are kept in memory (low_space): 5 more files can be made on the disk, 10 stay in reserve"
    )
    for filler in small_disk.glob("filler*"):
        filler.unlink()
    feeder.feed(12, 1)
    assert writer.status().error is None
    writer.close()
    feeder.settle()
    assert stored_ids(root) == list(range(feeder.sent))


@pytest.mark.parametrize("small_disk", ["size=8m,nr_inodes=24"], indirect=True)
def test_no_inodes_left(small_disk: Path, clock: ManualClock) -> None:
    root = small_disk / "store"
    writer = StoreWriter(root, 60, clock, LIMITS)
    writer.open()
    feeder = Feeder(writer, clock)
    with pytest.raises(OSError, match="No space left"):
        _touch_forever(small_disk)
    feeder.feed(20)
    assert "no_inodes" in str(writer.status().error)
    assert feeder.counts["flows.in_memory"] == feeder.sent
    for filler in small_disk.glob("filler*"):
        filler.unlink()
    feeder.feed(30, 1)
    writer.close()
    feeder.settle()
    assert stored_ids(root) == list(range(feeder.sent))


def test_starting_on_a_full_disk_says_so(small_disk: Path) -> None:
    (small_disk / "store").mkdir()
    fill(small_disk)
    with pytest.raises(DiskFull, match=r"cannot write store .*No space left"):
        StoreWriter(small_disk / "store").open()


def test_read_only_store_says_so(small_disk: Path) -> None:
    (small_disk / "store").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(Exception, match="Read-only file system") as caught:
        StoreWriter(small_disk / "store").open()
    assert caught.value.exit_code == 73  # type: ignore[attr-defined]


def test_store_that_is_unmounted_and_comes_back(small_disk: Path, clock: ManualClock) -> None:
    root = small_disk / "store"
    writer = StoreWriter(root, 60, clock, LIMITS)
    writer.open()
    feeder = Feeder(writer, clock)
    feeder.feed(10, 10)
    hidden = small_disk.with_name(small_disk.name + "-cover")
    hidden.mkdir()
    (hidden / "store").mkdir()
    subprocess.run(["mount", "--bind", hidden / "store", root], check=True)  # another file system over the store
    before = feeder.counts["flows.stored"]
    feeder.feed(20, 10)
    assert "directory_gone" in str(writer.status().error)
    subprocess.run(["umount", root], check=True)
    assert list((hidden / "store").iterdir()) == []
    feeder.feed(20, 10)
    assert feeder.counts["flows.stored"] > before
    writer.close()
    feeder.settle()
    assert stored_ids(root) == list(range(feeder.sent))


def test_store_that_is_removed_and_made_again(tmp_path: Path, clock: ManualClock) -> None:
    root = tmp_path / "store"
    writer = StoreWriter(root, 60, clock, LIMITS)
    writer.open()
    feeder = Feeder(writer, clock)
    feeder.feed(10, 10)
    shutil.rmtree(root)
    feeder.feed(20, 10)
    assert "directory_gone" in str(writer.status().error)
    root.mkdir()
    feeder.feed(30, 10)
    assert "directory_gone" not in str(writer.status().error)
    writer.close()
    feeder.settle()
    ids = stored_ids(root)
    assert len(ids) == len(set(ids))
    # What was written in the second before the loss was noticed went with the directory, no more.
    assert set(ids) >= set(range(200, feeder.sent))


def test_file_size_limit_starts_another_segment(tmp_path: Path, clock: ManualClock) -> None:
    """Works without root: the limit on file size stands in for a disk that refuses."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
            writer = StoreWriter(tmp_path, 60, clock, replace(LIMITS, segment_rows=100_000))
            writer.open()
            feeder = Feeder(writer, clock)
            feeder.feed(100, 200)
            feeder.feed(40, 0)
            feeder.settle()
            assert feeder.counts["flows.stored"] == feeder.sent == 20_000
            assert len(list((tmp_path / "_live").iterdir())) > 2 or Catalog(tmp_path).slots()
            writer.close(10)
            os._exit(0)
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert stored_ids(tmp_path) == list(range(20_000))


def test_write_that_fails_half_way_leaves_no_trace(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = StoreWriter(tmp_path, 60, clock, LIMITS)
    writer.open()
    feeder = Feeder(writer, clock)
    feeder.feed(5, 100)
    real = os.writev
    faults = iter([errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS])

    def fail_after_some(descriptor: int, parts: list[bytes]) -> int:
        fault = next(faults, None)
        if fault is None:
            return real(descriptor, parts)
        os.write(descriptor, b"".join(parts)[:100])
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr("nftui.engine.store.segment.os.writev", fail_after_some)
    before = {path: path.stat().st_size for path in (tmp_path / "_live").iterdir()}
    feeder.feed(5, 100)
    assert "io_error" in str(writer.status().error)
    assert all(path.stat().st_size == size for path, size in before.items() if path.exists())
    feeder.feed(60, 100)
    writer.close()
    feeder.settle()
    assert total(feeder.counts, "flows.failed") == 0
    assert stored_ids(tmp_path) == list(range(feeder.sent))


def test_short_writes_are_completed(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nftui.engine.store.segment.os.writev", lambda fd, parts: os.write(fd, b"".join(parts)[:77]))
    writer = StoreWriter(tmp_path, 60, clock, LIMITS)
    writer.open()
    feeder = Feeder(writer, clock)
    feeder.feed(20, 100)
    writer.close()
    feeder.settle()
    assert stored_ids(tmp_path) == list(range(2000))


def test_a_segment_that_cannot_be_sealed_does_not_hold_up_the_others(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any fault of sealing itself: the segment stays readable, the thread lives, the next start seals it."""
    writer = StoreWriter(tmp_path, 60, clock, LIMITS)
    writer.open()
    real = seal.sort_rows
    calls = itertools.count()

    def fail_once(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
        if next(calls) == 0:
            raise KeyError("a fault of the program")
        return real(batches, schema)

    monkeypatch.setattr(seal, "sort_rows", fail_once)
    writer.append(sample_flows(0, 5000))
    wait_for_seals(writer)
    assert str(writer.status().error).endswith("is left as it is: KeyError: 'a fault of the program'")
    writer.append(sample_flows(5000, 5000))
    wait_for_seals(writer)
    assert (writer.status().sealed_parts, len(Catalog(tmp_path).live())) == (1, 1)
    assert stored_ids(tmp_path) == list(range(10_000))
    writer.close()
    again = StoreWriter(tmp_path, 60, clock, LIMITS)
    assert again.open().rows == 5000
    again.close()
    assert Catalog(tmp_path).live() == []
    assert stored_ids(tmp_path) == list(range(10_000))


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_seal_that_fails_is_tried_again(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    writer = StoreWriter(tmp_path, 60, clock, replace(LIMITS, retry_seconds=0.01))
    writer.open()
    faults = iter([errno.ENOSPC, errno.EIO])
    real = getattr(os, call)

    def fail(*arguments: object) -> object:
        fault = next(faults, None)
        if fault is not None:
            raise OSError(fault, os.strerror(fault))
        return real(*arguments)

    monkeypatch.setattr(f"nftui.engine.store.disk.os.{call}", fail)
    writer.append(sample_flows(0, 6000))
    wait_for_seals(writer)
    writer.close()
    assert stored_ids(tmp_path) == list(range(6000))
    assert list((tmp_path / "_tmp").iterdir()) == []


def test_parquet_without_footer_is_not_published(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer whose disk failed may close without an error: the file is looked at before the segment goes."""
    writer = StoreWriter(tmp_path, 60, clock, replace(LIMITS, retry_seconds=0.01))
    writer.open()
    real = seal.pq.ParquetWriter.close
    times = [0]

    def close_and_cut(self: seal.pq.ParquetWriter) -> None:
        real(self)
        times[0] += 1
        if times[0] <= 2:
            [temporary] = (tmp_path / "_tmp").iterdir()
            os.truncate(temporary, temporary.stat().st_size - 10)

    monkeypatch.setattr(seal.pq.ParquetWriter, "close", close_and_cut)
    writer.append(sample_flows(0, 6000))
    wait_for_seals(writer)
    writer.close()
    assert times[0] > 2
    assert stored_ids(tmp_path) == list(range(6000))


def test_slow_sync_never_holds_up_append(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a seal hangs in a sync, flows are written, flushed and rolled into further segments."""
    writer = StoreWriter(tmp_path, 1, clock, LIMITS)
    writer.open()
    feeder = Feeder(writer, clock)
    hang = [True]
    real = os.fsync

    def slow(descriptor: int) -> None:
        while hang[0]:
            time.sleep(0.01)
        real(descriptor)

    monkeypatch.setattr("nftui.engine.store.disk.os.fsync", slow)
    feeder.feed(100, 100)
    assert writer.status().sealed_parts == 0
    assert writer.status().waiting_segments > 3
    assert feeder.counts["flows.stored"] >= feeder.sent - 1000
    assert len(stored_ids(tmp_path)) == feeder.counts["flows.stored"]
    hang[0] = False
    writer.close()
    feeder.settle()
    assert stored_ids(tmp_path) == list(range(feeder.sent))


def test_closing_in_time_leaves_the_rest_for_the_next_start(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = StoreWriter(tmp_path, 60, clock, LIMITS)
    writer.open()
    real = seal.sort_rows
    monkeypatch.setattr(seal, "sort_rows", lambda *arguments: (time.sleep(0.2), real(*arguments))[1])
    writer.append(sample_flows(0, 20_000))
    writer.close(timeout=0.1)
    assert len(stored_ids(tmp_path)) == 20_000
    assert Catalog(tmp_path).live() != []
    monkeypatch.undo()
    again = StoreWriter(tmp_path, 60, clock, LIMITS)
    report = again.open()
    assert report.segments
    again.close()
    assert Catalog(tmp_path).live() == []
    assert stored_ids(tmp_path) == list(range(20_000))


def test_unreadable_files_are_put_aside_at_start(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    for number in range(3):
        writer.append(sample_flows(number, 1, NOON_MS + number * 60_000))
    writer.close()
    first, second, _ = (file.path for file in Catalog(tmp_path).slots())
    os.truncate(first, first.stat().st_size - 5)
    os.truncate(second, 0)
    (tmp_path / "_live" / second.with_suffix(".arrows").name).write_bytes(b"\x00" * 500)
    foreign = first.with_name("mine.parquet")
    foreign.write_bytes(b"not ours")
    again = StoreWriter(tmp_path, 60, clock)
    report = again.open()
    again.close()
    assert sorted(report.quarantined) == sorted([first.name, second.name, second.with_suffix(".arrows").name])
    assert sorted(path.name for path in (tmp_path / "_quarantine").iterdir()) == sorted(report.quarantined)
    assert stored_ids(tmp_path) == [2]
    assert foreign.exists()


def test_segment_that_was_sealed_is_only_removed(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    writer.append(sample_flows(0, 10))
    clock.advance(1)
    writer.tick()
    [live] = Catalog(tmp_path).live()
    content = live.read_bytes()
    writer.close()
    live.write_bytes(content)
    (tmp_path / "_tmp" / f".{live.stem}.tmp").write_bytes(b"PAR1 and no end")
    again = StoreWriter(tmp_path, 60, clock)
    report = again.open()
    assert (report.finished, report.temporaries, report.segments, report.rows) == (1, 1, (), 0)
    again.close()
    assert stored_ids(tmp_path) == list(range(10))


def test_damaged_segment_gives_its_sound_flows_and_is_kept(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, 60, clock, replace(LIMITS, chunk_rows=10))
    writer.open()
    for number in range(3):
        writer.append(sample_flows(number * 10, 10))
    [live] = Catalog(tmp_path).live()
    content = bytearray(live.read_bytes())
    content[len(content) // 2] ^= 255
    live.write_bytes(content)
    writer.close()
    assert stored_ids(tmp_path) == [*range(10), *range(20, 30)]
    assert [path.name for path in (tmp_path / "_quarantine").iterdir()] == [live.name]
    assert writer.status().quarantined == 1
    assert "could not be read" in str(writer.status().error)


def test_torn_parquet_beside_its_segment_is_made_again(tmp_path: Path, clock: ManualClock) -> None:
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    writer.append(sample_flows(0, 10))
    clock.advance(1)
    writer.tick()
    [live] = Catalog(tmp_path).live()
    content = live.read_bytes()
    writer.close()
    [file] = Catalog(tmp_path).slots()
    live.write_bytes(content)
    os.truncate(file.path, 100)
    again = StoreWriter(tmp_path, 60, clock)
    assert again.open().quarantined == (file.path.name,)
    again.close()
    assert stored_ids(tmp_path) == list(range(10))


def test_permission_denied_names_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("nftui.engine.store.lock.os.open", refuse)
    with pytest.raises(PermissionDenied, match="must belong to the user"):
        StoreWriter(tmp_path).open()


def test_no_hard_links_here(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("nftui.engine.store.disk.os.link", refuse)
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    writer.append(sample_flows(0, 10))
    writer.close()
    assert stored_ids(tmp_path) == list(range(10))
    [file] = Catalog(tmp_path).slots()
    (tmp_path / "other").write_text("x")
    with pytest.raises(FileExistsError):
        disk.publish(tmp_path / "other", file.path)


def test_faults_have_names(tmp_path: Path) -> None:
    kinds = {
        errno.ENOSPC: "disk_full",
        errno.EDQUOT: "quota",
        errno.EROFS: "read_only",
        errno.EIO: "io_error",
        0: "other_error",
    }
    assert {number: disk.fault_kind(OSError(number, ""), tmp_path) for number in kinds} == kinds
