"""Pictures of each screen at three sizes; `pytest --snapshot-update` after a look at the report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from driving import press, ready, settle, until
from fake_source import FakeSource
from textual.pilot import Pilot

from nftui.app import AppOptions, NftuiApp
from nftui.engine.live.snapshot import LiveRequest
from nftui.widgets.empty_state import EmptyState

SIZES = ((80, 24), (120, 40), (200, 50))
Scene = Callable[[Pilot[int]], Awaitable[None]]


def source(empty: bool = False) -> FakeSource:
    """Five minutes of traffic, watched from the start."""
    made = FakeSource(seconds=0, empty=empty)
    for _ in range(0 if empty else 240):
        made.advance()
        made.snapshot(LiveRequest(limit=1))
    return made


def scene(*keys: str) -> Scene:
    async def play(pilot: Pilot[int]) -> None:
        screen = await ready(pilot)
        await press(pilot, *keys)
        if "enter" in keys and "9" in keys:
            await until(pilot, lambda: screen.detail.has_class("-open"))
        await settle(pilot)

    return play


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "play",
    [
        pytest.param(scene(), id="hosts"),
        pytest.param(scene("3", "j", "j"), id="flows"),
        pytest.param(scene("9", "j", "enter", "j"), id="detail"),
        pytest.param(scene("slash", *"port 53 and prot"), id="filter-error"),
    ],
)
def test_screen(snap_compare, play: Scene, size: tuple[int, int]):
    assert snap_compare(NftuiApp(source()), terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_waiting(snap_compare, size: tuple[int, int]):
    async def play(pilot: Pilot[int]) -> None:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.query_one(EmptyState).has_class("-open"))
        await settle(pilot)

    assert snap_compare(NftuiApp(source(empty=True)), terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["question_mark", "e"], ids=["help", "exporters"])
def test_other_screens(snap_compare, key: str, size: tuple[int, int]):
    async def play(pilot: Pilot[int]) -> None:
        await ready(pilot)
        await pilot.press(key)
        await pilot.pause(0.6)

    assert snap_compare(NftuiApp(source()), terminal_size=size, run_before=play)


def test_ascii_and_light_theme(snap_compare):
    options = AppOptions(theme="nftui-light", ascii_only=True)
    assert snap_compare(NftuiApp(source(), options), terminal_size=(80, 24), run_before=scene("j"))
