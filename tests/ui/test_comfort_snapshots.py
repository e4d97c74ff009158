"""Pictures of the command line and of each theme; `pytest --snapshot-update` after a look at the report."""

from __future__ import annotations

import pytest
from driving import press, ready, settle, until
from test_snapshots import SIZES, source
from textual.pilot import Pilot

from nftui.app import AppOptions, NftuiApp
from nftui.screens.command_line import CommandLine


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_command_line(snap_compare, size: tuple[int, int]):
    async def play(pilot: Pilot[int]) -> None:
        await ready(pilot)
        await settle(pilot)
        await pilot.press("colon", *"sort", "down")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandLine))
        await pilot.pause(0.2)

    assert snap_compare(NftuiApp(source()), terminal_size=size, run_before=play)


@pytest.mark.parametrize("theme", ["nftui-light", "nftui-mono", "nftui-contrast"])
def test_theme(snap_compare, theme: str):
    async def play(pilot: Pilot[int]) -> None:
        await ready(pilot)
        await press(pilot, "j", "j")

    assert snap_compare(NftuiApp(source(), AppOptions(theme)), terminal_size=(80, 24), run_before=play)
