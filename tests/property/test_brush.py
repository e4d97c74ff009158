"""However the brush is moved: it stays in its bounds, is never empty, and zooming in and out returns."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.history.values import TimeRange
from nftui.screens.outlook import Outlook, Surroundings

Move = Callable[[Outlook, Surroundings], Outlook]
NOW = 1_790_000_123_456


@st.composite
def surroundings(draw: st.DrawFn) -> Surroundings:
    length = draw(st.integers(1, 400 * 86_400_000))
    return Surroundings(TimeRange(NOW - length, NOW), draw(st.integers(4, 293)), 30_000, NOW)


buckets = st.integers(-200, 200)
times = st.integers(NOW - 500 * 86_400_000, NOW + 86_400_000)
moves: st.SearchStrategy[Move] = st.one_of(
    buckets.map(lambda n: lambda o, a: o.extend(n, a)),
    buckets.map(lambda n: lambda o, a: o.move(n, a)),
    st.sampled_from([-1, 1]).map(lambda n: lambda o, a: o.extend_to(n, a)),
    st.sampled_from([-1, 1]).map(lambda n: lambda o, a: o.step(n, a)),
    st.tuples(times, times).map(lambda pair: lambda o, a: o.drag(*pair, a)),
    st.tuples(times, st.booleans()).map(lambda pair: lambda o, a: o.zoom_at(*pair, a)),
    times.map(lambda time: lambda o, a: o.point(time, a)),
    st.tuples(times, st.integers(1, 10**10)).map(
        lambda pair: lambda o, a: o.go_to(TimeRange(pair[0], pair[0] + pair[1]), a)
    ),
    st.just(lambda o, a: o.zoom_in(a)),
    st.just(lambda o, a: o.zoom_out(a)),
    st.just(lambda o, a: o.follow()),
)


@given(surroundings(), st.lists(moves, max_size=25))
def test_the_brush_never_leaves_its_bounds_and_is_never_empty(around: Surroundings, chosen: list[Move]):
    outlook = Outlook(60_000)
    for move in chosen:
        outlook = move(outlook, around)
        frame = outlook.shown(around)
        assert frame.length_ms > 0
        if outlook.brush is not None:
            assert outlook.brush.length_ms > 0
            assert around.bounds.start_ms <= outlook.brush.start_ms
            assert outlook.brush.end_ms <= around.bounds.end_ms
            assert outlook.frame is not None
        if outlook.cursor_ms is not None:
            step = outlook.grain_ms(around)
            assert around.bounds.start_ms - step < outlook.cursor_ms <= around.bounds.end_ms


@given(surroundings(), st.lists(moves, max_size=12))
def test_zooming_out_after_zooming_in_returns(around: Surroundings, chosen: list[Move]):
    outlook = Outlook(60_000)
    for move in chosen:
        outlook = move(outlook, around)
    closer = outlook.zoom_in(around)
    frame = outlook.shown(around)
    inside = (
        closer.frame is not None and frame.start_ms <= closer.frame.start_ms and closer.frame.end_ms <= frame.end_ms
    )
    if closer.frame is not None and closer != outlook and inside:
        assert closer.zoom_out(around).shown(around) == frame


@given(surroundings(), st.integers(1, 40))
def test_steps_back_and_forth_return(around: Surroundings, count: int):
    outlook = Outlook(60_000).go_to(TimeRange(NOW - 86_400_000, NOW - 86_400_000 + 60_000), around)
    brush = outlook.brush
    if NOW - 86_400_000 - count * 60_000 < around.bounds.start_ms:
        return
    for _ in range(count):
        outlook = outlook.step(-1, around)
    for _ in range(count):
        outlook = outlook.step(1, around)
    assert outlook.brush == brush
