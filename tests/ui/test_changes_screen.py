"""The screen of changes: two ranges side by side, other groupings and ranges, and the way to a row's flows."""

from __future__ import annotations

import threading
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from driving import live, press, ready, rows, text_of, until
from fake_source import FakeSource
from textual.pilot import Pilot

from nftui.app import NftuiApp
from nftui.engine.history.values import TimeRange
from nftui.screens.change_ranges import other_range
from nftui.screens.change_rows import growth
from nftui.screens.changes import ChangesScreen
from nftui.screens.dump_command import written_range
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.text_dialog import TextDialog

SIZE = (120, 40)
HOUR = 3_600_000
NOTHING = "Nothing is stored yet that could be compared."


async def opened(pilot: Pilot[int], *keys: str) -> ChangesScreen:
    """The screen with its answer on it."""
    screen = await ready(pilot)
    await until(pilot, lambda: screen.extent is not None)
    await pilot.press(*keys, "C")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChangesScreen))
    found = pilot.app.screen
    assert isinstance(found, ChangesScreen)
    await until(pilot, found._is_answer)
    await pilot.pause()
    return found


def values(screen: ChangesScreen, *columns: str) -> list[tuple[object, ...]]:
    data = screen.query_one(FlowTable).data
    return [tuple(data.values[column][row] for column in columns) for row in range(len(data))]


async def test_rows_stand_in_order_of_what_they_contribute():
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        request, before = source.stored.compared[-1]
        assert request.within.length_ms == before.length_ms == (source.clock.now_ms() - 1_790_000_001_000) // 2
        assert before.end_ms == request.within.start_ms
        shares = [float(share) for (share,) in values(screen, "share")]
        assert shares == sorted(shares, reverse=True)
        for kind, now, then, difference in values(screen, "change", "now", "before", "difference"):
            assert difference == now - then
            assert kind == ("new" if not then else "gone" if not now else "grown" if now > then else "shrunk")
        shown = text_of(pilot.app)
        new = screen.changes.tallies["new"].groups
        assert f"+ {new} new" in shown
        assert "the time before" in shown


async def test_enter_shows_the_flows_of_the_row_where_there_are_some():
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        kinds = [kind for (kind,) in values(screen, "change")]
        row = kinds.index("grown")
        address = values(screen, "addr")[row][0]
        screen.query_one(FlowTable).hold(screen.query_one(FlowTable).data.keys[row])
        await pilot.press("enter")
        board = live(pilot.app)
        await until(pilot, lambda: pilot.app.screen is board)
        await until(pilot, lambda: len(board.table.data) > 0 and board.trail.place.view == "flows")
        assert board.trail.place.filter == f"ip {address}"
        request, _ = source.stored.compared[-1]
        assert board.trail.place.within == request.within
        await until(pilot, lambda: all(address in pair for pair in rows(board, "src_addr", "dst_addr")))


async def test_other_groupings_measures_and_ranges():
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "4")
        assert source.stored.compared[-1][0].view == "port"
        await pilot.press("v")
        await until(pilot, screen._is_answer)
        assert [column.name for column in screen.query_one(FlowTable).columns][:2] == ["proto", "change"]
        for key, days in (("d", 1), ("w", 7)):
            await pilot.press(key)
            await until(pilot, screen._is_answer)
            request, before = source.stored.compared[-1]
            assert request.within.start_ms - before.start_ms == days * 24 * HOUR
            assert values(screen, "change") == [("new",)] * len(values(screen, "change"))
        await pilot.press("at", *"-6m", "enter")
        await until(pilot, lambda: screen.against == "typed" and screen._is_answer())
        assert source.stored.compared[-1][1].end_ms > source.stored.compared[-1][1].start_ms


