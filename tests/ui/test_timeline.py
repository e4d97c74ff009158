"""Looking at other times: brush, zoom, going to a time and back, bookmarks, mouse, answers that take long."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from driving import press, rows, settle, text_of, until
from driving import ready as shown_first
from fake_source import FakeSource
from textual.pilot import Pilot

from nftui.app import AppOptions, NftuiApp
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.screens.live import LiveScreen
from nftui.widgets.ribbon import Ribbon
from nftui.widgets.time_dialogs import TimePrompt

SIZE = (120, 40)
SECONDS = 600


def source() -> FakeSource:
    """Ten minutes of traffic in the past, forty seconds in the window."""
    return FakeSource(seconds=SECONDS, rate=30)


async def ready(pilot: Pilot[int]) -> LiveScreen:
    """The live screen that knows how far the past reaches."""
    screen = await shown_first(pilot)
    await until(pilot, lambda: screen.extent is not None or screen.source.stored is None)  # type: ignore[attr-defined]
    return screen


def chip(screen: LiveScreen) -> str:
    return screen.query_one("#totals", Ribbon).text.strip().split("  ")[-1].strip()


def line(screen: LiveScreen) -> str:
    return screen.query_one("#totals", Ribbon).text


def brush(screen: LiveScreen) -> tuple[float, float] | None:
    """The range of the table, in seconds before now."""
    within = screen.trail.place.within
    return within and ((screen.now_ms - within.start_ms) / 1000, (screen.now_ms - within.end_ms) / 1000)


async def answered(pilot: Pilot[int], screen: LiveScreen) -> None:
    """The table shows the present range, and the past has nothing left to do."""
    await until(pilot, lambda: not screen.past.busy)
    await until(
        pilot, lambda: screen.snapshot is not None and screen.snapshot.request.within == screen.trail.place.within
    )


async def tap(pilot: Pilot[int], screen: LiveScreen, *keys: str) -> None:
    """Press keys, and wait for what they ask for."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    await answered(pilot, screen)


def start_of(fake: FakeSource, seconds: float) -> int:
    """UTC ms of so many seconds before now."""
    return fake.clock.now_ms() - round(seconds * 1000)


async def test_the_brush_is_what_everything_is_about():
    fake = source()
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await tap(pilot, screen, "left_square_bracket")
        assert brush(screen) == (60, 30)
        assert chip(screen) == "HISTORY"
        assert "30 s" in line(screen)
        assert "UTC" in line(screen)
        expected = fake.stored.snapshot(screen.request())  # type: ignore[union-attr]
        assert rows(screen, "addr", "bytes")[:20] == list(
            zip(expected.values["addr"][:20], expected.values["bytes"][:20], strict=True)
        )
        # Flows, and one of them: of that time too.
        await tap(pilot, screen, "9")
        times = [value for (value,) in rows(screen, "time_received_ms")]
        assert times
        assert all(start_of(fake, 60) <= time_ms < start_of(fake, 30) for time_ms in times)
        await pilot.press("enter")
        await until(pilot, lambda: screen.detail.has_class("-open"))
        await pilot.press("escape")
        # The filter stays while the time changes, and the time while the filter changes.
        await tap(pilot, screen, "slash", *"port 53", "enter", "1", "left_square_bracket")
        assert (screen.trail.place.filter, brush(screen)) == ("port 53", (90, 60))
        await pilot.press("full_stop")
        await settle(pilot)
        assert (chip(screen), screen.trail.place.filter) == ("LIVE", "port 53")


async def test_the_cursor_stays_on_its_row_from_now_to_then():
    fake = source()
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("j", "j", "j")
        row = screen.table.value("addr")
        await tap(pilot, screen, "left_square_bracket")
        past = rows(screen, "addr")
        assert screen.table.value("addr") == row
        assert past.index((row,)) == screen.table.cursor_row


