"""A recording that is set to another time: what the window holds then, halted, ended, in loops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows

from nftui.engine.archive.formats import ArchiveFormats
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.replay.playback import Playback
from nftui.engine.store.writer import StoreWriter

SECONDS = 1200
FULL = 62
"""Flows in the window: those of its thirty seconds, and of the one that is running."""


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two flows each second for twenty minutes, numbered, the first at noon."""
    root = tmp_path_factory.mktemp("seek") / "store"
    writer = StoreWriter(root)
    writer.open()
    for second in range(SECONDS):
        writer.append(sample_flows(2 * second, 2, NOON_MS + 1000 * second))
    writer.close()
    return root


@pytest.fixture
def playback(store: Path) -> Iterator[Playback]:
    """The recording, halted at its beginning."""
    made = Playback([str(store)], 1, ArchiveFormats())
    made.start()
    until(lambda: made.health().counts["flows.in"] > 0)
    made.clock.run(False)
    yield made
    assert made.stop()


def second(playback: Playback) -> float:
    """Where it plays, seconds after noon."""
    return (playback.clock.now_ms() - NOON_MS) / 1000


def in_window(playback: Playback) -> int:
    return playback.snapshot(LiveRequest(view="flows")).total.unfiltered.flows


@pytest.mark.parametrize("target", [30, 400, 1199, 61])
def test_the_window_is_full_where_it_is_set_to(playback: Playback, target: int):
    playback.seek(NOON_MS + 1000 * target)
    until(lambda: second(playback) == target)
    until(lambda: in_window(playback) == FULL)
    shown = playback.snapshot(LiveRequest(view="flows", limit=100))
    received = [NOON_MS + 1000 * (target - age) for age in range(31) for _ in range(2)]
    assert shown.now_ms == NOON_MS + 1000 * target
    assert sorted(shown.values["time_received_ms"], reverse=True) == received


def test_back_and_forth(playback: Playback):
    for target in (900, 100, 101, 1000, 35):
        playback.seek(NOON_MS + 1000 * target)
        until(lambda target=target: second(playback) == target and in_window(playback) == FULL)


def test_before_the_first_flow_is_the_first_flow(playback: Playback):
    playback.seek(0)
    until(lambda: second(playback) == 0)
    until(lambda: in_window(playback) == 2)


def test_steps_of_a_second(playback: Playback):
    playback.seek(NOON_MS + 600_000)
    until(lambda: second(playback) == 600 and in_window(playback) == FULL)
    flows = playback.health().counts["flows.in"]
    playback.step(1)
    assert second(playback) == 601
    until(lambda: playback.health().counts["flows.in"] == flows + 2)
    playback.step(-1)
    until(lambda: second(playback) == 600 and in_window(playback) == FULL)
    assert not playback.clock.running


def test_it_goes_on_from_there_at_its_speed(playback: Playback):
    playback.clock.set_speed(64)
    playback.seek(NOON_MS + 300_000)
    until(lambda: second(playback) == 300)
    playback.clock.run(True)
    until(lambda: second(playback) > 330)
    assert not playback.ended


def test_after_the_end_it_plays_again_from_where_it_is_set_to(playback: Playback):
    playback.clock.set_speed(1024)
    playback.clock.run(True)
    until(lambda: playback.ended)
    assert not playback.clock.running
    assert second(playback) >= SECONDS - 1
    playback.clock.set_speed(1)
    playback.seek(NOON_MS + 500_000)
    until(lambda: not playback.ended and 500 <= second(playback) < 600)
    assert playback.clock.running


def test_a_loop_begins_anew(playback: Playback):
    playback.loop = True
    playback.clock.set_speed(1024)
    playback.seek(NOON_MS + 1000 * (SECONDS - 50))
    playback.clock.run(True)
    until(lambda: second(playback) > SECONDS - 50)
    until(lambda: second(playback) < SECONDS - 50)
    assert not playback.ended
    assert playback.clock.running


def test_flows_come_once_however_often_it_is_set(playback: Playback):
    for target in (200, 201, 202, 203):
        playback.seek(NOON_MS + 1000 * target)
    until(lambda: second(playback) == 203)
    until(lambda: in_window(playback) == FULL)
    time.sleep(0.1)
    assert in_window(playback) == FULL