async def test_both_ranges_are_copied_as_command_lines():
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        board = await ready(pilot)
        await until(pilot, lambda: board.extent is not None)
        board.trail.change(filter="port 443")
        screen = await opened(pilot, "4")
        await pilot.press("m", "y")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        ranges = (screen.comparison.within, screen.before)
        path = source.health().store_root
        assert pilot.app.clipboard.splitlines() == [
            f"nftui dump -r {path} --utc -t {written_range(within)} -s port:p/packets -n 0 'port 443'"
            for within in ranges
        ]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        screen._curtain.drawn = True
        await pilot.press("y")
        assert any("real addresses" in note.message for note in pilot.app._notifications)
        assert pilot.app.screen is screen


async def test_a_brushed_range_with_its_filter_is_what_is_compared():
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.extent is not None)
        now = source.clock.now_ms()
        within = TimeRange(now - 60_000, now - 20_000)
        screen.trail.change(filter="port 443")
        screen.look(screen.outlook.go_to(within, screen.around()))
        found = await opened(pilot)
        request, before = source.stored.compared[-1]
        assert (request.within, request.filter.text) == (within, "port 443")
        assert before == TimeRange(now - 100_000, now - 60_000)
        assert "port 443" in text_of(pilot.app)
        assert found.changes.now.matched.flows < found.changes.now.unfiltered.flows


async def test_a_gap_in_a_range_and_a_file_that_is_damaged_are_told():
    source = FakeSource(seconds=400)
    source.stored.covered_then = 0.4
    source.stored.unread = (("/store/one.parquet", "damaged"),)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert "the range before is 40 % covered: new or gone may mean not seen" in text_of(pilot.app)
        assert "1 file not read: one.parquet damaged; the range" in text_of(pilot.app)


async def test_a_long_question_shows_how_far_it_is_and_can_be_given_up():
    source = FakeSource(seconds=400)
    async with NftuiApp(source).run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        before = values(screen, "addr")
        await until(pilot, lambda: not screen._past.busy)
        source.stored.gate = threading.Event()
        await pilot.press("v")
        await until(pilot, lambda: screen._past.slow and "comparing 42 %" in text_of(pilot.app))
        await pilot.press("enter")  # the rows are of another question
        assert isinstance(pilot.app.screen, ChangesScreen)
        await pilot.press("escape")
        await until(pilot, lambda: "given up" in text_of(pilot.app))
        assert values(screen, "addr") == before
        await until(pilot, lambda: source.stored.cancelled == 1)
        source.stored.gate.set()
        await pilot.press("escape")
        assert pilot.app.screen is live(pilot.app)


async def test_without_anything_stored_there_is_nothing_to_compare():
    async with NftuiApp(FakeSource(empty=True)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await press(pilot, "C")
        await until(pilot, lambda: [n.message for n in pilot.app._notifications] == [NOTHING])
        assert pilot.app.screen is live(pilot.app)


@pytest.mark.parametrize(
    ("against", "start", "expected"),
    [("previous", 10 * HOUR, 9 * HOUR), ("yesterday", 48 * HOUR, 24 * HOUR), ("week", 200 * HOUR, 32 * HOUR)],
)
def test_ranges_to_compare_with(against: str, start: int, expected: int):
    found = other_range(TimeRange(start, start + HOUR), against, UTC)
    assert found == TimeRange(expected, expected + HOUR)


def test_the_same_time_yesterday_goes_by_the_clock_on_the_wall():
    zurich = ZoneInfo("Europe/Zurich")
    noon = 1_774_778_400_000  # 2026-03-29 12:00 in Zurich, the day on which summer time begins
    assert other_range(TimeRange(noon, noon + HOUR), "yesterday", zurich).start_ms == noon - 23 * HOUR


@pytest.mark.parametrize(
    ("now", "before", "words"), [(5, 4, "+25 %"), (0, 4, "-100 %"), (48, 4, "x12"), (3, 0, ""), (4, 4, "+0 %")]
)
def test_growth_in_words(now: float, before: float, words: str):
    assert growth(now, before) == words