async def test_shift_arrows_brush_from_the_table():
    async with NftuiApp(source()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await tap(pilot, screen, "shift+left", "shift+left", "shift+left")
        # Buckets are of a second; the last one ends now.
        assert brush(screen) == (4, 0)
        await tap(pilot, screen, "ctrl+left", "ctrl+left", "H", "H", "shift+left")
        assert brush(screen) == (9, 7)
        await tap(pilot, screen, "L", "shift+right")
        assert brush(screen) == (9, 6)
        await tap(pilot, screen, "shift+home")
        frame = screen.outlook.frame
        assert frame is not None
        assert screen.trail.place.within is not None
        assert screen.trail.place.within.start_ms == frame.start_ms
        # All of that was one visit.
        await pilot.press("alt+left")
        await settle(pilot)
        assert chip(screen) == "LIVE"


async def test_zooming_and_the_way_back():
    async with NftuiApp(source()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await tap(pilot, screen, "Z", "Z")
        assert screen.outlook.frame is None
        assert (screen.outlook.length_ms, chip(screen)) == (300_000, "LIVE")
        await tap(pilot, screen, "left_square_bracket", "z")
        frame = screen.outlook.frame
        assert frame == screen.trail.place.within
        assert [request.within for request in screen.source.stored.timelines][-1] == frame  # type: ignore[attr-defined]
        await tap(pilot, screen, "left_square_bracket", "alt+left")
        assert brush(screen) == (60, 30)
        await tap(pilot, screen, "alt+left", "alt+left")
        assert screen.outlook.frame is None
        await tap(pilot, screen, "alt+right", "alt+right", "alt+right")
        assert brush(screen) == (90, 60)
        await pilot.press("alt+right")
        await until(pilot, lambda: any("last one" in note.message for note in pilot.app._notifications))


async def test_going_to_a_typed_time():
    fake = source()
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("at", *"noon", "enter")
        assert isinstance(pilot.app.screen, TimePrompt)
        assert "not understood" in text_of(pilot.app)  # type: ignore[arg-type]
        await pilot.press(*["backspace"] * 4, *"-5m", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await answered(pilot, screen)
        assert brush(screen) == (300, 0)
        await pilot.press("at", *"2020-01-01", "enter")
        assert "nothing is stored there" in text_of(pilot.app)  # type: ignore[arg-type]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert brush(screen) == (300, 0)
        await pilot.press("at", *"now", "enter")
        await until(pilot, lambda: screen.trail.place.within is None)


async def test_bookmarks():
    async with NftuiApp(source()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await tap(pilot, screen, "left_square_bracket", "left_square_bracket")
        await pilot.press("m", "a")
        await until(pilot, lambda: pilot.app.screen is screen)
        await tap(pilot, screen, "left_square_bracket", "left_square_bracket")
        assert brush(screen) == (150, 120)
        await pilot.press("apostrophe", "a")
        await until(pilot, lambda: pilot.app.screen is screen)
        await answered(pilot, screen)
        assert brush(screen) == (90, 60)
        await pilot.press("apostrophe", "apostrophe")
        await until(pilot, lambda: brush(screen) == (150, 120))
        await pilot.press("apostrophe", "x")
        await until(pilot, lambda: any("m x" in note.message for note in pilot.app._notifications))
        await pilot.press("apostrophe")
        assert "m " not in text_of(pilot.app).splitlines()[-1]  # type: ignore[arg-type]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert brush(screen) == (150, 120)


async def test_the_mouse_brushes_points_and_zooms():
    async with NftuiApp(source()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        chart = screen.chart
        columns = chart.columns
        right = 7 + columns
        await pilot.mouse_down("#chart", offset=(right - 40, 3))
        await pilot.hover("#chart", offset=(right - 30, 3))
        await pilot.hover("#chart", offset=(right - 20, 3))
        await pilot.mouse_up("#chart", offset=(right - 20, 3))
        await answered(pilot, screen)
        found = brush(screen)
        assert found is not None
        assert (round(found[0]), round(found[1])) == (39, 18)
        assert screen.table.has_focus
        frame = screen.outlook.frame
        assert frame is not None
        await pilot.click("#chart", offset=(7, 3))
        assert screen.outlook.cursor_ms is not None
        assert abs(screen.outlook.cursor_ms - frame.start_ms) <= 1000
        assert brush(screen) == found
        await pilot._post_mouse_events([_wheel()], "#chart", offset=(60, 3), button=0)
        await until(pilot, lambda: screen.outlook.frame != frame)
        assert screen.outlook.frame is not None
        assert screen.outlook.frame.length_ms == frame.length_ms // 2


def _wheel() -> type:
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_an_answer_that_takes_long_is_seen_and_can_be_given_up():
    fake = source()
    assert fake.stored is not None
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await tap(pilot, screen, "left_square_bracket")
        shown = screen.snapshot
        fake.stored.gate.clear()
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "42 %" in line(screen))
        assert "Esc gives up" in line(screen)
        assert screen.snapshot is shown
        # What is live goes on meanwhile.
        asked = len(fake.requests)
        await until(pilot, lambda: len(fake.requests) > asked + 1)
        await pilot.press("escape")
        await until(pilot, lambda: fake.stored is not None and fake.stored.cancelled > 0)
        await until(pilot, lambda: "42 %" not in line(screen))
        assert brush(screen) == (60, 30)
        fake.stored.gate.set()
        await tap(pilot, screen, "left_square_bracket")
        assert brush(screen) == (90, 60)


async def test_a_new_question_takes_the_place_of_the_one_before():
    fake = source()
    assert fake.stored is not None
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: not screen.past.busy)
        fake.stored.gate.clear()
        for _ in range(5):
            await pilot.press("left_square_bracket")
        await until(pilot, lambda: fake.stored is not None and fake.stored.cancelled > 0)
        fake.stored.gate.set()
        await answered(pilot, screen)
        assert brush(screen) == (180, 150)
        assert screen.snapshot is not None
        assert screen.snapshot.request.within == screen.trail.place.within
        # Those in between were never answered.
        assert fake.stored.cancelled == len(fake.stored.snapshots) - 1


async def test_leaving_the_past_with_escape_step_by_step():
    async with NftuiApp(source()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await tap(pilot, screen, "left_square_bracket", "enter")
        assert screen.trail.place.view == "flows"
        await tap(pilot, screen, "escape")
        assert (screen.trail.place.view, brush(screen)) == ("host", (60, 30))
        await pilot.press("escape")
        await settle(pilot)
        assert (brush(screen), chip(screen)) == (None, "LIVE")


async def test_keys_of_the_timeline_itself():
    async with NftuiApp(source()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        lines = screen.chart.size.height
        await pilot.press("backslash")
        await until(pilot, lambda: screen.chart.has_focus and screen.chart.size.height > lines)
        await pilot.press("left", "left", "left")
        assert screen.outlook.cursor_ms == (screen.now_ms - 1) // 1000 * 1000 - 3000
        assert "+1 s" in text_of(pilot.app)  # type: ignore[arg-type]
        await tap(pilot, screen, "shift+left", "enter")
        assert screen.outlook.frame is not None
        assert screen.outlook.frame.length_ms == 10_000
        await tap(pilot, screen, "backspace")
        assert screen.outlook.frame.length_ms == screen.chart.columns * 1000
        await pilot.press("tab")
        await until(pilot, lambda: screen.table.has_focus and screen.chart.size.height == lines)


async def test_layers_and_measures():
    fake = source()
    assert fake.stored is not None
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        wanted = []
        for key in ("b", "b", "b", "b", "B", "B"):
            await tap(pilot, screen, key)
            wanted.append((fake.stored.timelines[-1].by, fake.stored.timelines[-1].measure))
        kinds = ["port", "exporter", "interface"]
        assert wanted[:3] == [(kind, "bytes") for kind in kinds]
        assert wanted[4:] == [("proto", "packets"), ("proto", "flows")]
        assert screen.chart.data is not None
        assert screen.chart.data.unit == "flow/s"


async def test_the_live_chart_is_filled_from_the_past_after_a_change_of_filter():
    fake = source()
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "slash", *"proto udp", "enter")
        await until(pilot, lambda: not screen.past.busy)
        await until(pilot, lambda: screen.chart.data is not None and list(screen.chart.data.labels) == ["UDP"])
        data = screen.chart.data
        assert data is not None
        known = data.by_column(screen.chart.columns)[0]
        assert (known[:-1] > 0).mean() > 0.9  # not only the thirty seconds that the window remembers
        assert chip(screen) == "LIVE"


async def test_a_source_without_a_past_says_so():
    fake = source()
    fake.stored = None
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "no store here" in screen.problem)
        await pilot.press("full_stop")
        await settle(pilot)
        assert chip(screen) == "LIVE"


async def test_a_past_that_fails_says_why_and_the_present_goes_on():
    fake = source()
    assert fake.stored is not None

    def fail(request: object) -> None:
        raise OSError(5, "Input/output error")

    fake.stored.snapshot = fail  # type: ignore[assignment]
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "Input/output error" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press("full_stop")
        await settle(pilot)
        assert "Input/output error" not in text_of(pilot.app)  # type: ignore[arg-type]


async def test_an_answer_that_fails_in_a_way_nobody_foresaw_is_told_and_the_screen_goes_on():
    fake = source()
    assert fake.stored is not None
    answer, fails = fake.stored.snapshot, [True]

    def fail(request: LiveRequest) -> LiveSnapshot:
        if fails:
            class_of_a_library = type("InterruptException", (Exception,), {})
            raise class_of_a_library("in the middle of something")
        return answer(request)

    fake.stored.snapshot = fail  # type: ignore[method-assign]
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "no answer: InterruptException: in the middle of something" in screen.problem)
        fails.clear()
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: screen.problem == "" and chip(screen) == "HISTORY")


async def test_raw_counters_are_marked_for_as_long_as_they_are_shown():
    async with NftuiApp(source()).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert "UNSCALED" not in line(screen)
        await press(pilot, "u")
        await until(pilot, lambda: "UNSCALED" in line(screen))
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: chip(screen) == "HISTORY" and "UNSCALED" in line(screen))
        await press(pilot, "u")
        await until(pilot, lambda: "UNSCALED" not in line(screen))


