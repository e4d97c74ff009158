"""What people type as a time, and how the screen writes times."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from nftui.engine.history.values import TimeRange
from nftui.errors import UsageError
from nftui.screens.time_words import asked, length, moment, written, zone_name

ZURICH = ZoneInfo("Europe/Zurich")
NOW = round(datetime(2026, 11, 21, 15, 30, tzinfo=UTC).timestamp() * 1000)
BOUNDS = TimeRange(NOW - 400 * 86_400_000, NOW)


def ms(text: str, zone: ZoneInfo | None = None) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("14:05", "2026-11-21T14:05", "2026-11-21T14:06"),
        ("14:05:07", "2026-11-21T14:05:07", "2026-11-21T14:05:08"),
        ("-15m", "2026-11-21T15:15", "2026-11-21T15:30"),
        ("-1.5h", "2026-11-21T14:00", "2026-11-21T15:30"),
        ("yesterday", "2026-11-20T00:00", "2026-11-21T00:00"),
        ("yesterday 23:59", "2026-11-20T23:59", "2026-11-21T00:00"),
        ("2026/10/01.12:00", "2026-10-01T12:00", "2026-10-01T12:01"),
        ("2026/10/01", "2026-10-01T00:00", "2026-10-02T00:00"),
        ("2026-10-01T12:30Z", "2026-10-01T12:30", "2026-10-01T12:31"),
        ("2026-10-01T12:30+02:00", "2026-10-01T10:30", "2026-10-01T10:31"),
        ("12:00..12:30", "2026-11-21T12:00", "2026-11-21T12:30"),
        ("2026/10/01.12:00-2026/10/01.13:00", "2026-10-01T12:00", "2026-10-01T13:00"),
        ("yesterday 22:00..yesterday 23:00", "2026-11-20T22:00", "2026-11-20T23:00"),
        ("15:00..", "2026-11-21T15:00", "2026-11-21T15:30"),
        ("15:29..18:00", "2026-11-21T15:29", "2026-11-21T15:30"),
    ],
)
def test_times_and_ranges(text: str, start: str, end: str):
    assert asked(text, NOW, BOUNDS, 30_000, UTC) == TimeRange(ms(start), ms(end))


def test_a_moment_without_a_length_gets_that_of_the_brush():
    assert asked("1795262400", NOW, BOUNDS, 30_000, UTC) == TimeRange(1_795_262_400_000, 1_795_262_430_000)


def test_now_is_no_range():
    assert asked("now", NOW, BOUNDS, 30_000) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [("soon", "not understood"), ("-10", "needs a unit"), ("25:00", "not understood"),
     ("2020-01-01", "nothing is stored"),
     ("2027-01-01", "nothing is stored"), ("13:00..12:00", "ends before it begins")],
)  # fmt: skip
def test_what_cannot_be_gone_to_is_said(text: str, word: str):
    with pytest.raises(UsageError, match=word):
        asked(text, NOW, BOUNDS, 30_000, UTC)


def test_the_hour_that_comes_twice_is_the_first_one_unless_its_zone_is_said():
    now = ms("2026-10-25T12:00", ZURICH)
    bounds = TimeRange(now - 86_400_000, now)
    assert asked("2026-10-25 02:30", now, bounds, 1000, ZURICH) == TimeRange(
        ms("2026-10-25T00:30"), ms("2026-10-25T00:31")
    )
    late = asked("2026-10-25T02:30+01:00", now, bounds, 1000, ZURICH)
    assert late == TimeRange(ms("2026-10-25T01:30"), ms("2026-10-25T01:31"))
    assert (zone_name(ms("2026-10-25T00:30"), ZURICH), zone_name(ms("2026-10-25T01:30"), ZURICH)) == ("CEST", "CET")


def test_ranges_as_written():
    def words(start: str, end: str) -> str:
        return written(TimeRange(ms(start), ms(end)), NOW, UTC)

    assert words("2026-11-21T14:00", "2026-11-21T14:05") == "14:00-14:05"
    assert words("2026-11-21T14:00:05", "2026-11-21T14:00:06") == "14:00:05-14:00:06"
    assert words("2026-11-20T23:50", "2026-11-21T00:10") == "Nov 20 23:50 - 00:10"
    assert words("2025-12-31T23:00", "2026-01-01T01:00") == "2025 Dec 31 23:00 - Jan 01 01:00"
    assert moment(ms("2026-11-21T14:00"), NOW, ZURICH) == "15:00:00"


def test_lengths_as_written():
    assert [length(n) for n in (250, 1000, 30_000, 300_000, 5_400_000, 86_400_000, 90_061_000)] == [
        "0.25 s", "1 s", "30 s", "5 min", "1 h 30 min", "1 d", "1 d 1 h",
    ]  # fmt: skip
