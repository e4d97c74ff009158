import os
from dataclasses import replace
from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.compact import compact_hour
from nftui.engine.store.expire import Holdings, due, forecast, holdings, outlives, remove
from nftui.engine.store.layout import DAY_MS, HOUR_MS
from nftui.engine.store.retention import Policy
from nftui.engine.store.writer import StoreWriter

EAGER = Limits(flush_seconds=0, settle_seconds=1e9)
NOW_MS = NOON_MS + HOUR_MS


def fill(root: Path, slots_ms: list[int]) -> None:
    """One part of 100 flows a slot, numbered from 0."""
    writer = StoreWriter(root, limits=EAGER)
    writer.open()
    for number, slot_ms in enumerate(slots_ms):
        writer.append(sample_flows(number * 100, 100, slot_ms))
        writer.tick()
    writer.close()


def expire(root: Path, policy: Policy, now_ms: int = NOW_MS) -> list[str]:
    return [kept.file.path.name for kept in remove(root, due(holdings(root), policy, now_ms), now_ms)]


def days_back(count: int) -> list[int]:
    return [NOON_MS - day * DAY_MS for day in reversed(range(count))]


def first_ids(root: Path) -> list[int]:
    return sorted({number // 100 for number in stored_ids(root)})


def test_nothing_is_due_below_the_limits(tmp_path: Path):
    fill(tmp_path, days_back(3))
    held = holdings(tmp_path)
    assert due(held, Policy(), NOW_MS) == []
    assert due(held, Policy(most_bytes=held.bytes, most_age_ms=2 * DAY_MS + HOUR_MS, least_free=0.0), NOW_MS) == []


def test_size_goes_down_to_the_watermark_oldest_first(tmp_path: Path):
    fill(tmp_path, days_back(10))
    held = holdings(tmp_path)
    each = held.files[0].bytes
    assert {kept.bytes for kept in held.files} == {each}
    gone = expire(tmp_path, Policy(most_bytes=held.bytes - 1, watermark=0.75))
    assert gone == sorted(gone)
    assert first_ids(tmp_path) == [3, 4, 5, 6, 7, 8, 9]
    assert holdings(tmp_path).bytes == held.bytes - 3 * each


def test_age_goes_down_to_the_watermark(tmp_path: Path):
    fill(tmp_path, days_back(10))
    assert len(expire(tmp_path, Policy(most_age_ms=8 * DAY_MS, watermark=0.5))) == 6
    assert first_ids(tmp_path) == [6, 7, 8, 9]


def test_a_full_disk_frees_what_is_missing(tmp_path: Path):
    fill(tmp_path, days_back(10))
    held = holdings(tmp_path)
    each = held.files[0].bytes
    full = replace(held, free_bytes=10 * each, disk_bytes=1000 * each)
    assert len(due(full, Policy(least_free=0.01, watermark=1.0), NOW_MS)) == 0
    assert len(due(full, Policy(least_free=0.012, watermark=1.0), NOW_MS)) == 2
    assert len(due(full, Policy(least_free=0.012, watermark=0.8), NOW_MS)) == 5


def test_the_stricter_limit_decides(tmp_path: Path):
    fill(tmp_path, days_back(10))
    held = holdings(tmp_path)
    by_size = Policy(most_bytes=held.bytes // 2, watermark=1.0)
    assert len(due(held, replace(by_size, most_age_ms=8 * DAY_MS), NOW_MS)) == len(due(held, by_size, NOW_MS)) == 5
    assert len(due(held, replace(by_size, most_age_ms=2 * DAY_MS), NOW_MS)) == 8


def test_a_limit_below_everything_takes_all_sealed_files_and_no_live_one(tmp_path: Path):
    fill(tmp_path, days_back(2))
    writer = StoreWriter(tmp_path, limits=EAGER)
    writer.open()
    writer.append(sample_flows(900, 100))
    writer.tick()
    held = holdings(tmp_path)
    assert held.other_bytes > 0
    going = due(held, Policy(most_bytes=0), NOW_MS)
    assert not outlives(held, going)
    list(remove(tmp_path, going, NOW_MS))
    assert first_ids(tmp_path) == [9]
    writer.close()
    assert first_ids(tmp_path) == [9]


def test_empty_days_go_with_their_markers_and_foreign_files_stay(tmp_path: Path):
    fill(tmp_path, days_back(6))
    days = sorted(entry for entry in os.listdir(tmp_path) if entry.startswith("date="))
    notes = tmp_path / days[0] / "hour=12" / "notes.txt"
    notes.write_text("mine")
    stranger = tmp_path / days[1] / "hour=12" / "20261101T000000Z-deadbeef-000001.parquet.bak"
    stranger.touch()
    expire(tmp_path, Policy(most_age_ms=1))
    assert notes.read_text() == "mine"
    assert stranger.exists()
    left = sorted(entry for entry in os.listdir(tmp_path) if entry.startswith("date="))
    assert left == [days[0], days[1], *days[3:]]  # the writer may still put something into the newest


def test_names_of_ours_that_are_no_regular_files_are_not_touched(tmp_path: Path):
    fill(tmp_path, [NOON_MS])
    directory = Catalog(tmp_path).slots()[0].path.parent
    outside = tmp_path / "outside"
    outside.write_text("keep")
    link = directory / "20261121T000000Z-deadbeef-000001.parquet"
    link.symlink_to(outside)
    (directory / "20261121T000000Z-deadbeef-000002.parquet").mkdir()
    assert len(expire(tmp_path, Policy(most_bytes=0))) == 1
    assert link.is_symlink()
    assert outside.read_text() == "keep"


def test_rollups_go_with_their_hour(tmp_path: Path):
    fill(tmp_path, [NOON_MS, NOON_MS + 300_000])
    assert len(list(compact_hour(tmp_path, NOON_MS, DEFAULT))) == 1
    held = holdings(tmp_path)
    (hour,) = held.files
    assert hour.bytes > (os.stat(hour.file.path).st_blocks * 512)
    expire(tmp_path, Policy(most_bytes=0))
    assert os.listdir(hour.file.path.parent) == []


def test_a_file_whose_segment_is_still_there_stays(tmp_path: Path):
    fill(tmp_path, [NOON_MS])
    name = Catalog(tmp_path).slots()[0].name
    name.segment(tmp_path).touch()
    assert expire(tmp_path, Policy(most_bytes=0)) == []


def test_forecast(tmp_path: Path):
    fill(tmp_path, days_back(5))
    held = holdings(tmp_path)
    total = sum(kept.bytes for kept in held.files)
    assert held.daily_bytes == total / 4
    roomy = replace(held, free_bytes=1 << 40, disk_bytes=1 << 41)
    left = forecast(roomy, Policy(most_bytes=held.bytes + total))
    assert left.days_left == pytest.approx(4)
    assert left.days_kept == pytest.approx((held.bytes + total) / (total / 4))
    assert forecast(roomy, Policy(most_bytes=held.bytes + total, most_age_ms=3 * DAY_MS)).days_kept == 3
    nearly_full = replace(held, free_bytes=total // 2, disk_bytes=1 << 40)
    assert forecast(nearly_full, Policy()).days_left == pytest.approx(2)
    assert forecast(Holdings((), 0, 10, 100), Policy()).days_left is None


def test_store_of_a_moment_has_no_forecast(tmp_path: Path):
    fill(tmp_path, [NOON_MS])
    assert holdings(tmp_path).daily_bytes is None
