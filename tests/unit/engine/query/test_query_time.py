"""Times and windows as written by people."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from nftui.engine.query.time import Mode, Window, moment, window, zone_of
from nftui.errors import UsageError

NOW = 1_767_268_800_000  # 2026-01-01 12:00:00 UTC, a Thursday
HOUR = 3_600_000
DAY_START = NOW - 12 * HOUR


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026/01/01", DAY_START), ("2026/01/01.10", NOW - 2 * HOUR), ("2026/01/01.10:30", NOW - HOUR * 3 // 2),
        ("2026/01/01.10:30:05", NOW - HOUR * 3 // 2 + 5000), ("2026-01-01", DAY_START), ("2026-01-01T12:00", NOW),
        ("2026-01-01 12:00:00.250", NOW + 250), ("2026-01-01T12:00:00Z", NOW), ("2026-01-01T14:00+02:00", NOW),
        ("2026-01-01T10:30-0130", NOW), ("2026-01-01T24:00", NOW + 12 * HOUR), ("now", NOW), ("-1h", NOW - HOUR),
        ("-90s", NOW - 90_000), ("-1.5h", NOW - HOUR * 3 // 2), ("-2d", NOW - 48 * HOUR), ("today", DAY_START),
        ("yesterday", DAY_START - 24 * HOUR), ("today 14:00", NOW + 2 * HOUR),
        ("yesterday 23:59:30", DAY_START - 30_000),
        ("08:15", DAY_START + 8 * HOUR + 15 * 60_000), ("1767268800", NOW), ("1767268800000", NOW),
    ],
)  # fmt: skip
def test_moments(text: str, ms: int) -> None:
    assert moment(text, NOW, UTC) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorow",
        "2026-13-01",
        "2026-02-30",
        "25:00",
        "12:60",
        "2026/01/01.25",
        "-1y",
        "noon",
        "2026-01-01T10:00+99:00",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    assert moment(text, NOW, UTC) is None
    assert moment("2026-01-01T10:00+99:00", NOW, UTC) is None


def test_a_time_without_zone_belongs_to_the_zone_of_the_output() -> None:
    assert moment("2026-07-01T12:00", NOW, ZoneInfo("Europe/Zurich")) == moment("2026-07-01T10:00Z", NOW, UTC)
    assert moment("2026-01-01T12:00", NOW, ZoneInfo("Europe/Zurich")) == moment("2026-01-01T11:00Z", NOW, UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026/01/01.10:00-2026/01/01.11:30", NOW - 2 * HOUR, NOW - HOUR // 2),
        ("2026/01/01.10", NOW - 2 * HOUR, None),  # nfdump: from there on
        ("2026/01/01", DAY_START, None),
        ("2026-01-01", DAY_START, DAY_START + 24 * HOUR),
        ("2026-01-01T10:00..2026-01-01T11:00", NOW - 2 * HOUR, NOW - HOUR),
        ("2026-01-01T10:00-2026-01-01T11:00", NOW - 2 * HOUR, NOW - HOUR),
        ("2026-01-01T10:00..11:00", NOW - 2 * HOUR, NOW - HOUR),
        ("2025-12-30..2025-12-31", DAY_START - 48 * HOUR, DAY_START),
        ("-1h", NOW - HOUR, None),
        ("-2h..-1h", NOW - 2 * HOUR, NOW - HOUR),
        ("-2h..now", NOW - 2 * HOUR, NOW),
        ("today", DAY_START, DAY_START + 24 * HOUR),
        ("yesterday", DAY_START - 24 * HOUR, DAY_START),
        ("today 14:00..15:00", NOW + 2 * HOUR, NOW + 3 * HOUR),
        ("yesterday 9:00..9:30", DAY_START - 15 * HOUR, DAY_START - 15 * HOUR + 1_800_000),
        ("..2026-01-01T10:00", None, NOW - 2 * HOUR),
        ("2026-01-01T10:00..", NOW - 2 * HOUR, None),
    ],
)
def test_windows(text: str, start: int | None, end: int | None) -> None:
    assert window(text, NOW, UTC) == Window(start, end)


def test_nfdumps_first_and_last_seconds() -> None:
    assert window("+10", NOW, UTC) == Window(first_seconds=10)
    assert window("-10", NOW, UTC, Mode.INSIDE) == Window(last_seconds=10, mode=Mode.INSIDE)


@pytest.mark.parametrize(
    "text", ["", "sometime", "2026-01-01T11:00..2026-01-01T10:00", "10:00..9:00", "2026-01-01...."]
)
def test_a_window_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        window(text, NOW, UTC)


def test_a_day_has_the_length_it_has_in_its_zone() -> None:
    zone = ZoneInfo("Europe/Zurich")
    spring = window("2026-03-29", NOW, zone)
    assert spring.start_ms is not None
    assert spring.end_ms is not None
    assert spring.end_ms - spring.start_ms == 23 * HOUR


def test_zones() -> None:
    assert zone_of(None) is None
    assert zone_of(None, utc=True) is UTC
    assert zone_of("Europe/Zurich") == ZoneInfo("Europe/Zurich")
    with pytest.raises(UsageError, match="unknown time zone 'Mars/Olympus'"):
        zone_of("Mars/Olympus")
