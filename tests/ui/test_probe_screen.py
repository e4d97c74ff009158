"""The probe screen: its figures, the flow cache, and commands that ask first where they destroy."""

from __future__ import annotations

import pytest
from driving import ready, text_of, until
from fake_probe import FakeProbe
from fake_source import FakeSource
from textual.pilot import Pilot

from nftui.app import AppOptions, NftuiApp
from nftui.screens.live import LiveScreen
from nftui.screens.probe import ProbeScreen
from nftui.widgets.question import Question

SIZE = (120, 40)


def source(probe: FakeProbe | None) -> FakeSource:
    made = FakeSource(seconds=3)
    made.probe = probe
    return made


async def opened(pilot: Pilot[int]) -> ProbeScreen:
    """The probe screen with its first figures on it."""
    await ready(pilot)
    await pilot.press("P")
    await until(pilot, lambda: isinstance(pilot.app.screen, ProbeScreen) and "Accumulated" in text_of(pilot.app))
    screen = pilot.app.screen
    assert isinstance(screen, ProbeScreen)
    return screen


def said(app: NftuiApp) -> list[str]:
    """Notifications."""
    return [note.message for note in app._notifications]


def lines_with(app: NftuiApp, word: str) -> list[list[str]]:
    return [line.split() for line in text_of(app).splitlines() if word in line]


async def test_figures_are_those_of_the_probe():
    async with NftuiApp(source(FakeProbe(moving=False))).run_test(size=SIZE) as pilot:
        await opened(pilot)
        app = pilot.app
        assert lines_with(app, "packets")[0][:2] == ["packets", "48,120,907"]
        assert lines_with(app, "too short")[0][:3] == ["too", "short", "3"]
        assert lines_with(app, "kernel drops")[0][2] == "211"
        assert lines_with(app, "interface lost")[0][2] == "4"
        assert lines_with(app, "of 8192")[0][:3] == ["flows", "active", "5"]
        assert lines_with(app, "tcp.fin")[0][-3:-1] == ["tcp.fin", "118,204"]
        assert lines_with(app, "tun0")[0] == ["tun0", "gone", "1,128,911", "215", "0%", "2", "34s"]
        assert lines_with(app, "GRE")[0] == ["GRE", "41", "1,041", "97", "1.50s", "3.00s"]
        assert lines_with(app, "seconds ")[0][:4] == ["seconds", "0.00", "4.71", "10.94"]
        assert "1:02:05" in text_of(app)


async def test_rates_are_changes_per_second():
    async with NftuiApp(source(FakeProbe())).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "12.8k/s" in text_of(pilot.app))
        assert lines_with(pilot.app, "maxlife")[0][-2] == "63/s"
        assert lines_with(pilot.app, "eth0")[0][3] == "12.8k/s"


async def test_cache_lists_flows_next_to_end_first_and_sorts():
    async with NftuiApp(source(FakeProbe())).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: len(screen.table.data) == 5)
        values = screen.table.data.values
        assert values["expires"] == [1, 2, 4, 5, 8]
        assert values["reason"] == ["active", "active", "tcp.fin", "icmp", "tcp.rst"]
        assert values["lower"][2] == "[2001:db8::10]:50114"
        assert values["upper"][0] == "198.51.100.7:443"
        assert values["packets"][0] == 11 + 770
        assert values["octets"][0] == 11 * 91_500
        assert (values["age"][0], values["idle"][0]) == (9.2, 4.6)
        await pilot.press("s")
        await until(pilot, lambda: screen.table.sort == "packets" and screen.table.data.keys[0] == 15)
        assert screen.table.data.keys == [15, 14, 13, 12, 11]


@pytest.mark.parametrize(
    ("key", "command", "words"),
    [("x", "expire-all", "Ended: 5 flows."), ("D", "delete-all", "Forgotten: 5 flows.")],
)
async def test_commands_that_empty_the_cache_ask_first(key: str, command: str, words: str):
    probe = FakeProbe()
    async with NftuiApp(source(probe)).run_test(size=SIZE) as pilot:
        await opened(pilot)
        for refusal in ("n", "escape"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(pilot.app.screen, Question))
            await pilot.press(refusal)
            await until(pilot, lambda: isinstance(pilot.app.screen, ProbeScreen))
        assert probe.commands == []
        await pilot.press(key, "y")
        await until(pilot, lambda: probe.commands == [command])
        await until(pilot, lambda: words in said(pilot.app))


async def test_gathering_is_stopped_after_a_question_and_started_without():
    probe = FakeProbe()
    async with NftuiApp(source(probe)).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("space", "y")
        await until(pilot, lambda: "STOPPED" in text_of(pilot.app))
        await pilot.press("space")
        await until(pilot, lambda: "GATHERING" in text_of(pilot.app))
        assert probe.commands == ["stop-gather", "start-gather"]


async def test_timeouts_are_typed_as_softflowd_takes_them():
    probe = FakeProbe()
    async with NftuiApp(source(probe)).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await pilot.press("t", *"tpc=1m", "enter")
        await until(pilot, lambda: any("expected NAME=TIME" in text for text in said(pilot.app)))
        assert screen.has_class("-typing")
        await pilot.press("ctrl+u", *"tcp.rst=1m30s", "enter")
        await until(pilot, lambda: probe.commands == ["tcp.rst=1m30s"])
        assert probe.config.timeouts.tcp_rst == 90
        await until(pilot, lambda: not screen.has_class("-typing"))
        await pilot.press("t")
        await until(pilot, lambda: "tcp.rst=90" in text_of(pilot.app))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))


async def test_without_a_probe_the_key_says_how_to_start_one():
    async with NftuiApp(source(None)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("P")
        await until(pilot, lambda: any("nftui --probe IFACE" in text for text in said(pilot.app)))
        assert isinstance(pilot.app.screen, LiveScreen)


async def test_empty_screen_names_the_key_of_the_probe():
    waiting = FakeSource(empty=True)
    waiting.probe = FakeProbe()
    async with NftuiApp(waiting).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "Press P to see it." in text_of(pilot.app))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("page", ["statistics", "cache"])
def test_picture(snap_compare, page: str, size: tuple[int, int]):
    async def play(pilot: Pilot[int]) -> None:
        screen = await opened(pilot)
        if page == "cache":
            await pilot.press("2")
            await until(pilot, lambda: len(screen.table.data) == 5)
        await pilot.pause(0.3)

    assert snap_compare(NftuiApp(source(FakeProbe(moving=False))), terminal_size=size, run_before=play)


def test_picture_in_ascii(snap_compare):
    async def play(pilot: Pilot[int]) -> None:
        await opened(pilot)
        await pilot.pause(0.3)

    app = NftuiApp(source(FakeProbe(moving=False)), AppOptions(ascii_only=True))
    assert snap_compare(app, terminal_size=(80, 24), run_before=play)
