"""The health line with the keys: its cursor, what Enter opens, and the way back."""

from __future__ import annotations

from driving import live, ready, text_of, until
from fake_source import FakeSource
from textual.pilot import Pilot

from nftui.app import NftuiApp
from nftui.screens.exporters import ExportersScreen
from nftui.screens.live import LiveScreen
from nftui.screens.store import StoreScreen
from nftui.screens.watch import WatchScreen
from nftui.widgets.health_strip import HealthStrip
from nftui.widgets.help_overlay import HelpOverlay


def losing() -> FakeSource:
    """A source that has lost flows, and whose watch has found something."""
    source = FakeSource()
    source.counts |= {"sequence.lost": 7, "watch.findings": 2}
    source.recent = {"sequence.lost": 5}
    return source


async def focused(pilot: Pilot[int]) -> HealthStrip:
    """The line, with the keys."""
    screen = await ready(pilot)
    strip = screen.query_one(HealthStrip)
    await until(pilot, lambda: "gaps 7 (+5)" in strip.text)
    await pilot.press("ctrl+w", "ctrl+w")
    await until(pilot, lambda: strip.has_focus and screen.state_name == "health")
    return strip


async def test_enter_opens_what_the_cursor_is_on() -> None:
    async with NftuiApp(losing()).run_test(size=(120, 40)) as pilot:
        strip = await focused(pilot)
        assert strip.cursor == "gaps", "the figure that warns"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportersScreen))
        await pilot.press("escape")
        await until(pilot, lambda: strip.has_focus)
        await pilot.press("G", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, StoreScreen))
        assert strip.cursor == "disk"
        await pilot.press("escape", "g")
        await until(pilot, lambda: strip.cursor == "rx")
        while strip.cursor != "findings":
            await pilot.press("right")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WatchScreen))


async def test_the_cursor_stays_on_its_figure_while_others_come() -> None:
    source = losing()
    async with NftuiApp(source).run_test(size=(120, 40)) as pilot:
        strip = await focused(pilot)
        source.counts["kernel.dropped"] = 9
        source.recent["kernel.dropped"] = 9
        source.counts["datagrams.dropped.not_allowed"] = 3
        live(pilot.app).feed.now()  # type: ignore[arg-type]
        await until(pilot, lambda: "drops 9 (+9)" in strip.text)
        assert strip.cursor == "gaps"


async def test_a_figure_without_room_comes_into_view() -> None:
    async with NftuiApp(losing()).run_test(size=(50, 20)) as pilot:
        strip = await focused(pilot)
        assert "queue" not in strip.text
        while strip.cursor != "queue":
            await pilot.press("l")
        assert "queue" in strip.text
        await pilot.press("escape")
        await until(pilot, lambda: not strip.has_focus)
        assert "queue" not in strip.text


async def test_keys_go_back_to_the_table_and_say_so() -> None:
    async with NftuiApp(losing()).run_test(size=(120, 40)) as pilot:
        await focused(pilot)
        await until(pilot, lambda: "Enter more of this" in text_of(pilot.app))
        await pilot.press("tab")
        screen = live(pilot.app)  # type: ignore[arg-type]
        await until(pilot, lambda: screen.table.has_focus and screen.state_name == "talkers")
        row = screen.table.cursor_row
        await pilot.press("j")
        assert screen.table.cursor_row == row + 1


async def test_f6_goes_round_the_panes_that_are_shown() -> None:
    async with NftuiApp(FakeSource()).run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        await pilot.press("vertical_line")
        await until(pilot, lambda: screen.has_class("-facets") and screen.focused is not screen.table)
        seen = []
        for _ in range(4):
            await pilot.press("f6")
            seen.append(type(screen.focused).__name__)
        assert seen == ["Timeline", "HealthStrip", "FlowTable", "FacetPane"]


async def test_help_lists_the_keys_of_the_line_first() -> None:
    async with NftuiApp(losing()).run_test(size=(120, 40)) as pilot:
        await focused(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpOverlay))
        words = text_of(pilot.app)
        assert "Keys of the health line" in words
        assert words.index("The screen that says more") < words.index("The next row with the text.")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))


async def test_the_command_line_gives_it_the_keys() -> None:
    async with NftuiApp(losing()).run_test(size=(120, 40)) as pilot:
        screen = await ready(pilot)
        await pilot.press("colon", *"health", "enter")
        await until(pilot, lambda: screen.query_one(HealthStrip).has_focus)
