"""Which files a time window needs, and snapshots that count nothing twice."""

import os
import time
from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.clock import ManualClock
from nftui.engine.store import catalog as catalog_module
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.follow import Follower
from nftui.engine.store.layout import PartName
from nftui.engine.store.reach import Reach, extend_reach, parse_reach
from nftui.engine.store.writer import StoreWriter

HOUR = 3_600_000


def touch(root: Path, slot_ms: int, part: int = 1) -> PartName:
    name = PartName(slot_ms, "0123abcd", part)
    name.sealed(root).parent.mkdir(parents=True, exist_ok=True)
    name.sealed(root).touch()
    return name


def test_store_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "none")
    assert (catalog.slots(), catalog.live(), catalog.slots(0, 1)) == ([], [], [])


def test_order_and_foreign_files(tmp_path: Path) -> None:
    names = [
        touch(tmp_path, NOON_MS + offset * HOUR, part) for offset, part in ((11, 1), (-3, 2), (-3, 1), (12, 1), (0, 1))
    ]
    hour = names[0].sealed(tmp_path).parent
    for foreign in ("other.parquet", ".hidden.parquet", names[0].stem + ".parquet.tmp", names[0].stem):
        (hour / foreign).touch()
    (tmp_path / "date=2026-11-21" / "notes").mkdir()
    (tmp_path / "README").touch()
    assert [file.name for file in Catalog(tmp_path).slots()] == sorted(names)
    assert [file.path for file in Catalog(tmp_path).slots()] == [name.sealed(tmp_path) for name in sorted(names)]


