"""The cursor of the flow list stays on its flow when the table turns from now to a range of time, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from compaction import write
from driving import live, ready, until
from fake_source import FakeSource
from past import past_flows
from store_samples import NOON_MS
from textual.pilot import Pilot

from nftui.app import NftuiApp
from nftui.engine.clock import ManualClock
from nftui.engine.history.history import History
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.parser import parse_filter
from nftui.screens.carrying import flow_term
from nftui.screens.live import LiveScreen

_NAMES = ("time_received_ms", "src_addr", "src_port", "dst_addr", "dst_port", "bytes")


def under_cursor(screen: LiveScreen) -> tuple[object, ...]:
    """What identifies the flow under the cursor."""
    return tuple(screen.table.value(name) for name in _NAMES)


async def shows(pilot: Pilot[int], within: object) -> None:
    """Wait for the rows of a time."""
    screen = live(pilot.app)  # type: ignore[arg-type]
    await until(
        pilot,
        lambda: (
            screen.snapshot is not None
            and screen.snapshot.request.within == within
            and screen.trail.place.within == within
            and not screen.past.busy
        ),
    )


@pytest.mark.parametrize("sort", ["", "bytes"])
async def test_from_now_to_then_and_back(sort: str) -> None:
    async with NftuiApp(FakeSource(seconds=60, rate=40)).run_test(size=(140, 30)) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.extent is not None)
        await pilot.press("9")
        await until(pilot, lambda: screen.snapshot is not None and screen.snapshot.request.view == "flows")
        if sort:
            screen._sort(sort, True)
            await until(pilot, lambda: screen.table.sort == sort and screen.snapshot.request.sort == sort)  # type: ignore[union-attr]
        await pilot.press("pagedown", "pagedown", "j")
        await pilot.pause()
        flow = under_cursor(screen)
        assert screen.table.cursor_row > 20
        await pilot.press("shift+home")
        await until(pilot, lambda: screen.trail.place.within is not None)
        await shows(pilot, screen.trail.place.within)
        await until(pilot, lambda: under_cursor(screen) == flow)
        await pilot.press("j")
        other = under_cursor(screen)
        assert other != flow
        await pilot.press("full_stop")
        await shows(pilot, None)
        await until(pilot, lambda: under_cursor(screen) == other)


async def test_a_flow_of_another_time_is_not_looked_for_for_ever() -> None:
    async with NftuiApp(FakeSource(seconds=60, rate=40)).run_test(size=(140, 30)) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.extent is not None)
        await pilot.press("9", "j")
        await until(pilot, lambda: screen.snapshot is not None and screen.snapshot.request.view == "flows")
        await pilot.press("j", "left_square_bracket")
        await until(pilot, lambda: screen.trail.place.within is not None)
        within = screen.trail.place.within
        await shows(pilot, within)
        assert within is not None
        assert within.start_ms <= int(str(under_cursor(screen)[0])) < within.end_ms


def test_the_words_of_a_live_row_find_the_stored_flow(tmp_path: Path) -> None:
    """Live window and store, with the same flows: each row is found in the other by what it says of itself."""
    flows = past_flows(11, 60, opposite=True)
    flows.columns["time_received_ms"] = NOON_MS - 20_000 + np.arange(60, dtype=np.int64) * 7
    flows.columns["time_flow_start_ms"] = np.full(60, NOON_MS - 25_000)
    flows.columns["time_flow_end_ms"] = np.full(60, NOON_MS - 21_000)
    window = LiveWindow(ManualClock(NOON_MS))
    window.add(flows)
    write(tmp_path, flows)
    history = History([str(tmp_path)], clock=ManualClock(NOON_MS + 1000))
    within = TimeRange(NOON_MS - 30_000, NOON_MS)
    sides = {None: window.snapshot, within: history.snapshot}
    try:
        for here, there in ((None, within), (within, None)):
            shown = sides[here](LiveRequest("flows", limit=60, within=here))
            assert len(shown) == 60
            for row in (0, 17, 59):
                term = flow_term(lambda name, row=row, shown=shown: shown.values[name][row])  # type: ignore[misc]
                asked = LiveRequest("flows", parse_filter(term), limit=5, within=there)
                found = sides[there](asked)
                assert len(found) == 1, term
                assert found.values["bytes"][0] == shown.values["bytes"][row]
                again = sides[there](
                    LiveRequest("flows", sort="bytes", limit=3, anchor=int(found.keys[0]), within=there)
                )
                assert int(found.keys[0]) in again.keys.tolist()
    finally:
        history.close()
