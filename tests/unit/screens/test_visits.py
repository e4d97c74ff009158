"""The way back through time."""

from __future__ import annotations

from nftui.engine.history.values import TimeRange
from nftui.screens.outlook import Outlook
from nftui.screens.visits import Visits


def outlook(number: int) -> Outlook:
    return Outlook(60_000, TimeRange(0, 100_000), TimeRange(number * 1000, number * 1000 + 1000))


def test_back_and_forward_as_in_a_browser():
    visits = Visits(outlook(0))
    for number in (1, 2, 3):
        visits.arrive(outlook(number))
    assert [visits.move(-1), visits.move(-1)] == [outlook(2), outlook(1)]
    assert visits.move(1) == outlook(2)
    visits.arrive(outlook(9))
    assert visits.move(1) is None  # 3 was given up
    assert [visits.move(-1), visits.move(-1), visits.move(-1), visits.move(-1)] == [
        outlook(2), outlook(1), outlook(0), None,
    ]  # fmt: skip


def test_many_small_moves_are_one_visit():
    visits = Visits(outlook(0))
    for number in range(1, 30):
        visits.arrive(outlook(number), adjusting=True)
    assert visits.move(-1) == outlook(0)
    assert visits.move(1) == outlook(29)
    visits.arrive(outlook(30), adjusting=True)
    assert visits.move(-1) == outlook(29)


def test_only_the_latest_hundred_are_kept():
    visits = Visits(outlook(0))
    for number in range(1, 300):
        visits.arrive(outlook(number))
    back = [found.brush.start_ms // 1000 for _ in range(200) if (found := visits.move(-1)) and found.brush]
    assert back == list(range(298, 199, -1))