async def test_files_that_could_not_be_read_are_named():
    fake = source()
    damaged = ("/store/date=2026-10-01/hour=12/nf-\x1b[7m.parquet", "damaged")
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await tap(pilot, screen, "left_square_bracket")
        assert "not read" not in text_of(pilot.app)
        fake.stored.unread = (damaged,)  # type: ignore[union-attr]
        await tap(pilot, screen, "left_square_bracket")
        await until(pilot, lambda: "1 file not read: nf-" in text_of(pilot.app))
        assert ".parquet damaged" in text_of(pilot.app)
        fake.stored.unread = (damaged, ("/store/b", "gone"))  # type: ignore[union-attr]
        await until(pilot, lambda: "2 files not read: nf-" in text_of(pilot.app))
        fake.stored.unread = ()  # type: ignore[union-attr]
        await until(pilot, lambda: "not read" not in text_of(pilot.app))
        fake.stored.far = 3  # type: ignore[union-attr]
        await until(pilot, lambda: "the times of 3 flows are more than a day from when they came" in text_of(pilot.app))


async def test_the_past_rests_when_nothing_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nftui.screens.inquiry._REST_SECONDS", 0.05)
    fake = source()
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await tap(pilot, screen, "left_square_bracket")
        rested = fake.stored.rested  # type: ignore[union-attr]
        await tap(pilot, screen, "left_square_bracket")
        await until(pilot, lambda: fake.stored.rested > rested)  # type: ignore[union-attr]


