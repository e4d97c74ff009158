"""Which column of the screen stands for which time, and what is shaded."""

from __future__ import annotations

import numpy as np

from nftui.widgets.timeline_data import Look, TimelineData


def data(**values: object) -> TimelineData:
    """Two layers, four buckets of 10 s from 100 s on, in a frame from 100 s to 140 s."""
    rates = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 5.0, 0.0]])
    usual: dict[str, object] = {"start_ms": 100_000, "end_ms": 140_000, "seen_ms": 140_000}
    return TimelineData(["a", "b"], [1, 2], rates, 100_000, 10_000, **(usual | values))  # type: ignore[arg-type]


def test_each_column_shows_the_bucket_in_its_middle():
    assert data().by_column(8).tolist() == [[1, 1, 2, 2, 3, 3, 4, 4], [0, 0, 0, 0, 5, 5, 0, 0]]
    assert data().by_column(4).tolist() == [[1, 2, 3, 4], [0, 0, 5, 0]]


def test_a_frame_that_moved_on_shows_the_same_buckets_further_left():
    moved = data(start_ms=120_000, end_ms=160_000)
    assert moved.by_column(4).tolist() == [[3, 4, 0, 0], [5, 0, 0, 0]]


def test_times_and_columns():
    shown = data()
    assert [shown.column(time, 4) for time in (100_000, 109_999, 110_000, 139_999, 140_000)] == [0, 0, 1, 3, 4]
    assert shown.span_columns((110_000, 130_000), 4) == (1, 3)
    assert shown.span_columns((110_000, 110_001), 4) == (1, 2)
    assert shown.span_columns((0, 999_999), 4) == (0, 4)
    assert shown.span_columns((140_000, 150_000), 4) is None
    assert shown.span_columns(None, 4) is None
    assert (shown.at(119_999), shown.at(99_999), shown.at(140_000)) == (1, None, None)


def test_holes_losses_and_what_is_not_brushed_look_different():
    shown = data(covered=np.array([1.0, 0.4, 0.0, 0.0]), lost=np.array([0, 0, 0, 7]), seen_ms=130_000)
    looks = [Look(value) for value in shown.looks(4, (110_000, 130_000)).tolist()]
    # The last bucket is not over yet as far as is known, so that it has no hole.
    assert looks == [Look.FADED, Look.GAP, Look.GAP, Look.FADED | Look.LOST]
    assert shown.loss_columns(4) == [3]


def test_nothing_stored_is_one_empty_layer():
    empty = TimelineData([], [], np.zeros((0, 0)), 0, 1000, 0, 60_000, 0)
    assert empty.by_column(5).tolist() == [[0.0] * 5]
    assert empty.looks(5, None).tolist() == [0] * 5
    assert empty.loss_columns(5) == []
