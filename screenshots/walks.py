"""Scenes of docs/walkthroughs.md: four jobs over an hour with an incident in it."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from driving import ready, rows, until
from incident import MINUTE_MS, PARTNER, TEN_MS, VICTIM, incident_store
from textual.pilot import Pilot

from nftui.screens.live import LiveScreen
from nftui.screens.recording import RecordedSource
from nftui.screens.watch import WatchScreen


@cache
def _recorded() -> Path:
    return incident_store(Path(mkdtemp()) / "flows")


def recording() -> RecordedSource:
    """The hour, played."""
    return RecordedSource([str(_recorded())], 4)


async def _begun(pilot: Pilot[int]) -> LiveScreen:
    screen = await ready(pilot)
    await until(pilot, lambda: screen.extent is not None and len(screen.table.data) > 0, 60)
    return screen


async def _quiet(pilot: Pilot[int], screen: LiveScreen) -> None:
    await pilot.pause(0.5)
    await until(pilot, lambda: not screen.past.busy, 60)
    await pilot.pause(0.5)


async def bandwidth(pilot: Pilot[int]) -> None:
    """Who eats it now."""
    screen = await _begun(pilot)
    pilot.app.source.seek(TEN_MS + 43 * MINUTE_MS)  # type: ignore[attr-defined]
    await until(pilot, lambda: rows(screen, "addr")[:1] in ([(VICTIM,)], [(PARTNER,)]), 60)
    await pilot.press("space")
    await _quiet(pilot, screen)


async def indicator(pilot: Pilot[int]) -> None:
    """Everything that one address ever did."""
    screen = await _begun(pilot)
    await pilot.press("space", "at", *"10:00..11:00", "enter")
    await _quiet(pilot, screen)
    await pilot.press("slash", *f"ip {PARTNER}", "enter", "9")
    await _quiet(pilot, screen)


async def timeline(pilot: Pilot[int]) -> None:
    """Everything that the host did, and the part that is looked at."""
    screen = await _begun(pilot)
    await pilot.press("space", "at", *"10:00..11:00", "enter")
    await _quiet(pilot, screen)
    await pilot.press("slash", *f"ip {VICTIM}", "enter", "at", *"10:40..10:46", "enter")
    await _quiet(pilot, screen)


async def attack(pilot: Pilot[int]) -> None:
    """What marks a flood."""
    await _begun(pilot)
    source = pilot.app.source  # type: ignore[attr-defined]
    source.seek(TEN_MS + 50 * MINUTE_MS + 40_000)
    await until(pilot, lambda: any(found.kind == "flood" for found in source.watch().findings), 120)
    await pilot.press("w")
    await until(pilot, lambda: isinstance(pilot.app.screen, WatchScreen))
    await pilot.pause(1.2)
    flood = next(place for place, found in enumerate(source.watch().findings) if found.kind == "flood")
    await pilot.press(*["down"] * flood)
