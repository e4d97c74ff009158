"""Screens on slow lines: all of them ask less often, and nothing is drawn onto what the terminal has not taken."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from driving import ready, until
from fake_probe import FakeProbe
from fake_source import FakeSource

from nftui.app import AppOptions, NftuiApp
from nftui.screens.feed import Feed
from nftui.screens.filter_reader import FilterReader


class Owner:
    """A screen with timers that are run by hand, and a terminal that takes what it takes."""

    def __init__(self) -> None:
        self.queued = 0
        self.timers: list[tuple[float, Any]] = []
        queue = SimpleNamespace(qsize=lambda: self.queued)
        self.app = SimpleNamespace(_driver=SimpleNamespace(_writer_thread=SimpleNamespace(_queue=queue)))

    def set_timer(self, seconds: float, then: Any) -> None:
        self.timers.append((seconds, then))

    def run(self) -> float:
        """Let the latest timer run out; how long the next one is."""
        self.timers[-1][1]()
        return self.timers[-1][0]


def beside(owner: Owner) -> Feed:
    """A feed that pulls nothing."""
    return Feed(owner, FakeSource(), lambda: None, lambda _: None)  # type: ignore[arg-type,return-value]


def test_a_slow_line_is_asked_for_a_quarter_as_often() -> None:
    owner, asked = Owner(), []
    feed = beside(owner)
    feed.slow_down(0.5)
    feed.every(1.0, owner, lambda: asked.append(1))  # type: ignore[arg-type]
    assert owner.timers[0][0] == 4.0
    assert owner.run() == 4.0
    assert asked == [1]


def test_what_the_terminal_has_not_taken_is_not_added_to() -> None:
    owner, asked = Owner(), []
    feed = beside(owner)
    feed.every(1.0, owner, lambda: asked.append(1))  # type: ignore[arg-type]
    assert owner.run() == 1.0
    owner.queued = 3
    assert [owner.run() for _ in range(4)] == [1.0, 2.0, 4.0, 4.0]
    assert asked == [1]
    owner.queued = 0
    assert [owner.run() for _ in range(12)][-1] == 1.0
    assert len(asked) == 13


@pytest.mark.parametrize(("key", "seconds"), [("e", {1.0}), ("w", {1.0}), ("D", {3.0, 0.5}), ("P", {1.0})])
async def test_every_screen_keeps_the_pace_of_the_line(
    monkeypatch: pytest.MonkeyPatch, key: str, seconds: set[float]
) -> None:
    paces = []

    def every(self: Feed, seconds: float, owner: object, ask: object) -> None:
        paces.append((seconds, self._pace.interval))

    monkeypatch.setattr(Feed, "every", every)
    source = FakeSource()
    source.probe = FakeProbe()
    async with NftuiApp(source, AppOptions(low_bandwidth=True)).run_test(size=(100, 30)) as pilot:
        screen = await ready(pilot)
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen is not screen and bool(paces))
        assert {pace[0] for pace in paces} == seconds
        assert {pace[1] for pace in paces} == {2.0}


async def test_a_source_that_starts_late_is_left_without_a_word() -> None:
    """Keys ask for rows that are not there yet; the answers come while the screen is taken apart."""
    source, started = FakeSource(), threading.Event()
    begin = source.start
    source.start = lambda: started.wait(30) and begin()  # type: ignore[method-assign,assignment]
    app = NftuiApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("9", "s", "r", "full_stop", "left_square_bracket", "slash"):
            await pilot.press(key)
        started.set()
    assert app.failure is None


@pytest.mark.parametrize("read_only", [False, True])
async def test_read_only_writes_no_filter_history(tmp_path: Any, read_only: bool) -> None:
    past = tmp_path / "filter_history"
    past.write_text("udp\n")
    reader = FilterReader(history_file=past)
    async with NftuiApp(FakeSource(), AppOptions(read_only=read_only), reader).run_test(size=(100, 30)) as pilot:
        screen = await ready(pilot)
        await pilot.press("slash", *"tcp", "enter")
        await until(pilot, lambda: screen.trail.place.filter == "tcp")
        await until(pilot, lambda: len(screen.filter_bar.past) > 0)
        if not read_only:
            await until(pilot, lambda: past.read_text() == "udp\ntcp\n")
    assert past.read_text() == ("udp\n" if read_only else "udp\ntcp\n")
