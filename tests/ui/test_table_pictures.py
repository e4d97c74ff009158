"""Pictures of the views, panes and dialogs of the tables at three sizes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from driving import press, ready, settle, until
from fake_source import FakeSource
from textual.pilot import Pilot

from nftui.app import NftuiApp
from nftui.engine.live.snapshot import LiveRequest
from nftui.screens.exporting import Exporting
from nftui.widgets.facets import FacetPane

SIZES = ((80, 24), (120, 40), (200, 50))
Scene = Callable[[Pilot[int]], Awaitable[None]]


def source() -> FakeSource:
    """A minute of traffic, watched from the start."""
    made = FakeSource(seconds=0)
    for _ in range(60):
        made.advance()
        made.snapshot(LiveRequest(limit=1))
    return made


def dialog(*keys: str) -> Scene:
    async def play(pilot: Pilot[int]) -> None:
        await ready(pilot)
        await settle(pilot)
        await pilot.press(*keys)
        await pilot.pause(0.2)

    return play


async def conversations(pilot: Pilot[int]) -> None:
    screen = await ready(pilot)
    screen.action_view("conversation")
    await press(pilot, "j", "l")


async def facets(pilot: Pilot[int]) -> None:
    screen = await ready(pilot)
    await pilot.press("vertical_line")
    await until(pilot, lambda: bool(screen.query(FacetPane)) and bool(screen.query_one(FacetPane).facets))
    pane = screen.query_one(FacetPane)
    await until(pilot, lambda: not any(facet.note for facet in pane.facets))
    await pilot.press("j", "j")
    await settle(pilot)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "play",
    [
        pytest.param(conversations, id="conversations"),
        pytest.param(facets, id="facets"),
        pytest.param(dialog("V", "j", "j", "space"), id="columns"),
        pytest.param(dialog("v", *"port"), id="views"),
        pytest.param(dialog("y"), id="command"),
        pytest.param(dialog("ctrl+s", "down"), id="file"),
    ],
)
def test_table(snap_compare, monkeypatch: pytest.MonkeyPatch, play: Scene, size: tuple[int, int]):
    monkeypatch.setattr(Exporting, "proposal", lambda _: "nftui-hosts-20260921-141400")
    assert snap_compare(NftuiApp(source()), terminal_size=size, run_before=play)
