"""A damped order: nothing comes or goes, near values keep their places, and the order is right in the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.live.snapshot import ColumnSpec, LiveRequest, LiveSnapshot, Series, Totals
from nftui.engine.schema import Show
from nftui.screens.steadiness import MARGIN, RENEWED_MS, Steadiness

NAMES = "abcdefghij"
Values = dict[int, float]


def snapshot(values: Values, now_ms: int, descending: bool = True) -> LiveSnapshot:
    """Rows by rate, as the live window orders them."""
    sign = -1 if descending else 1
    keys = sorted(values, key=lambda key: (sign * values[key], key))
    rates = np.array([values[key] for key in keys], np.float64)
    return LiveSnapshot(
        LiveRequest("host", None, "rate", descending), 1, now_ms, 30.0, 30.0,
        (ColumnSpec("addr", "Host", Show.TEXT), ColumnSpec("rate", "Rate", Show.COUNT)), "rate",
        {"addr": [NAMES[key] for key in keys], "rate": rates, "seen": np.full(len(keys), now_ms)},
        np.array(keys, np.uint64), np.arange(len(keys)), len(keys), np.zeros((len(keys), 10)), Totals(), Series(),
    )  # fmt: skip


rows = st.dictionaries(st.integers(0, 9), st.integers(0, 1000).map(float), max_size=10)
moments = st.lists(st.tuples(rows, st.integers(1, 2 * RENEWED_MS)), min_size=1, max_size=8)


@given(moments, st.booleans())
def test_the_rows_are_those_of_the_snapshot_each_with_its_values(moments: list[tuple[Values, int]], descending: bool):
    steadiness, now = Steadiness(), 0
    for values, later in moments:
        now += later
        shown = steadiness.order(snapshot(values, now, descending)).snapshot
        found = dict(zip(shown.keys.tolist(), shown.values["rate"].tolist(), strict=True))
        assert found == values
        assert len(shown.keys) == len(values)
        assert list(shown.values["addr"]) == [NAMES[key] for key in shown.keys.tolist()]


@given(moments, rows, st.booleans())
def test_values_that_stand_still_are_in_their_order_after_the_scores_were_renewed(
    moments: list[tuple[Values, int]], last: Values, descending: bool
):
    steadiness, now = Steadiness(), 0
    for values, later in moments:
        now += later
        steadiness.order(snapshot(values, now, descending))
    asked = snapshot(last, now + RENEWED_MS, descending)
    assert steadiness.order(asked).snapshot.keys.tolist() == asked.keys.tolist()


@given(rows, st.lists(st.floats(1 - MARGIN / 2, 1 + MARGIN / 2), min_size=10, max_size=10))
def test_rows_whose_values_hover_keep_their_places(values: Values, factors: list[float]):
    steadiness = Steadiness()
    before = steadiness.order(snapshot(values, 10_000)).snapshot.keys.tolist()
    hovering = {key: value * factors[key] for key, value in values.items()}
    assert steadiness.order(snapshot(hovering, 10_000 + RENEWED_MS // 2)).snapshot.keys.tolist() == before


@given(rows)
def test_a_row_that_grows_beyond_the_margin_moves_at_once(values: Values):
    steadiness = Steadiness()
    steadiness.order(snapshot(values, 10_000))
    grown = {**values, 3: 2000.0}
    assert steadiness.order(snapshot(grown, 10_500)).snapshot.keys.tolist()[:1] == [3]


@given(rows, rows)
def test_a_held_order_keeps_rows_and_places_and_takes_new_values(before: Values, after: Values):
    steadiness = Steadiness()
    shown = steadiness.order(snapshot(before, 10_000)).snapshot
    steadiness.held = True
    steady = steadiness.order(snapshot(after, 10_500))
    assert steady.snapshot.keys.tolist() == shown.keys.tolist()
    expected = [after.get(key, before[key]) for key in shown.keys.tolist()]
    assert steady.snapshot.values["rate"].tolist() == expected
    assert steady.stale.tolist() == [key not in after for key in shown.keys.tolist()]
    assert steady.gone == len(before.keys() - after.keys())
    first = sorted(after, key=lambda key: (-after[key], key))[: len(before)]
    assert steady.new == len(set(first) - before.keys())


@given(rows, rows)
def test_another_filter_lets_a_held_order_go(before: Values, after: Values):
    steadiness = Steadiness()
    steadiness.order(snapshot(before, 10_000))
    steadiness.held = True
    asked = snapshot(after, 10_500)
    other = replace(asked, request=replace(asked.request, view="pair"))
    assert steadiness.order(other).snapshot.keys.tolist() == asked.keys.tolist()
    assert not steadiness.held
