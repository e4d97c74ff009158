"""Helpers that drive the application in tests."""

from __future__ import annotations

from collections.abc import Callable

from fake_source import FakeSource
from textual.pilot import Pilot

from nftui.app import NftuiApp
from nftui.screens.live import LiveScreen


async def until(pilot: Pilot[int], condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something; fail when it does not come."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not happen in time")


def live(app: NftuiApp) -> LiveScreen:
    """The live screen, wherever it is in the stack."""
    return next(screen for screen in app.screen_stack if isinstance(screen, LiveScreen))


async def ready(pilot: Pilot[int]) -> LiveScreen:
    """The live screen with its first snapshot on it."""
    app = pilot.app
    assert isinstance(app, NftuiApp)
    await until(pilot, lambda: any(isinstance(s, LiveScreen) and s.snapshot is not None for s in app.screen_stack))
    return live(app)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys and wait for the snapshot that answers them."""
    source = pilot.app.source  # type: ignore[attr-defined]
    assert isinstance(source, FakeSource)
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def settle(pilot: Pilot[int]) -> None:
    """Wait until a snapshot that was asked for after now is on the screen."""
    screen = live(pilot.app)  # type: ignore[arg-type]
    source = pilot.app.source  # type: ignore[attr-defined]
    asked = len(source.requests)
    screen.feed.now()
    await until(pilot, lambda: len(source.requests) > asked and not screen.feed.busy)
    await pilot.pause()


def rows(screen: LiveScreen, *columns: str) -> list[tuple[object, ...]]:
    """Values of the table's rows."""
    data = screen.table.data
    return [tuple(data.values[column][row] for column in columns) for row in range(len(data))]


def text_of(app: NftuiApp) -> str:
    """What stands on the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
