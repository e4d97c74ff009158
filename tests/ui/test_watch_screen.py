"""The watch screen: findings with their evidence, the way to the flows behind them, and quiet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from driving import ready, text_of, until
from fake_source import HOSTILE, FakeSource
from textual.pilot import Pilot

from nftui.app import AppOptions, NftuiApp
from nftui.engine.watch.finding import Finding, RuleState, WatchState
from nftui.screens.live import LiveScreen
from nftui.screens.watch import WatchScreen

SIZE = (120, 40)


def watched(source: FakeSource) -> WatchState:
    """Findings about what the source really has."""
    now = source.clock.now_ms()
    scan = Finding(
        "scan", "hosts", "10.1.0.1 TCP port 22", "10.1.0.1 tried TCP port 22 on 300 hosts in a minute",
        "proto 17 and dst port 53", now - 20_000, now, 300, 310, 18_600,
        (("hosts tried", "300, in 2 networks of 256"), ("tries", "300")),
    )  # fmt: skip
    rule = Finding("threshold", "dns", "port 53", "dns: 80 Mbit/s is above 50 Mbit/s", "port 53", now - 60_000, now)
    states = (
        RuleState("dns", "port 53 over 50 Mbit/s", 80e6, 50e6, "bit/s", True),
        RuleState("web", "port 443 over 3x usual", 5e6, None, "bit/s", False),
    )
    return WatchState((scan, rule), states, 1234, ("bad.txt line 3: not an address",), now + 60_000)


async def opened(pilot: Pilot[int]) -> WatchScreen:
    await ready(pilot)
    await pilot.press("w")
    await until(pilot, lambda: isinstance(pilot.app.screen, WatchScreen) and "finding" in text_of(pilot.app))
    screen = pilot.app.screen
    assert isinstance(screen, WatchScreen)
    return screen


async def test_findings_with_what_shows_them():
    source = FakeSource(seconds=3)
    source.watched = watched(source)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        await opened(pilot)
        shown = text_of(pilot.app)
        assert "2 findings" in shown
        assert "1 of 2 rules broken" in shown
        assert "1,234 addresses looked for" in shown
        assert "10.1.0.1 tried TCP port 22 on 300 hosts in a minute" in shown
        assert "300, in 2 networks of 256" in shown
        assert "BROKEN  dns: 80.0 Mbit/s, limit 50.0 Mbit/s" in shown
        assert "web: 5.00 Mbit/s, learning what is usual" in shown
        assert "bad.txt line 3: not an address" in shown
        await pilot.press("j")
        await until(pilot, lambda: "(threshold, dns)" in text_of(pilot.app))


async def test_the_flows_behind_a_finding():
    source = FakeSource(seconds=3)
    source.watched = watched(source)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        screen = pilot.app.screen
        assert isinstance(screen, LiveScreen)
        assert (screen.trail.place.view, screen.trail.place.filter) == ("flows", "proto 17 and dst port 53")
        await until(pilot, lambda: len(screen.table.data) > 0 and screen.snapshot.request.filter is not None)
        assert set(screen.snapshot.values["dst_port"]) == {"53"}
        await pilot.press("backspace")
        await until(pilot, lambda: screen.trail.place.view == "host")


async def test_a_finding_is_made_quiet():
    source = FakeSource(seconds=3)
    source.watched = watched(source)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("x")
        await until(pilot, lambda: "1 finding " in text_of(pilot.app))
        assert [found.kind for found in source.watched.findings] == ["threshold"]
        assert "quiet = ['proto 17 and dst port 53'] in [watch]" in next(n.message for n in pilot.app._notifications)
        assert "for 90 days" in next(n.message for n in pilot.app._notifications)
        await pilot.press("X")
        await until(pilot, lambda: "2 findings" in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))


async def test_a_screen_that_only_reads_makes_nothing_quiet():
    source = FakeSource(seconds=3)
    source.watched = watched(source)
    async with NftuiApp(source, AppOptions(read_only=True)).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("x")
        await until(pilot, lambda: any("read-only" in n.message for n in pilot.app._notifications))
        assert len(source.watched.findings) == 2


async def test_nothing_found_says_what_could_be_told():
    async with NftuiApp(FakeSource(seconds=3)).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        shown = text_of(pilot.app)
        assert "Nothing was found yet." in shown
        assert "[rules]" in shown


async def test_hostile_words_do_no_harm():
    source = FakeSource(seconds=3)
    state = watched(source)
    evil = replace(state.findings[0], summary=HOSTILE, evidence=((HOSTILE, HOSTILE),), filter=HOSTILE)
    source.watched = replace(state, findings=(evil,))
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        await opened(pilot)
        shown = text_of(pilot.app)
        assert "PWNED" in shown
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_bell_rings_for_new_findings_when_asked_to(wanted, monkeypatch):
    rung = []
    monkeypatch.setattr(NftuiApp, "bell", lambda _: rung.append(1))
    source = FakeSource(seconds=3)
    async with NftuiApp(source, AppOptions(bell=wanted)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert rung == []
        source.counts["watch.findings"] = 2
        await until(pilot, lambda: "findings 2" in text_of(pilot.app))
        assert rung == ([1] if wanted else [])
