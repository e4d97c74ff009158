"""The four jobs of docs/walkthroughs.md, key by key, over the hour that its pictures show."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from driving import ready, rows, text_of, until
from incident import FLOODED, MINUTE_MS, PARTNER, SCANNER, SENT_BYTES, TEN_MS, VICTIM, incident_store
from textual.pilot import Pilot

from nftui.app import NftuiApp
from nftui.cli.ioc import ioc
from nftui.cli.main import run
from nftui.screens.live import LiveScreen
from nftui.screens.recording import RecordedSource
from nftui.screens.watch import WatchScreen
from nftui.widgets.text_dialog import TextDialog

SIZE = (120, 40)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return incident_store(tmp_path_factory.mktemp("walk") / "store")


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


async def look_at(pilot: Pilot[int], screen: LiveScreen, times: str) -> None:
    """`@`, and a time."""
    await pilot.press("at", *times, "enter")
    await until(pilot, lambda: pilot.app.screen is screen and screen.trail.place.within is not None)
    await answered(pilot, screen)


async def filtered(pilot: Pilot[int], screen: LiveScreen, text: str) -> None:
    """`/`, and a filter."""
    await pilot.press("slash", *text, "enter")
    await until(pilot, lambda: screen.trail.place.filter == text)
    await answered(pilot, screen)


async def answered(pilot: Pilot[int], screen: LiveScreen) -> None:
    await until(pilot, lambda: not screen.past.busy, 60)
    await until(
        pilot,
        lambda: (
            screen.snapshot is not None
            and screen.snapshot.request.within == screen.trail.place.within
            and (screen.snapshot.request.filter.text if screen.snapshot.request.filter else "")
            == screen.trail.place.filter
        ),
        60,
    )


async def opened(pilot: Pilot[int]) -> LiveScreen:
    screen = await ready(pilot)
    await until(pilot, lambda: screen.extent is not None and screen.flows_in() > 0, 60)
    await until(pilot, lambda: len(screen.table.data) > 0, 60)
    return screen


async def copied(pilot: Pilot[int]) -> list[str]:
    """The command line that `y` copies, as words."""
    await pilot.press("y")
    await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
    text = next(text for text in pilot.app.clipboard.splitlines() if text.startswith("nftui dump"))
    await pilot.press("escape")
    return shlex.split(text)


async def test_who_eats_the_bandwidth_now(store: Path):
    app = NftuiApp(RecordedSource([str(store)], 1))
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        app.source.seek(TEN_MS + 43 * MINUTE_MS)
        await until(pilot, lambda: rows(screen, "addr")[:1] in ([(VICTIM,)], [(PARTNER,)]), 60)
        assert {row[0] for row in rows(screen, "addr")[:2]} == {VICTIM, PARTNER}
        await pilot.press("2")
        await until(pilot, lambda: bool(rows(screen, "src_addr")) if screen.trail.place.view == "pair" else False)
        await until(pilot, lambda: set(rows(screen, "src_addr", "dst_addr")[0]) == {VICTIM, PARTNER}, 30)
        await pilot.press("enter")
        await until(pilot, lambda: screen.trail.place.view == "flows" and len(screen.table.data) > 0, 30)
        await until(pilot, lambda: {443} == {int(port) for (port,) in rows(screen, "dst_port")}, 30)
        await pilot.press("enter")
        await until(pilot, lambda: PARTNER in text_of(app) and "Flags" in text_of(app), 30)
    assert app.source.stop()


async def test_did_anybody_ever_talk_to_a_bad_address(store: Path, tmp_path: Path):
    bad = tmp_path / "bad.txt"
    bad.write_text(f"{PARTNER} command and control\n203.0.113.250 never seen\n")
    result = CliRunner().invoke(ioc, ["-r", str(store), "--utc", str(bad)], standalone_mode=False)
    assert result.exception is None
    assert PARTNER in result.output
    assert "command and control" in result.output
    app = NftuiApp(RecordedSource([str(store)], 1))
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await look_at(pilot, screen, "10:00..11:00")
        await filtered(pilot, screen, f"ip {PARTNER}")
        assert {row[0] for row in rows(screen, "addr")} == {VICTIM, PARTNER}
        assert screen.snapshot.total.matched.flows == 39 + 48
        await pilot.press("9")
        await until(pilot, lambda: screen.snapshot is not None and screen.snapshot.rows_total == 87, 30)


async def test_the_timeline_of_an_incident(store: Path):
    app = NftuiApp(RecordedSource([str(store)], 1))
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await look_at(pilot, screen, "10:00..11:00")
        await filtered(pilot, screen, f"ip {VICTIM}")
        sums = dict(rows(screen, "addr", "bytes"))
        assert sums[PARTNER] == SENT_BYTES + 39 * 9 * 140
        assert sums[SCANNER] == 5 * 900 * 120 + 60
        await look_at(pilot, screen, "10:12..10:21")
        assert dict(rows(screen, "addr", "flows")) == {VICTIM: 8, SCANNER: 6, PARTNER: 2}
        words = await copied(pilot)
        assert words[:2] == ["nftui", "dump"]
        assert run([*words[1:], "-q", "-o", "csv"]) == 0


async def test_the_fingerprint_of_an_attack_while_it_runs(store: Path):
    app = NftuiApp(RecordedSource([str(store)], 4))
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        app.source.seek(TEN_MS + 50 * MINUTE_MS + 40_000)
        await until(pilot, lambda: any(found.kind == "flood" for found in app.source.watch().findings), 120)
        await until(pilot, lambda: "finding" in text_of(app), 30)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen) and FLOODED in text_of(app), 30)
        shown = text_of(app)
        assert f"{FLOODED} port 443 gets" in shown
        assert "40 (100 %)" in shown
        assert "113 (100 %)" in shown
        flood = next(place for place, found in enumerate(app.source.watch().findings) if found.kind == "flood")
        await pilot.press(*["down"] * flood, "enter")
        await until(pilot, lambda: isinstance(app.screen, LiveScreen))
        assert screen.trail.place.filter == f"dst ip {FLOODED} and tcp and dst port 443 and flags =S"
        await answered(pilot, screen)
        assert {(int(port), proto) for port, proto in rows(screen, "dst_port", "proto")} == {(443, "TCP")}
        words = await copied(pilot)
        assert words[-1] == screen.trail.place.filter
