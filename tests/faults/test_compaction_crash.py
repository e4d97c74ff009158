"""Compaction that dies at any step, and readers that look on."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dying import DEATH, die_at, in_child
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.clock import ManualClock
from nftui.engine.limits import DEFAULT
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.compact import clear, compact_hour
from nftui.engine.store.layout import COMPACTION_LOCK
from nftui.engine.store.lock import StoreLock
from nftui.engine.store.writer import StoreWriter
from nftui.errors import StoreLocked

FULL = bool(os.environ.get("NFTUI_FULL"))
LIMITS = replace(DEFAULT, row_group_rows=50)


def write(root: Path) -> None:
    writer = StoreWriter(root, 300, ManualClock(NOON_MS))
    writer.open()
    for number in range(4):
        writer.append(sample_flows(number * 60, 60, NOON_MS + number * 300_000))
    writer.close()


def compact(root: Path) -> None:
    clear(root)
    for _ in compact_hour(root, NOON_MS, LIMITS):
        pass


def test_crash_between_any_two_steps(tmp_path: Path) -> None:
    """Die at every step of a compaction, then at steps of the next one, until one gets through."""
    expected = list(range(240))
    crashes = step = 0
    while True:
        step += 1 if FULL else 2
        root = tmp_path / f"store{step}"
        write(root)
        status = in_child(lambda root=root, step=step: (die_at(step), compact(root)))  # type: ignore[misc]
        assert status in {0, DEATH}
        assert stored_ids(root) == expected
        if status == 0:
            break
        crashes += 1
        writer = StoreWriter(root, 300, ManualClock(NOON_MS))  # a collector that starts meanwhile
        assert writer.open().quarantined == ()
        writer.close()
        assert stored_ids(root) == expected
        for again in range(1, 80) if FULL else (80,):
            if in_child(lambda root=root, again=again: (die_at(again), compact(root))) == 0:  # type: ignore[misc]
                break
            assert stored_ids(root) == expected
        else:
            pytest.fail("no compaction got through")
        assert stored_ids(root) == expected
        hour = root / "date=2026-11-21/hour=12"
        assert sorted(path.suffix for path in hour.iterdir()) == [".parquet", ".rollup"]
        assert {path.suffix for path in (root / "_tmp").iterdir()} <= {".replaced"}
    assert crashes > 10


def test_readers_see_each_flow_once_while_hours_are_compacted(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for _ in range(5):
        write(root)
    expected = sorted(list(range(240)) * 5)
    wrong: list[int] = []
    looks = 0
    done = threading.Event()

    def look() -> None:
        nonlocal looks
        catalog = Catalog(root)
        while not done.is_set():
            try:
                tables = [pq.read_table(slot.path, columns=["flow_id"]) for slot in catalog.slots()]
            except FileNotFoundError:
                continue  # between listing and reading: a reader asks again
            looks += 1
            ids = [number for table in tables for number in table.column(0).to_pylist()]
            if sorted(ids) != expected:
                wrong.append(len(ids))

    reader = threading.Thread(target=look)
    reader.start()
    states = 0
    try:
        for _ in compact_hour(root, NOON_MS, replace(LIMITS, compact_rows=300)):
            states += 1
            before = looks
            while looks < before + 2:  # the second one began after this step
                assert reader.is_alive()
                time.sleep(0.001)
    finally:
        done.set()
        reader.join()
    assert wrong == []
    assert states > 1


def test_compactions_exclude_each_other(tmp_path: Path) -> None:
    lock = StoreLock(tmp_path, COMPACTION_LOCK)
    with pytest.raises(StoreLocked, match="is compacted by"):
        StoreLock(tmp_path, COMPACTION_LOCK)
    lock.release()
    StoreLock(tmp_path, COMPACTION_LOCK).release()
