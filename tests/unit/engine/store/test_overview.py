"""What the store screen is told: states, days, expiry and compaction to come, and a check in the background."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows

from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store import check as check_module
from nftui.engine.store.check import Checked, StoreCheck
from nftui.engine.store.compact import compact_hour
from nftui.engine.store.expire import holdings
from nftui.engine.store.layout import DAY_MS, HOUR_MS
from nftui.engine.store.overview import DayOfStore, overview, policy_of
from nftui.engine.store.retention import Policy
from nftui.engine.store.writer import StoreWriter

EAGER = Limits(flush_seconds=0, settle_seconds=1e9)
NOW_MS = NOON_MS + 2 * HOUR_MS


def fill(root: Path, slots_ms: list[int]) -> None:
    """One part of 100 flows a slot."""
    writer = StoreWriter(root, limits=EAGER)
    writer.open()
    for number, slot_ms in enumerate(slots_ms):
        writer.append(sample_flows(number * 100, 100, slot_ms))
        writer.tick()
    writer.close()


def test_an_empty_store(tmp_path: Path) -> None:
    found = overview(tmp_path, Policy(), NOW_MS)
    assert (found.states, found.days, found.first_ms, found.flow_bytes, found.going) == ((), (), None, None, ())
    assert found.daily_bytes is None


def test_states_days_and_what_is_not_compacted(tmp_path: Path) -> None:
    fill(tmp_path, [NOON_MS - DAY_MS, NOON_MS, NOON_MS + 300_000, NOON_MS + HOUR_MS])
    assert len(list(compact_hour(tmp_path, NOON_MS, DEFAULT))) == 1
    quarantined = tmp_path / "_quarantine"
    quarantined.mkdir()
    (quarantined / "bad.parquet").write_bytes(b"x" * 5000)
    found = overview(tmp_path, Policy(), NOW_MS)
    files = {state.state: state.files for state in found.states}
    assert files == {"sealed": 2, "compacted": 1, "replaced": 2, "quarantined": 1}
    held = holdings(tmp_path)
    assert sum(state.bytes for state in found.states) == found.bytes == held.bytes
    midnight = NOON_MS // DAY_MS * DAY_MS
    assert [(day.day_ms, day.files, day.hours, day.compacted) for day in found.days] == [
        (midnight - DAY_MS, 1, 1, 0), (midnight, 2, 2, 1),
    ]  # fmt: skip
    assert isinstance(found.days[0], DayOfStore)
    assert found.quarantined == (("bad.parquet", 8192),)
    assert found.waiting_hours == (NOON_MS - DAY_MS,), "the hour that ended just now settles first"
    assert (found.first_ms, found.last_ms) == (NOON_MS - DAY_MS, NOON_MS + HOUR_MS)
    assert found.flow_bytes == sum(kept.bytes for kept in held.files) / 400


def test_what_expires_now_and_next(tmp_path: Path) -> None:
    slots = [NOON_MS - day * DAY_MS for day in range(10, 0, -1)]
    fill(tmp_path, slots)
    found = overview(tmp_path, Policy(most_age_ms=8 * DAY_MS, watermark=1.0), NOON_MS)
    assert [old.start_ms for old in found.going] == slots[:2]
    assert [old.start_ms for old in found.oldest] == slots[2:]
    assert found.going[0].name.startswith("date=2026-11-11/hour=12/")
    assert found.days_kept == 8
    full = overview(tmp_path, Policy(most_bytes=2 * found.bytes), NOON_MS)
    assert full.going == ()
    assert full.days_left == pytest.approx(found.bytes / full.daily_bytes)


def test_limits_from_settings() -> None:
    found = policy_of({"store.expire_size": "10G", "store.expire_age": "4w", "store.expire_watermark": "90"})
    assert found == Policy(10 << 30, 28 * DAY_MS, None, 0.9)
    assert policy_of({}) == Policy()
    assert policy_of({"store.expire_size": "lots"}) == Policy()


def test_a_check_counts_all_and_names_the_damaged(tmp_path: Path) -> None:
    fill(tmp_path, [NOON_MS, NOON_MS + 300_000, NOON_MS + 600_000])
    victim = holdings(tmp_path).files[1].file.path
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    victim.write_bytes(raw)
    checked = StoreCheck(tmp_path)
    checked.start()
    checked.wait(120)
    found = checked.so_far
    assert (found.state, found.files, found.share) == ("done", 3, 1.0)
    ((path, problem),) = found.damaged
    assert path == str(victim)
    assert "checksum" in problem


def test_a_check_is_cancelled_between_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [NOON_MS, NOON_MS + 300_000, NOON_MS + 600_000])
    reached, go_on = threading.Event(), threading.Event()
    real = check_module.verify_store

    def slow(root: Path) -> object:
        for number, verdict in enumerate(real(root)):
            if number == 1:
                reached.set()
                assert go_on.wait(120)
            yield verdict

    monkeypatch.setattr(check_module, "verify_store", slow)
    checked = StoreCheck(tmp_path)
    checked.start()
    assert reached.wait(120)
    assert checked.so_far.state == "running"
    assert 0 < checked.so_far.share < 1
    checked.cancel()
    go_on.set()
    checked.wait(120)
    assert (checked.so_far.state, checked.so_far.files) == ("cancelled", 1)


def test_a_check_of_nothing_is_done_at_once(tmp_path: Path) -> None:
    checked = StoreCheck(tmp_path)
    checked.start()
    checked.wait(120)
    assert checked.so_far == Checked(state="done")
