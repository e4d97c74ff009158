"""Brush, frame and cursor: what each key makes of them."""

from __future__ import annotations

from nftui.engine.history.values import TimeRange
from nftui.screens.outlook import FRAMES, Outlook, Surroundings, grain

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_790_000_000_000 // DAY * DAY + 12 * HOUR
AROUND = Surroundings(TimeRange(NOW - 10 * DAY, NOW), 60, 30_000, NOW)
LIVE = Outlook(MINUTE)


def ago(span: TimeRange | None) -> tuple[int, int] | None:
    """A range in seconds before now."""
    return span and ((NOW - span.start_ms) // 1000, (NOW - span.end_ms) // 1000)


def test_the_live_frame_has_a_column_for_each_second_and_ends_behind_now():
    assert LIVE.shown(AROUND) == TimeRange(NOW - 59_000, NOW + 1000)
    assert ago(LIVE.selected(AROUND)) == (30, 0)


def test_the_brush_begins_at_the_end_of_the_frame():
    one = LIVE.extend(-1, AROUND)
    assert ago(one.brush) == (2, 0)
    assert one.frame == TimeRange(NOW - 59_000, NOW + 1000)  # it stands still now
    three = one.extend(-1, AROUND).extend(-1, AROUND)
    assert ago(three.brush) == (4, 0)
    assert ago(three.extend(1, AROUND).brush) == (3, 0)


def test_the_brush_turns_round_at_its_other_end():
    outlook = LIVE.move(-10, AROUND)
    assert (outlook.brush, outlook.cursor_ms) == (None, NOW - 11_000)
    right = outlook.extend(1, AROUND).extend(1, AROUND)
    assert ago(right.brush) == (11, 8)
    left = right
    for _ in range(4):
        left = left.extend(-1, AROUND)
    assert ago(left.brush) == (13, 10)


def test_a_cursor_elsewhere_begins_a_new_brush():
    outlook = LIVE.extend(-5, AROUND).move(-20, AROUND)
    assert ago(outlook.brush) == (6, 0)
    assert ago(outlook.extend(-1, AROUND).brush) == (27, 25)


def test_brush_to_the_ends_of_the_frame():
    outlook = LIVE.move(-10, AROUND)
    assert ago(outlook.extend_to(-1, AROUND).brush) == (59, 10)
    assert ago(outlook.extend_to(1, AROUND).brush) == (11, 0)


def test_steps_are_as_long_as_the_brush_and_end_in_the_present():
    first = LIVE.step(-1, AROUND)
    assert ago(first.brush) == (60, 30)
    second = first.step(-1, AROUND)
    assert ago(second.brush) == (90, 60)
    assert second.frame is not None
    assert second.frame.start_ms <= second.brush.start_ms  # type: ignore[union-attr]
    assert ago(second.step(1, AROUND).brush) == (60, 30)
    assert ago(first.step(1, AROUND).brush) == (30, 0)
    assert first.step(1, AROUND).step(1, AROUND) == LIVE


def test_the_oldest_brush_is_as_long_as_the_others():
    oldest = LIVE.go_to(TimeRange(NOW - 10 * DAY + 10_000, NOW - 10 * DAY + 40_000), AROUND).step(-1, AROUND)
    assert oldest.brush == TimeRange(NOW - 10 * DAY, NOW - 10 * DAY + 30_000)
    assert oldest.step(-1, AROUND).brush == oldest.brush


def test_zooming_in_fills_the_frame_and_zooming_out_returns():
    outlook = LIVE.go_to(TimeRange(NOW - HOUR, NOW - HOUR + 2 * MINUTE), AROUND)
    assert outlook.frame is not None
    assert outlook.frame.length_ms == 15 * MINUTE
    closer = outlook.zoom_in(AROUND)
    assert closer.frame == outlook.brush
    assert closer.zoom_in(AROUND) == closer
    assert closer.zoom_out(AROUND).frame == outlook.frame
    assert closer.zoom_out(AROUND).zoom_out(AROUND).frame.length_ms == 30 * MINUTE  # type: ignore[union-attr]


def test_the_present_is_zoomed_without_leaving_it():
    wider = LIVE.zoom_out(AROUND).zoom_out(AROUND)
    assert (wider.length_ms, wider.frame, wider.brush) == (5 * MINUTE, None, None)
    assert wider.shown(AROUND).end_ms == NOW + 5000  # buckets of 5 s
    assert wider.zoom_in(AROUND).zoom_in(AROUND).zoom_in(AROUND).length_ms == 30_000


def test_a_short_brush_is_shown_in_ten_seconds():
    outlook = LIVE.go_to(TimeRange(NOW - HOUR, NOW - HOUR + 1000), AROUND).zoom_in(AROUND)
    assert outlook.brush == TimeRange(NOW - HOUR, NOW - HOUR + 1000)
    assert outlook.frame == TimeRange(NOW - HOUR - 4500, NOW - HOUR + 5500)


def test_the_wheel_keeps_the_time_under_the_mouse():
    outlook = LIVE.go_to(TimeRange(NOW - DAY, NOW - DAY + 2 * MINUTE), AROUND)
    assert outlook.frame is not None
    pointed = outlook.frame.start_ms + outlook.frame.length_ms // 4
    closer = outlook.zoom_at(pointed, False, AROUND)
    assert closer.frame is not None
    assert closer.frame.length_ms == outlook.frame.length_ms // 2
    assert pointed - closer.frame.start_ms == closer.frame.length_ms // 4
    assert closer.zoom_at(pointed, True, AROUND).frame == outlook.frame


def test_a_cursor_that_leaves_the_frame_takes_it_along():
    outlook = LIVE
    for _ in range(100):
        outlook = outlook.move(-1, AROUND)
    assert outlook.cursor_ms == NOW - 101_000
    assert outlook.frame is not None
    assert outlook.frame.start_ms <= outlook.cursor_ms
    assert outlook.frame.length_ms == 60_000
    assert outlook.brush is None


def test_years_fit_into_a_frame():
    around = Surroundings(TimeRange(NOW - 800 * DAY, NOW), 60, 30_000, NOW)
    outlook = LIVE.go_to(around.bounds, around)
    assert outlook.brush == around.bounds
    assert outlook.frame == around.bounds
    assert grain(outlook.frame.length_ms, 60) == 28 * DAY


def test_nothing_is_stored_yet():
    around = Surroundings(TimeRange(NOW - 30_000, NOW), 73, 30_000, NOW)
    outlook = LIVE.step(-1, around)
    assert outlook.brush == TimeRange(NOW - 30_000, NOW)
    assert LIVE.zoom_out(around) == LIVE
    assert LIVE.move(-100, around).cursor_ms == NOW - 30_000


def test_frames_are_in_order():
    assert list(FRAMES) == sorted(FRAMES)
