"""Rows from any place of an order on, without sorting all of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.live.grouping import between, select

VALUES = st.lists(st.integers(0, 6), min_size=1, max_size=60)


@given(VALUES, st.booleans(), st.integers(0, 60), st.integers(1, 20))
def test_any_part_of_the_order_is_that_of_the_whole(
    values: list[int], descending: bool, start: int, count: int
) -> None:
    first = np.array(values, np.int64)
    second = np.arange(len(values))[::-1] % 4
    third = np.arange(len(values)).astype(np.uint64)
    levels = [(first, descending), (second.astype(np.float64), True), (third, False)]
    sign = -1 if descending else 1
    expected = sorted(range(len(values)), key=lambda row: (sign * values[row], -second[row], row))
    stop = min(start + count, len(values))
    start = min(start, stop)
    pool = np.arange(len(values))
    assert between(levels, start, stop, pool).tolist() == expected[start:stop]
    rows, ranks = select(levels, pool, count, start, None)
    offset = max(0, min(start, len(values) - count))
    assert rows.tolist() == expected[offset : offset + count]
    assert ranks.tolist() == list(range(offset, offset + len(rows)))
    anchor = expected[len(expected) // 2]
    rows, ranks = select(levels, pool, count, start, anchor)
    assert anchor in rows.tolist()
    assert [expected.index(row) for row in rows.tolist()] == ranks.tolist()