def test_window_uses_the_reach_of_each_day(tmp_path: Path) -> None:
    for hour in range(-12, 36):
        touch(tmp_path, NOON_MS + hour * HOUR)
    for day in ("date=2026-11-21", "date=2026-11-22"):
        (tmp_path / day / "_before-4096").touch()
        (tmp_path / day / "_before-16").touch()
        (tmp_path / day / "_after-2048").touch()

    def hours(start: float, end: float) -> list[int]:
        window = Catalog(tmp_path).slots(NOON_MS + int(start * HOUR), NOON_MS + int(end * HOUR))
        return [(file.start_ms - NOON_MS) // HOUR for file in window]

    assert hours(0, 0) == [0, 1]  # up to 4096 s later than the flow began
    assert hours(0.5, 0.5) == [0, 1]  # up to 2048 s before it ended
    assert hours(0.6, 0.7) == [1]
    assert hours(12, 12) == [12, 13]
    assert hours(-500, -400) == []
    assert len(Catalog(tmp_path).slots(None, NOON_MS - 10 * HOUR)) == 4


def test_days_without_markers_are_never_left_out(tmp_path: Path) -> None:
    touch(tmp_path, NOON_MS)
    assert len(Catalog(tmp_path).slots(NOON_MS + 900 * HOUR, NOON_MS + 901 * HOUR)) == 1
    assert len(Catalog(tmp_path).slots(0, 1)) == 1


def test_reach_grows_by_powers_of_two(tmp_path: Path) -> None:
    extend_reach(tmp_path, 1_000_000, 1_000_000 - 70_000, 1_000_000 + 300_000)
    assert sorted(os.listdir(tmp_path)) == ["_after-512", "_before-128"]
    extend_reach(tmp_path, 1_000_000, 1_000_000 - 128_000, 1_000_000 + 512_000)
    assert sorted(os.listdir(tmp_path)) == ["_after-512", "_before-128"]
    extend_reach(tmp_path, 1_000_000, 1_000_000 - 128_001, 1_000_000 - 1)
    assert parse_reach(os.listdir(tmp_path)) == Reach(256, 512)
    assert parse_reach([]) == Reach(None, None)
    extend_reach(tmp_path, 0, -(1 << 63), (1 << 63) - 1)
    reach = parse_reach(os.listdir(tmp_path))
    assert reach.before is not None
    assert reach.after is not None
    assert reach.before * 1000 >= 1 << 63
    assert reach.after * 1000 >= 1 << 63


def test_reach_does_not_speak_for_files_of_others(tmp_path: Path) -> None:
    day = touch(tmp_path, NOON_MS).sealed(tmp_path).parent.parent
    extend_reach(day, NOON_MS, NOON_MS, NOON_MS)
    assert parse_reach(os.listdir(day)) == Reach(None, None)


def test_writer_leaves_markers_that_find_its_flows(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path, 60, ManualClock(NOON_MS))
    writer.open()
    flows = sample_flows(0, 2)
    flows.columns["time_flow_start_ms"] = flows.columns["time_flow_start_ms"] - 5 * HOUR  # type: ignore[operator]
    writer.append(flows)
    writer.close()
    catalog = Catalog(tmp_path)
    assert len(catalog.slots(NOON_MS - 5 * HOUR - 4000, NOON_MS - 5 * HOUR - 3000)) == 1
    assert catalog.slots(NOON_MS - 10 * HOUR, NOON_MS - 9.9 * HOUR) == []
    assert catalog.slots(NOON_MS + HOUR, NOON_MS + HOUR) == []


def test_changes_are_seen(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    first = touch(tmp_path, NOON_MS)
    assert len(catalog.slots()) == 1
    touch(tmp_path, NOON_MS, 2)
    assert len(catalog.slots()) == 2
    first.sealed(tmp_path).unlink()
    touch(tmp_path, NOON_MS + 48 * HOUR)
    assert [file.name.part for file in catalog.slots()] == [2, 1]


def test_settled_directories_are_not_listed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hour = touch(tmp_path, NOON_MS).sealed(tmp_path).parent
    old = time.time() - 60
    for path in (tmp_path, hour.parent, hour):
        os.utime(path, (old, old))
    catalog = Catalog(tmp_path)
    assert len(catalog.slots()) == 1
    listed: list[str] = []
    real = os.listdir
    monkeypatch.setattr(catalog_module.os, "listdir", lambda path: listed.append(str(path)) or real(path))
    assert len(catalog.slots()) == 1
    assert listed == []


def test_snapshot_while_a_segment_is_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(NOON_MS)
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    writer.append(sample_flows(0, 5))
    clock.advance(1)
    writer.tick()
    catalog = Catalog(tmp_path)
    real = Catalog.slots

    def seal_first(
        self: Catalog, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[catalog_module.SlotFile]:
        writer.close()
        return real(self, start_ms, end_ms)

    monkeypatch.setattr(Catalog, "slots", seal_first)
    with catalog.snapshot() as snapshot:
        assert (len(snapshot.sealed), snapshot.live) == (1, [])
    monkeypatch.undo()
    assert stored_ids(tmp_path) == [0, 1, 2, 3, 4]


def test_snapshot_keeps_a_segment_that_is_sealed_afterwards(tmp_path: Path) -> None:
    clock = ManualClock(NOON_MS)
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    writer.append(sample_flows(0, 5))
    clock.advance(1)
    writer.tick()
    with Catalog(tmp_path).snapshot() as snapshot:
        writer.close()
        assert snapshot.sealed == []
        [reader] = snapshot.live
        assert reader.table(["flow_id"]).column(0).to_pylist() == [0, 1, 2, 3, 4]


def test_snapshot_tolerates_a_segment_that_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Catalog, "live", lambda _: [tmp_path / "_live" / "gone.arrows"])
    with Catalog(tmp_path).snapshot() as snapshot:
        assert (snapshot.sealed, snapshot.live) == ([], [])


def test_follower_sees_new_flows_once(tmp_path: Path) -> None:
    clock = ManualClock(NOON_MS)
    writer = StoreWriter(tmp_path, 60, clock)
    writer.open()
    writer.append(sample_flows(0, 5))
    clock.advance(1)
    writer.tick()
    follower = Follower(tmp_path)

    def numbers() -> list[int]:
        return [int(n) for batch in follower.poll() for n in batch.columns["flow_id"]]

    assert numbers() == []
    writer.append(sample_flows(5, 2))
    clock.advance(1)
    writer.tick()
    assert numbers() == [5, 6]
    writer.append(sample_flows(7, 2))
    writer.append(sample_flows(9, 1, NOON_MS + 60_000))
    clock.advance(1)
    writer.tick()
    writer.close()
    assert numbers() == [7, 8]  # written and removed before the poll, read all the same
    assert numbers() == []
    follower.close()
