"""Files of a query in portions by time: all of them, in order, the first ones few."""

from __future__ import annotations

from pathlib import Path

from store_samples import NOON_MS

from nftui.engine.query.flow_session import Part
from nftui.engine.query.portions import portions
from nftui.engine.store.layout import HOUR_MS, PartName

ROOT = Path("/store")
SLOT_MS = 300_000


def slot(number: int, part: int = 0) -> str:
    return str(PartName(NOON_MS + number * SLOT_MS, "0123abcd", part).sealed(ROOT))


def hour(number: int) -> str:
    return str(PartName(NOON_MS + number * HOUR_MS, "0123abcd", 0, hour=True).sealed(ROOT))


def segment(number: int) -> Path:
    return PartName(NOON_MS + number * SLOT_MS, "0123abcd", 7).segment(ROOT)


def test_the_first_portions_are_small_and_the_earliest_slots() -> None:
    files = [slot(number, part) for number in reversed(range(20)) for part in (0, 1)]
    found = portions(files, [])
    assert [len(part.files) for part in found] == [8, 16, 16]
    assert [sorted(part.files) for part in found] == [
        sorted(slot(number, part) for number in slots for part in (0, 1))
        for slots in (range(4), range(4, 12), range(12, 20))
    ]
    assert not any(part.live for part in found)


def test_few_flows_are_looked_for_in_large_portions() -> None:
    files = [slot(number) for number in range(300)]
    assert [len(part.files) for part in portions(files, [], few=True)] == [256, 44]


def test_what_is_as_late_as_a_live_segment_comes_with_it() -> None:
    files = [slot(number) for number in range(3)]
    assert portions(files, [segment(2)]) == [Part((slot(0), slot(1)), False), Part((slot(2),), True)]
    assert portions([], [segment(2)]) == [Part((), True)]


def test_an_hour_keeps_its_late_slots_and_may_reach_into_a_live_one() -> None:
    assert portions([slot(3), hour(0)], []) == [Part((slot(3), hour(0)), False)]
    assert portions([hour(0), hour(1)], [segment(14)]) == [Part((hour(0),), False), Part((hour(1),), True)]


def test_names_without_a_time_are_one_portion() -> None:
    files = [slot(0), "/elsewhere/flows.parquet"]
    assert portions(files, []) == [Part(tuple(files), True)]
