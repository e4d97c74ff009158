"""Marks of a time axis: round times of the reader's clock and calendar, also on days that are not 24 hours long."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from nftui.widgets.timeline_axis import Tick, ago_ticks, clock_ticks

ZURICH = ZoneInfo("Europe/Zurich")
KATHMANDU = ZoneInfo("Asia/Kathmandu")


def at(text: str, zone: ZoneInfo | None = None) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp() * 1000)


def labels(ticks: list[Tick]) -> list[str]:
    return [tick.label for tick in ticks]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-21T14:00:00", "2026-11-21T14:01:00",
         ["14:00:00", "14:00:10", "14:00:20", "14:00:30", "14:00:40", "14:00:50"]),
        ("2026-11-21T14:00:10", "2026-11-21T14:20:10", ["14:05", "14:10", "14:15", "14:20"]),
        ("2026-11-21T22:30:00", "2026-11-22T02:30:00", ["23:00", "Nov 22", "01:00", "02:00"]),
        ("2026-11-19T12:00:00", "2026-11-23T12:00:00", ["Nov 20 2026", "Nov 21", "Nov 22", "Nov 23"]),
        ("2025-11-10T00:00:00", "2026-03-10T00:00:00", ["Dec 2025", "Jan 2026", "Feb", "Mar"]),
    ],
)  # fmt: skip
def test_marks_are_round_times_and_tell_day_and_year(start: str, end: str, expected: list[str]):
    assert labels(clock_ticks(at(start), at(end), 100, UTC)) == expected


def test_the_day_on_which_the_clock_goes_back_has_an_hour_more():
    start, end = at("2026-10-25T00:00", ZURICH), at("2026-10-26T00:00", ZURICH)
    assert end - start == 25 * 3_600_000
    ticks = clock_ticks(start, end, 120, ZURICH)
    assert labels(ticks) == ["00:00", "06:00", "12:00", "18:00"]
    assert [tick.time_ms - start for tick in ticks] == [0, 7 * 3_600_000, 13 * 3_600_000, 19 * 3_600_000]


def test_the_day_on_which_the_clock_goes_forward_leaves_an_hour_out():
    start, end = at("2026-03-29T00:00", ZURICH), at("2026-03-29T06:00", ZURICH)
    assert end - start == 5 * 3_600_000
    assert labels(clock_ticks(start, end, 100, ZURICH)) == ["00:00", "01:00", "03:00", "04:00", "05:00"]


def test_minutes_are_round_in_a_zone_of_three_quarters_of_an_hour():
    start = at("2026-11-21T10:00", KATHMANDU)
    assert labels(clock_ticks(start, start + 90 * 60_000, 60, KATHMANDU)) == ["10:00", "10:30", "11:00"]


def test_marks_before_now_are_round_distances():
    assert ago_ticks(0, 113_000, 113) == [
        Tick(113_000, "now"), Tick(98_000, "-15s"), Tick(83_000, "-30s"), Tick(68_000, "-45s"), Tick(53_000, "-1m"),
        Tick(38_000, "-1m15"), Tick(23_000, "-1m30"), Tick(8_000, "-1m45"),
    ]  # fmt: skip


@pytest.mark.parametrize("columns", [4, 33, 73, 113, 293])
@pytest.mark.parametrize("seconds", [10, 60, 3600, 86_400, 7 * 86_400, 90 * 86_400, 3650 * 86_400])
def test_marks_have_room_and_are_in_order(seconds: int, columns: int):
    start = at("2026-02-03T04:05:06")
    ticks = clock_ticks(start, start + seconds * 1000, columns, ZURICH)
    times = [tick.time_ms for tick in ticks]
    assert times == sorted(set(times))
    assert all(start <= time < start + seconds * 1000 for time in times)
    assert len(ticks) <= columns / 10 + 2