async def test_an_empty_store():
    fake = FakeSource(empty=True)
    async with NftuiApp(fake).run_test(size=SIZE) as pilot:
        screen = await shown_first(pilot)
        await tap(pilot, screen, "left_square_bracket", "Z", "z")
        assert chip(screen) == "HISTORY"
        assert screen.snapshot is not None
        assert screen.snapshot.rows_total == 0


def _scene(keys: tuple[str, ...], ready_when: Callable[[LiveScreen], bool] = lambda _: True):
    async def play(pilot: Pilot[int]) -> None:
        screen = await ready(pilot)
        await tap(pilot, screen, *keys)
        await until(pilot, lambda: ready_when(screen))
        await settle(pilot)

    return play


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_a_brushed_range(snap_compare, size: tuple[int, int]):
    keys = ("Z", "Z", "left_square_bracket", "left_square_bracket", "H")
    assert snap_compare(NftuiApp(source()), terminal_size=size, run_before=_scene(keys))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_with_holes_and_losses(snap_compare, size: tuple[int, int]):
    fake = source()
    assert fake.stored is not None
    now = fake.clock.now_ms()
    fake.stored.holes.append(TimeRange(now - 260_000, now - 200_000))
    fake.stored.losses.append(TimeRange(now - 120_000, now - 110_000))
    options = AppOptions(ascii_only=size[0] == 80)
    keys = ("Z", "Z", "left_square_bracket", "backslash", "b")
    assert snap_compare(NftuiApp(fake, options), terminal_size=size, run_before=_scene(keys))
