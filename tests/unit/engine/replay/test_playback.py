"""A recording through a live window: when flows come, at which speed, and what pauses and gaps do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows

from nftui.engine.archive.formats import ArchiveFormats
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.replay.playback import FASTEST, SLOWEST, Playback, PlaybackClock
from nftui.engine.store.writer import StoreWriter
from nftui.errors import UsageError


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def record(root: Path, moments: list[float]) -> Path:
    """A store with ten flows received at each of these seconds after noon."""
    writer = StoreWriter(root)
    writer.open()
    for number, moment in enumerate(moments):
        writer.append(sample_flows(number * 10, 10, NOON_MS + round(moment * 1000)))
    writer.close()
    return root


def play(path: Path, speed: float) -> Playback:
    playback = Playback([str(path)], speed, ArchiveFormats())
    playback.start()
    return playback


def came(playback: Playback) -> int:
    return playback.health().counts["flows.in"]


class TestClock:
    def test_time_of_the_recording_passes_at_its_speed(self, monkeypatch: pytest.MonkeyPatch):
        now = 100.0
        monkeypatch.setattr("nftui.engine.replay.playback.time.monotonic", lambda: now)
        clock = PlaybackClock(10)
        now = 105.0
        assert (clock.now_ms(), clock.running) == (0, False)
        clock.begin(NOON_MS)
        now = 107.0
        assert (clock.now_ms(), clock.monotonic()) == (NOON_MS + 20_000, 20.0)
        clock.run(False)
        now = 200.0
        assert clock.now_ms() == NOON_MS + 20_000
        clock.run(True)
        clock.set_speed(2)
        now = 203.0
        assert clock.now_ms() == NOON_MS + 26_000
        clock.leap(NOON_MS + 3_600_000)
        assert clock.now_ms() == NOON_MS + 3_600_000
        clock.leap(NOON_MS)
        assert clock.now_ms() == NOON_MS + 3_600_000

    def test_speed_is_bounded(self):
        clock = PlaybackClock(1)
        clock.set_speed(1e9)
        assert clock.speed == FASTEST
        clock.set_speed(0)
        assert clock.speed == SLOWEST


def test_flows_come_when_their_time_has_come(tmp_path: Path):
    playback = play(record(tmp_path, [0, 12, 24]), 6)
    try:
        until(lambda: came(playback) == 10)
        assert NOON_MS <= playback.clock.now_ms() < NOON_MS + 12_000
        playback.clock.set_speed(64)
        until(lambda: came(playback) == 30)
        assert playback.clock.now_ms() >= NOON_MS + 24_000
        until(lambda: playback.ended)
        shown = playback.snapshot(LiveRequest(view="flows"))
        assert shown.rows_total == 30
        assert shown.now_ms == playback.clock.now_ms()
    finally:
        assert playback.stop()


def test_a_pause_stops_the_recording(tmp_path: Path):
    playback = play(record(tmp_path, [0, 2.9]), 1)
    try:
        until(lambda: came(playback) == 10)
        playback.clock.run(False)
        halted = playback.clock.now_ms()
        time.sleep(0.3)
        assert (came(playback), playback.clock.now_ms()) == (10, halted)
        playback.clock.run(True)
        playback.clock.set_speed(64)
        until(lambda: came(playback) == 20)
    finally:
        assert playback.stop()


def test_hours_without_flows_are_leapt_over(tmp_path: Path):
    playback = play(record(tmp_path, [0, 7200]), 1)
    try:
        until(lambda: playback.ended)
        assert came(playback) == 20
        assert playback.clock.now_ms() >= NOON_MS + 7_200_000
        ended = playback.clock.now_ms()
        time.sleep(0.1)
        assert playback.clock.now_ms() == ended
    finally:
        assert playback.stop()


def test_stopping_in_the_middle(tmp_path: Path):
    playback = play(record(tmp_path, [0, 2.9]), 1)
    until(lambda: came(playback) == 10)
    assert playback.stop()
    assert not playback.ended


def test_what_cannot_be_read_is_said(tmp_path: Path):
    root = record(tmp_path / "store", [0, 400])
    damaged = sorted(root.glob("date=*/hour=*/*.parquet"))[1]
    damaged.write_bytes(damaged.read_bytes()[:200])
    playback = play(root, 1024)
    try:
        until(lambda: playback.ended)
        assert came(playback) == 10
        assert playback.health().warnings == (f"skipped {damaged}: damaged",)
    finally:
        assert playback.stop()


def test_a_path_that_is_not_there(tmp_path: Path):
    with pytest.raises(UsageError, match="no such file"):
        Playback([str(tmp_path / "none")], 1, ArchiveFormats()).start()
