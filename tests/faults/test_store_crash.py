"""A writer that is killed loses nothing that it reported as stored, and nothing is there twice."""

import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dying import DEATH, die_at, in_child
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.clock import ManualClock, SystemClock
from nftui.engine.limits import DEFAULT
from nftui.engine.store.layout import SEALED_SUFFIX, parse_file
from nftui.engine.store.writer import StoreWriter

FULL = bool(os.environ.get("NFTUI_FULL"))
KILLS = 200 if FULL else 25


def check_whole(root: Path) -> None:
    """No file that cannot be read, and nothing that was put aside."""
    for path in root.rglob("*" + SEALED_SUFFIX):
        assert parse_file(path.name, SEALED_SUFFIX) is not None
        pq.read_metadata(path)
    assert not (root / "_quarantine").exists()
    assert list((root / "_tmp").iterdir()) == []
    assert list((root / "_live").iterdir()) == []


def write_until_killed(root: Path, first: int, report: int) -> None:
    """About 20 000 flows/s into slots of one second; each number of stored flows goes to the pipe `report`."""
    limits = replace(DEFAULT, chunk_rows=500, segment_rows=4000, row_group_rows=2000, settle_seconds=0.1)
    clock = SystemClock()
    writer = StoreWriter(root, 1, clock, limits)
    writer.open()
    sent = first
    stored = 0
    while True:
        writer.append(sample_flows(sent, 200, clock.now_ms()))
        sent += 200
        writer.tick()
        stored += writer.drain_counts().get("flows.stored", 0)
        os.write(report, stored.to_bytes(8, "little"))
        time.sleep(0.01)


@pytest.mark.timeout(900)
def test_kill_at_random_moments(tmp_path: Path) -> None:
    moments = random.Random(20261121)
    root = tmp_path / "store"
    expected: set[int] = set()
    first = 0
    for _ in range(KILLS):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                write_until_killed(root, first, writing)
            finally:
                os._exit(99)
        os.close(writing)
        time.sleep(moments.uniform(0.02, 0.6))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        with os.fdopen(reading, "rb") as pipe:
            acknowledged = pipe.read()
        # Slots of a second are filled in order, so the stored flows are the first ones, but for those of the chunk
        # that was cut by the turn of a second; numbers above the acknowledged ones may be there as well.
        stored = int.from_bytes(acknowledged[-8:], "little") if acknowledged else 0
        ids = stored_ids(root) if root.exists() else []
        assert len(ids) == len(set(ids)), "a flow is there twice"
        new = [number for number in ids if number >= first]
        assert len(new) >= stored
        assert expected <= set(ids), "a flow that was there is gone"
        expected = set(ids)
        first += 1_000_000

    def reopen() -> None:
        writer = StoreWriter(root, 1)
        assert writer.open().quarantined == ()
        writer.close()

    assert in_child(reopen) == 0
    assert set(stored_ids(root)) == expected
    assert len(stored_ids(root)) == len(expected)
    check_whole(root)


@pytest.mark.timeout(900)
def test_crash_between_any_two_steps(tmp_path: Path) -> None:
    """From opening an empty store to closing it: die at every step, then die at every step of the recovery as well."""
    limits = replace(DEFAULT, chunk_rows=40, segment_rows=100, row_group_rows=50)

    def write(root: Path) -> None:
        clock = ManualClock(NOON_MS)
        writer = StoreWriter(root, 60, clock, limits)
        writer.open()
        for number in range(6):
            writer.append(sample_flows(number * 40, 40, NOON_MS + number // 3 * 60_000))
            os.write(progress, b"." * writer.drain_counts().get("flows.stored", 0))
        writer.close()
        os.write(progress, b"." * writer.drain_counts().get("flows.stored", 0))

    def recover(root: Path) -> None:
        writer = StoreWriter(root, 60, ManualClock(NOON_MS), limits)
        assert writer.open().quarantined == ()
        writer.close()

    step = crashes = 0
    while True:
        step += 1
        root = tmp_path / f"store{step}"
        reading, progress = os.pipe()
        status = in_child(lambda root=root, step=step: (die_at(step), write(root)))  # type: ignore[misc]
        os.close(progress)
        with os.fdopen(reading, "rb") as pipe:
            stored = len(pipe.read())
        assert status in {0, DEATH}
        crashes += status == DEATH
        ids = stored_ids(root) if root.exists() else []
        assert len(ids) == len(set(ids))
        assert len(ids) >= stored
        # The recovery is interrupted as well, later each time, until one gets through.
        for again in range(1, 60) if FULL else range(1 + step % 6, 66, 6):
            if in_child(lambda root=root, again=again: (die_at(again), recover(root))) == 0:  # type: ignore[misc]
                break
            assert stored_ids(root) == ids if root.exists() else not ids
        else:
            pytest.fail("no recovery got through")
        assert stored_ids(root) == ids
        check_whole(root)
        if status == 0:
            break
    assert crashes > 30
    assert ids == list(range(240))


def test_segment_cut_at_any_point_gives_its_complete_chunks(tmp_path: Path) -> None:
    limits = replace(DEFAULT, chunk_rows=10)
    source = tmp_path / "source"
    writer = StoreWriter(source, 60, ManualClock(NOON_MS), limits)
    writer.open()
    ends = [0]
    for number in range(4):
        writer.append(sample_flows(number * 10, 10))
        ends.append(writer.status().live_bytes)
    [segment] = (source / "_live").iterdir()
    content = segment.read_bytes()
    writer.close()
    for cut in sorted({*ends, *range(0, len(content), len(content) // 60)}):
        root = tmp_path / f"cut{cut}"
        (root / "_live").mkdir(parents=True)
        (root / "_live" / segment.name).write_bytes(content[:cut])
        complete = sum(end <= cut for end in ends[1:])
        again = StoreWriter(root, 60, ManualClock(NOON_MS), limits)
        report = again.open()
        again.close()
        assert (report.rows, report.torn_bytes, report.quarantined) == (complete * 10, cut - ends[complete], ())
        assert stored_ids(root) == list(range(complete * 10))
        check_whole(root)


def test_twenty_restarts_in_one_slot(tmp_path: Path) -> None:
    clock = ManualClock(NOON_MS)
    for start in range(20):
        writer = StoreWriter(tmp_path, 300, clock)
        writer.open()
        writer.append(sample_flows(start * 50, 50))
        if start % 2:
            writer.close()
        else:  # as after a crash: the segment stays behind, the lock goes with the process
            clock.advance(1)
            writer.tick()
            assert writer._lock is not None
            writer._lock.release()
    final = StoreWriter(tmp_path, 300, clock)
    final.open()
    final.close()
    assert stored_ids(tmp_path) == list(range(1000))
    check_whole(tmp_path)


def test_lock_dies_with_its_owner(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            StoreWriter(tmp_path).open()
            os.write(writing, b"!")
            time.sleep(60)
        finally:
            os._exit(99)
    assert os.read(reading, 1) == b"!"
    with pytest.raises(Exception, match=rf"is written by pid {child} on host"):
        StoreWriter(tmp_path).open()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    writer = StoreWriter(tmp_path)
    writer.open()
    writer.close()


def test_lock_is_not_inherited_by_a_command(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.open()
    descriptors = os.listdir(f"/proc/{os.getpid()}/fd")
    locks = [int(d) for d in descriptors if os.path.realpath(f"/proc/self/fd/{d}") == str(tmp_path / ".lock")]
    assert len(locks) == 1
    assert not os.get_inheritable(locks[0])
    writer.close()
