"""Pictures of the filter line with its list and of the screen of changes, at three sizes."""

from __future__ import annotations

import pytest
from driving import ready, settle, until
from fake_source import FakeSource
from textual.pilot import Pilot

from nftui.app import NftuiApp
from nftui.screens.changes import ChangesScreen
from nftui.screens.filter_reader import FilterReader

SIZES = ((80, 24), (120, 40), (200, 50))
NAMES = FilterReader({"web": "tcp and dst port in [80 443]", "mail": "tcp and port in [25 465 587]"})


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("text", "keys"),
    [("src ip 10.0.0.0/8 and not (dst port ", ("down", "down")), ("tcp and @", ())],
    ids=["values", "saved"],
)
def test_filter_line(snap_compare, text: str, keys: tuple[str, ...], size: tuple[int, int]):
    async def play(pilot: Pilot[int]) -> None:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.extent is not None and not screen.past.busy)  # the chart's past has come
        await pilot.press("slash")
        screen.filter_bar.input.show(text[:-1])
        await pilot.press({" ": "space", "@": "at"}[text[-1]])
        await until(pilot, lambda: not screen.language.seen._asked and screen.filter_bar.list.is_open)
        await pilot.press(*keys)
        await settle(pilot)

    assert snap_compare(NftuiApp(FakeSource(), read_filter=NAMES), terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_changes(snap_compare, size: tuple[int, int]):
    source = FakeSource(seconds=400)
    source.stored.covered_then = 0.9

    async def play(pilot: Pilot[int]) -> None:
        await ready(pilot)
        await pilot.press("C")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChangesScreen) and pilot.app.screen._is_answer())
        await pilot.press("down")
        await pilot.pause()

    assert snap_compare(NftuiApp(source), terminal_size=size, run_before=play)
